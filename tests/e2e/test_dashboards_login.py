"""Who gets in through the page, and what becomes of it; past it: `test_login_requests.py`."""

from __future__ import annotations

import re

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, WebSocket, expect

from access.people import add_person, remove_person
from tests.e2e.conftest import Dashboards
from tests.e2e.logins import log_in
from tests.e2e.tutors import add_tutor, tutor_id


def test_strangers_see_the_login_and_nothing_else(dashboards: Dashboards, stranger: Page) -> None:
    stranger.goto(dashboards.address + "/tutors")

    expect(stranger).to_have_url(re.compile(r"/login\?next=%2Ftutors$"))
    expect(stranger.get_by_role("button", name="Log in")).to_be_visible()
    expect(stranger.get_by_text("Alma")).to_have_count(0)


def test_a_wrong_password_is_refused(dashboards: Dashboards, stranger: Page) -> None:
    stranger.goto(dashboards.address + "/tutors")
    stranger.get_by_label("Password").fill(dashboards.password + "x")
    with stranger.expect_response("**/login*") as answer:
        stranger.get_by_role("button", name="Log in").click()

    assert answer.value.status == 401
    expect(stranger.get_by_role("alert")).to_have_text("That name and password do not belong together.")
    stranger.goto(dashboards.address + "/tutors")
    expect(stranger).to_have_url(re.compile("/login"))


def test_logging_out_ends_it(dashboards: Dashboards, stranger: Page) -> None:
    stranger.goto(dashboards.address)
    stranger.get_by_label("Password").fill(dashboards.password)
    stranger.get_by_role("button", name="Log in").click()
    other = stranger.context.new_page()
    other.goto(dashboards.address + "/tutors")
    expect(other.get_by_text(re.compile("^Updated ")).first).to_be_visible()
    stranger.get_by_role("link", name="Log out").click()
    expect(stranger.get_by_text("You are logged in as admin.")).to_be_visible()
    stranger.get_by_role("button", name="Log out").click()
    expect(stranger.get_by_role("button", name="Log in")).to_be_visible()
    expect(other.get_by_role("button", name="Log in")).to_be_visible()
    stranger.goto(dashboards.address + "/tutors")

    expect(stranger).to_have_url(re.compile("/login"))


def test_a_link_of_a_mail_leads_through_the_login_to_its_tutor(dashboards: Dashboards, stranger: Page) -> None:
    key = tutor_id("Linked")
    add_tutor(dashboards.engine, "Linked", (0, 1), (0, 1), (0, 1))
    add_tutor(dashboards.engine, "Worse", (1, 1), (1, 1), (1, 1))
    stranger.goto(f"{dashboards.address}/tutors?tutor={key}")
    stranger.get_by_label("Password").fill(dashboards.password)
    stranger.get_by_role("button", name="Log in").click()

    expect(stranger).to_have_url(f"{dashboards.address}/tutors?tutor={key}")
    expect(stranger.get_by_role("heading", name="Linked")).to_be_visible()


def test_somebody_logs_in_and_a_removal_ends_what_they_have_open(dashboards: Dashboards, stranger: Page) -> None:
    password = add_person(dashboards.engine, "ada@example.com", "viewer", actor="account root")
    assert password is not None
    log_in(stranger, dashboards, "Ada@Example.com ", password)
    expect(stranger.get_by_text(re.compile("^Updated ")).first).to_be_visible()
    expect(stranger.get_by_text("ada@example.com")).to_be_visible()

    remove_person(dashboards.engine, "ada@example.com", actor="account root")

    expect(stranger).to_have_url(re.compile("/login"))
    expect(stranger.get_by_role("alert")).to_have_text(re.compile("Your login has ended"))
    stranger.goto(dashboards.address + "/tutors")
    expect(stranger).to_have_url(re.compile("/login"))
    log_in(stranger, dashboards, "ada@example.com", password)
    expect(stranger.get_by_role("alert")).to_have_text("That name and password do not belong together.")
    expect(stranger.get_by_label("Name")).to_have_value("ada@example.com")
    expect(stranger.get_by_label("Password")).to_be_focused()


def test_a_page_that_does_not_leave_is_not_fed_any_more(dashboards: Dashboards, stranger: Page) -> None:
    password = add_person(dashboards.engine, "mallory", "viewer", actor="account root")
    assert password is not None
    sockets: list[WebSocket] = []
    stranger.on("websocket", lambda socket: sockets.append(socket))  # noqa: PLW0108  # Playwright takes no method of C
    log_in(stranger, dashboards, "mallory", password)
    expect(stranger.get_by_text(re.compile("^Updated ")).first).to_be_visible()
    stranger.on("dialog", lambda dialog: dialog.dismiss())  # stay
    stranger.mouse.click(5, 300)  # a browser asks only those who have done something here
    stranger.evaluate("() => { onbeforeunload = event => event.preventDefault() }")

    with sockets[0].expect_event("close"):
        remove_person(dashboards.engine, "mallory", actor="account root")

    expect(stranger).to_have_url(dashboards.address + "/overview")


def test_the_pages_of_the_door_can_be_used_by_everybody(dashboards: Dashboards, stranger: Page) -> None:
    for look in ("light", "dark"):
        stranger.emulate_media(color_scheme=look)
        stranger.goto(dashboards.address)
        check_page(stranger)
        log_in(stranger, dashboards, "admin", "wrong")
        expect(stranger.get_by_role("alert")).to_be_visible()
        check_page(stranger)
        log_in(stranger, dashboards, "admin", dashboards.password)
        stranger.goto(dashboards.address + "/logout")
        check_page(stranger)
        stranger.get_by_role("button", name="Log out").click()


def check_page(page: Page) -> None:
    """axe-core finds nothing, and nothing sticks out on a phone."""
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert [violation["id"] for violation in Axe().run(page).response["violations"]] == []
