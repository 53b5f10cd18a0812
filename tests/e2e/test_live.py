"""Open pages follow the records by what commits tell: here none would ask by itself before an hour is over."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import BrowserContext, Page, WebSocketRoute, expect
from sqlalchemy import URL, text

from records.listening import CHANGES
from scoring.tutors import score_tutors
from tests.bentos.conftest import wait_until
from tests.conftest import connect_as_owner
from tests.e2e.conftest import Dashboards
from tests.e2e.tutors import NOW, add_tutor, row, shown_names, tutor_id, write_tutors
from tests.scoring.conftest import Records

POLL_S = 3600.0


@pytest.fixture(autouse=True)
def records(dashboards: Dashboards) -> Records:
    write_tutors(dashboards.engine)
    return Records(dashboards.engine)


@pytest.fixture
def page(dashboards: Dashboards, visitor: BrowserContext) -> Iterator[Page]:
    page = visitor.new_page()
    page.goto(dashboards.address + "/tutors")
    expect(shown_names(page).first).to_have_text("Alma")
    yield page
    page.close()


@pytest.fixture
def pages(page: Page) -> Iterator[tuple[Page, Page]]:
    other = page.context.new_page()
    other.goto(page.url)
    expect(shown_names(other).first).to_have_text("Alma")
    yield page, other
    other.close()


def test_scores_of_new_sessions_reach_all_open_pages_and_disturb_nobody(
    dashboards: Dashboards, pages: tuple[Page, Page], records: Records
) -> None:
    one, other = pages
    for page in pages:
        page.evaluate("window.kept = true")
    one.get_by_role("textbox").fill("BER")
    expect(shown_names(one)).to_have_text(["Bert"])
    other.get_by_role("button", name="Tutor", exact=True).click()
    expect(shown_names(other).first).not_to_have_text("Alma")  # in another order, which begins at its first page
    other.get_by_role("button", name="Next page").click()
    expect(other.get_by_text("11–16 of 16")).to_be_visible()
    row(other, "Other 07").click(position={"x": 300, "y": 10})
    expect(other.get_by_role("heading", name="Other 07")).to_be_visible()

    bert = str(tutor_id("Bert"))
    for days in range(1, 11):
        records.session(bert, NOW - timedelta(days=days), "rescheduled" if days < 4 else "completed")
    score_tutors(dashboards.engine, NOW, tutors=[bert])

    # 3 of 10 in 30 days, 3 of 6 in 7: the session of seven days ago to the second is none of them
    expect(row(one, "Bert").locator("td .text")).to_have_text(
        ["High", "30.0%", "6.3%", "+20.0 pp", "50.0%", "30.0%", "10"]
    )
    expect(one.get_by_role("heading", name="Bert")).to_be_visible()
    expect(one.get_by_role("textbox")).to_have_value("BER")
    expect(one.get_by_role("textbox")).to_be_focused()
    for page in pages:
        expect(page.locator("dl.tiles .figure").nth(1)).to_have_text("2")
        assert page.evaluate("window.kept")
    expect(other.get_by_text("11–16 of 16")).to_be_visible()
    expect(other.get_by_role("columnheader", name="Tutor")).to_have_attribute("aria-sort", "ascending")
    expect(other.get_by_role("heading", name="Other 07")).to_be_visible()
    expect(row(other, "Other 07")).to_have_attribute("aria-current", "true")


def test_a_person_who_is_read_about_stays_though_another_becomes_first(dashboards: Dashboards, page: Page) -> None:
    expect(page.get_by_role("heading", name="Alma")).to_be_visible()

    add_tutor(dashboards.engine, "Worst", (4, 4), (9, 10), (10, 40))

    expect(shown_names(page).first).to_have_text("Worst")
    expect(page.get_by_role("heading", name="Alma")).to_be_visible()


def test_what_stays_the_same_is_not_drawn_again(dashboards: Dashboards, page: Page) -> None:
    for _ in range(2):  # what the first time brought is drawn by the second
        hear_of_all(dashboards, page)
    for part in ("tbody tr", "dl.tiles", "section header", "canvas"):
        page.locator(part).first.evaluate("element => { element.kept = true }")
    hear_of_all(dashboards, page)
    for part in ("tbody tr", "dl.tiles", "section header", "canvas"):
        assert page.locator(part).first.evaluate("element => element.kept"), part


def hear_of_all(dashboards: Dashboards, page: Page) -> None:
    """Until the page was loaded anew because of a change, which is then the newest."""
    updated = page.get_by_text("Updated")
    before = updated.inner_text()

    def is_told_anew() -> bool:
        with dashboards.engine.begin() as connection:
            connection.execute(text(f"NOTIFY {CHANGES}"))
        return updated.inner_text() != before  # it tells seconds: the first may be of the same one

    wait_until(is_told_anew, 60)


def test_a_lost_database_is_said_and_got_over(dashboards: Dashboards, pages: tuple[Page, Page]) -> None:
    banners = [page.get_by_role("alert").filter(has_text="The records cannot be reached") for page in pages]
    for banner in banners:
        expect(banner).to_be_hidden()

    with without_database(dashboards.engine.url):
        for banner in banners:
            expect(banner).to_be_visible()
            expect(banner).to_contain_text("does not answer")
        pages[0].get_by_role("textbox").fill("bert")
        expect(shown_names(pages[0]).first).to_have_text("Alma")

    for banner in banners:
        expect(banner).to_be_hidden()
    expect(shown_names(pages[0])).to_have_text(["Bert"])
    expect(pages[0].get_by_role("textbox")).to_have_value("bert")

    add_tutor(dashboards.engine, "Bertha", (4, 4), (9, 10), (10, 40))  # told to the listener's new connection
    expect(shown_names(pages[0])).to_have_text(["Bertha", "Bert"])


def test_a_page_that_lost_the_server_says_so_and_comes_back(dashboards: Dashboards, visitor: BrowserContext) -> None:
    page = visitor.new_page()
    connections: list[WebSocketRoute] = []

    def pass_on(connection: WebSocketRoute) -> None:
        connections.append(connection)
        connection.connect_to_server()

    page.route_web_socket("**/ws*", pass_on)
    page.route("**/login", lambda route: route.abort())
    page.goto(dashboards.address + "/tutors")
    expect(shown_names(page).first).to_have_text("Alma")
    page.evaluate("window.kept = true")

    connections[0].close()

    expect(page.get_by_role("alert").filter(has_text="connection to the dashboards is lost")).to_be_visible()
    page.unroute("**/login")
    page.wait_for_function("!window.kept && document.readyState === 'complete'")
    expect(shown_names(page).first).to_have_text("Alma")
    expect(page.locator("#lost-connection")).to_have_count(0)
    page.close()


class without_database:  # noqa: N801  # reads as a statement
    """While inside, the database refuses connections and has cut those it had."""

    def __init__(self, url: URL) -> None:
        self.url = url

    def __enter__(self) -> None:
        with connect_as_owner(self.url) as run:
            run(f'ALTER DATABASE "{self.url.database}" ALLOW_CONNECTIONS false')
            run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{self.url.database}'")

    def __exit__(self, *_: object) -> None:
        with connect_as_owner(self.url) as run:
            run(f'ALTER DATABASE "{self.url.database}" ALLOW_CONNECTIONS true')
