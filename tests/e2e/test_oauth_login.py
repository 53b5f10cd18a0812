"""Logins with an account elsewhere: a real provider on loopback, a real Chromium."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import text

from access.audit import list_actions
from access.people import add_person, remove_person
from tests.e2e.conftest import Dashboards
from tests.e2e.logins import log_in
from tests.e2e.provider import SECRET, Provider, run_provider

ACTOR = "account root"
OBRIEN = "o'brien@example.com"
PEOPLE = {
    "O'Brien": {"sub": "1", "email": "O'Brien@example.com", "email_verified": True},
    "Stranger": {"sub": "2", "email": "<b>eve</b>@example.com", "email_verified": True},
    "Unconfirmed": {"sub": "3", "email": OBRIEN, "email_verified": False},
    "Password": {"sub": "4", "email": "ada@example.com", "email_verified": True},
}


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with run_provider(PEOPLE) as provider:
        yield provider


@pytest.fixture(scope="module")
def further_settings(provider: Provider) -> dict[str, str]:
    return {**provider.settings, "TQS_DASHBOARD_URL": ""}


@pytest.fixture(autouse=True)
def nobody(dashboards: Dashboards) -> None:
    with dashboards.engine.begin() as connection:
        connection.execute(text("DELETE FROM people"))


def choose(page: Page, dashboards: Dashboards, account: str) -> None:
    page.goto(dashboards.address + "/tutors?tutor=7")
    page.get_by_role("link", name="Log in with your organisation").click()
    page.get_by_role("link", name=account).click()


def test_a_coach_logs_in_elsewhere_and_leaves_again(dashboards: Dashboards, stranger: Page) -> None:
    assert add_person(dashboards.engine, OBRIEN, "coach", oauth=True, actor=ACTOR) is None

    choose(stranger, dashboards, "O'Brien")

    expect(stranger).to_have_url(dashboards.address + "/tutors?tutor=7")
    expect(stranger.get_by_text(re.compile("^Updated ")).first).to_be_visible()
    expect(stranger.get_by_text(OBRIEN)).to_be_visible()
    cookies = {cookie["name"]: cookie for cookie in stranger.context.cookies()}  # the provider's tokens are not there
    assert set(cookies) - {"tqs-look"} == {"user", "_xsrf"}
    assert (cookies["user"]["httpOnly"], cookies["user"]["sameSite"]) == (True, "Lax")
    row = list_actions(dashboards.engine, 1)[0]
    assert (row.actor, row.action, row.details) == (f"person {OBRIEN}", "log in", {"by": "oauth"})

    remove_person(dashboards.engine, OBRIEN, actor=ACTOR)

    expect(stranger).to_have_url(re.compile("/login"))
    expect(stranger.get_by_role("alert")).to_have_text(re.compile("Your login has ended"))


@pytest.mark.long
def test_a_stranger_is_told_who_they_are_and_what_lets_them_in(dashboards: Dashboards, stranger: Page) -> None:
    with stranger.expect_response("**/oauth?code=*") as answer:
        choose(stranger, dashboards, "Stranger")

    assert answer.value.status == 403
    expect(stranger.get_by_role("heading")).to_have_text("You have no access yet")
    expect(stranger.get_by_text("At your organisation you are logged in as <b>eve</b>@example.com")).to_be_visible()
    expect(stranger.locator("pre")).to_have_text("tqs people add '<b>eve</b>@example.com' --oauth --role viewer")
    assert not [cookie for cookie in stranger.context.cookies() if cookie["name"] == "user"]
    stranger.goto(dashboards.address + "/tutors")
    expect(stranger).to_have_url(re.compile("/login"))


@pytest.mark.long
@pytest.mark.parametrize("account", ["Unconfirmed", "Password"])
def test_neither_an_unconfirmed_address_nor_somebody_with_a_password_gets_in(
    dashboards: Dashboards, stranger: Page, account: str
) -> None:
    for login, oauth in ((OBRIEN, True), ("ada@example.com", False)):
        add_person(dashboards.engine, login, "admin", oauth=oauth, actor=ACTOR)
    choose(stranger, dashboards, account)
    said = {"Unconfirmed": "It does not say that this e-mail address is yours", "Password": "Here you have a password"}

    expect(stranger.get_by_text(said[account])).to_be_visible()
    expect(stranger.locator("pre")).to_have_count(0)
    stranger.goto(dashboards.address + "/tutors")
    expect(stranger).to_have_url(re.compile("/login"))


@pytest.mark.long
def test_admin_gets_in_where_the_provider_is_away(dashboards: Dashboards, stranger: Page) -> None:
    log_in(stranger, dashboards, "admin", dashboards.password)
    expect(stranger).to_have_url(dashboards.address + "/overview")


@pytest.mark.long
@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("code=x", 401),
        ("code=x&state=", 401),
        ("code=x&state=y", 401),
        ("state=&next=%3Fcode%3Dx", 401),
        ("error=access_denied", 401),
        ("error=x%0Aforged", 400),
        ("next=///evil.example", 400),
    ],
)
def test_an_answer_that_nobody_asked_for_is_refused(
    dashboards: Dashboards, stranger: Page, query: str, status: int
) -> None:
    answer = stranger.goto(f"{dashboards.address}/oauth?{query}")

    assert answer is not None
    assert answer.status == status
    assert "forged" not in (dashboards.home / "log").read_text()
    expect(stranger.get_by_text("Logging in with your organisation did not work.")).to_be_visible()
    assert not [cookie for cookie in stranger.context.cookies() if cookie["name"] == "user"]


@pytest.mark.long
def test_a_code_that_the_provider_does_not_know_lets_nobody_in(dashboards: Dashboards, stranger: Page) -> None:
    stranger.goto(dashboards.address + "/oauth")
    state = re.search("state=([^&]+)", stranger.url)
    assert state is not None

    answer = stranger.goto(f"{dashboards.address}/oauth?code=x&state={state[1]}")

    assert answer is not None
    assert answer.status == 502
    assert not [cookie for cookie in stranger.context.cookies() if cookie["name"] == "user"]
    assert SECRET not in answer.text() + (dashboards.home / "log").read_text()
