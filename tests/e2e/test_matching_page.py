"""A coach finds a better tutor for a student, sees why, tries what would be if, and assigns a group."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import text

from tests.e2e.conftest import Dashboards
from tests.e2e.logins import visit_as
from tests.e2e.matching import card, choose, collect, write_matches
from tests.e2e.test_tutors_page import CONTRAST
from tests.e2e.tutors import XSS


@pytest.fixture
def ids(dashboards: Dashboards) -> dict[str, UUID]:
    return write_matches(dashboards.engine)


@pytest.fixture
def page(dashboards: Dashboards, visitor: BrowserContext, ids: dict[str, UUID]) -> Iterator[Page]:
    page = visitor.new_page()
    page.goto(f"{dashboards.address}/matching?student={ids['Anna']}&session={ids['session']}")
    expect(page.get_by_role("heading", name="Anna with Zoe")).to_be_visible()
    yield page
    page.close()


def test_a_better_tutor_than_the_one_there_is(dashboards: Dashboards, page: Page, ids: dict[str, UUID]) -> None:
    expect(page.get_by_text("No model of matches serves yet, so the rule answers")).to_be_visible()
    expect(card(page, "tutors", "Zoe")).to_contain_text("Current tutor")
    expect(page.locator(".answer .figure")).to_have_text(["50.0%", "50%"])  # style 0.3, and 20 years count of 59
    expect(page.locator(".answer .flag")).to_contain_text("Medium")
    expect(page.locator(".mismatches small")).to_have_text(
        [
            "They prefer the same pace",
            "Their teaching styles differ",
            "Their communication styles agree",
            "They are 59 years apart in age",
        ]
    )
    best = page.get_by_role("table", name="Best tutors for this student")
    expect(best.locator("tbody tr")).to_have_count(3)
    expect(best.locator("tbody tr").first).to_contain_text("Xaver")
    expect(best.locator("tbody tr").first).to_contain_text("−40.0 pp")
    expect(page.locator(".tutors li.card .name")).to_have_text(["Xaver", "Yves", "Zoe"])

    choose(page, "tutors", "Xaver")
    expect(page.get_by_role("heading", name="Anna with Xaver")).to_be_visible()
    expect(page.locator(".answer .figure")).to_have_text(["10.0%", "90%"])
    expect(page.get_by_text("The best match of 3 tutors")).to_be_visible()
    expect(page.get_by_text("Judged by their profiles alone, there is a low risk")).to_be_visible()
    expect(page.get_by_text("Raises the risk: they are 10 years apart in age")).to_be_visible()
    expect(page.get_by_text("Xaver had no sessions in 30 days")).to_be_visible()

    pace = page.get_by_role("slider", name="Pace").first
    pace.press("ArrowRight")
    pace.press("ArrowRight")
    change = page.locator(".change .figure")
    expect(change).to_have_text(["10.0%", "25.0%", "+15.0 pp"])  # two of four points of pace cost half of 0.3
    page.get_by_role("button", name="Reset").click()
    expect(page.locator(".change")).to_have_count(0)
    expect(pace).to_have_value("3")

    page.get_by_role("button", name="Record reassignment").click()
    page.get_by_role("button", name="Yes, Xaver takes it").click()
    expect(page.get_by_text("Recorded: Xaver is to take the session of Zoe")).to_be_visible()
    expect(page.get_by_role("button", name="Reassignment recorded")).to_be_disabled()
    expect(page.get_by_role("link", name="Back to it")).to_have_attribute("href", f"sessions?session={ids['session']}")
    with dashboards.engine.connect() as connection:
        done = connection.execute(text("SELECT session_id, kind, note, actor FROM interventions")).all()
        kept = connection.execute(text("SELECT preferred_pace FROM students WHERE name = 'Anna'")).scalar_one()
    note = f"Reassign from Zoe to Xaver (tutor {ids['Xaver']})"
    assert done == [(ids["session"], "reassign", note, "person admin")]
    assert kept == 3  # what was tried is not stored
    assert f"tutor={ids['Xaver']}" in page.url
    page.go_back()
    expect(page.get_by_role("heading", name="Anna with Zoe")).to_be_visible()


def test_a_group_is_assigned_and_exported(dashboards: Dashboards, page: Page, ids: dict[str, UUID]) -> None:
    expect(page.get_by_role("heading", name="Collect a group")).to_be_visible()
    for student in ("Anna", XSS):
        collect(page, "students", student)
        expect(card(page, "students", student).locator(".collect")).to_have_attribute("aria-pressed", "true")
    page.locator(".students").get_by_role("button", name="Add to the group", exact=True).click()  # and the third
    expect(page.get_by_role("heading", name="3 students")).to_be_visible()
    find = page.get_by_role("button", name="Find the best assignment")
    expect(find).to_be_disabled()
    page.locator(".tutors").get_by_role("button", name="Add to the group", exact=True).click()
    expect(page.get_by_role("heading", name="3 tutors")).to_be_visible()

    find.click()

    expect(
        page.get_by_text("0.08 fewer students expected to leave than by taking the best pair first.")
    ).to_be_visible()
    totals = page.get_by_role("row", name="Expected to leave").get_by_role("cell")
    expect(totals).to_have_text(["0.22", "0.30"])
    pairs = page.get_by_role("table", name="Pairs of the assignment").locator("tbody tr")
    expect(pairs).to_have_count(3)
    anna = pairs.filter(has_text="Anna")
    expect(anna.locator("td .text")).to_have_text(["Yves", "Low 11.0%", "89%", "Xaver"])
    assert page.evaluate("window.hacked") is None
    expect(page.locator("img[src=x]")).to_have_count(0)

    with page.expect_download() as download:
        page.get_by_role("button", name="Export the pairs as CSV").click()
    file = Path(download.value.path())
    rows = list(csv.DictReader(io.StringIO(file.read_text(encoding="utf-8-sig"))))
    assert {(row["student"], row["tutor"], row["churn_probability"]) for row in rows} == {
        ("Anna", "Yves", "0.11"),
        (XSS, "Xaver", "0.11"),
        ("Carl", "Zoe", "0.0"),
    }
    with dashboards.engine.connect() as connection:
        noted = connection.execute(text("SELECT actor, subject, details FROM audit_log")).all()
    assert noted == [("person admin", "assignment", {"rows": 3})]

    page.get_by_role("button", name="Take Anna out of the group").click()
    expect(page.get_by_text("The group has changed since; find the assignment again.")).to_be_visible()


@pytest.mark.long
def test_a_viewer_tries_and_changes_nothing(browser: Browser, dashboards: Dashboards, ids: dict[str, UUID]) -> None:
    with dashboards.engine.begin() as connection:
        connection.execute(text("INSERT INTO people (login, role) VALUES ('vera', 'viewer'), ('cara', 'coach')"))
    path = f"/matching?student={ids['Anna']}&tutor={ids['Xaver']}&session={ids['session']}"
    refused = "Recording a reassignment takes the role coach"
    with visit_as(browser, dashboards, "vera", path) as page:
        expect(page.get_by_role("button", name=refused)).to_be_disabled()
        page.get_by_role("slider", name="Pace").first.press("ArrowRight")
        expect(page.locator(".change .figure")).to_have_text(["10.0%", "17.5%", "+7.5 pp"])
    with visit_as(browser, dashboards, "cara", path) as page:
        page.get_by_role("button", name="Record reassignment").click()
        expect(page.get_by_role("button", name="Yes, Xaver takes it")).to_be_enabled()
        with dashboards.engine.begin() as connection:
            connection.execute(text("UPDATE people SET role = 'viewer' WHERE login = 'cara'"))
        expect(page.get_by_role("button", name=refused)).to_be_disabled()
    with dashboards.engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM interventions")).scalar_one() == 0


@pytest.mark.long
def test_it_is_found_by_name_and_by_keyboard(page: Page) -> None:
    page.get_by_label("Search students by name").fill("<IMG")
    expect(page.locator(".students .range")).to_have_text("1–1 of 1")
    expect(page.locator(".students li.card .name")).to_have_text(["Anna", XSS])  # the chosen one stays in sight
    first = card(page, "students", "Anna").locator(".choose")
    first.focus()
    first.press("ArrowDown")
    expect(card(page, "students", XSS).locator(".choose")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=f"{XSS} with")).to_have_count(0)  # nobody teaches them yet
    expect(page.get_by_role("heading", name="Choose a tutor")).to_be_visible()
    choose(page, "tutors", "Xaver")
    expect(page.get_by_role("heading", name=f"{XSS} with Xaver")).to_be_visible()
    assert page.evaluate("window.hacked") is None
    page.get_by_label("Search tutors by name").fill("nobody")
    expect(page.get_by_role("heading", name="No tutor matches")).to_be_visible()


@pytest.mark.long
def test_nothing_sticks_out_and_all_can_be_read(page: Page) -> None:
    collect(page, "students", "Anna")
    collect(page, "tutors", "Xaver")
    page.get_by_role("button", name="Find the best assignment").click()
    expect(page.get_by_text("Taking the best pair first would do as well here.")).to_be_visible()
    page.get_by_role("slider", name="Pace").first.press("ArrowRight")
    expect(page.locator(".change")).to_be_visible()
    for look in ("light", "dark"):
        if page.locator("html").get_attribute("data-theme") != look:
            page.get_by_label("Light or dark").click()
        expect(page.locator(f".page.mui-{look}")).to_be_visible()
        for width in (390, 1100, 1440):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        for words in (
            ".note",
            ".tag",
            ".badge .text",
            ".ends span",
            ".severity.bad",
            ".why .quiet",
            ".caution",
            "small",
        ):
            ratio = page.locator(words).first.evaluate(CONTRAST)
            assert ratio >= 4.5, f"{words} in {look}: {ratio:.2f}"
        found = Axe().run(page).response["violations"]
        serious = [one for one in found if one["impact"] in ("serious", "critical")]
        assert serious == [], [(one["id"], [node["html"] for node in one["nodes"]]) for one in serious]


@pytest.mark.long
def test_links_to_nobody_and_nothing_to_match(dashboards: Dashboards, page: Page) -> None:
    page.goto(f"{dashboards.address}/matching?student={UUID(int=7)}&tutor=%3Cimg%20src%3Dx%3E")
    expect(page.get_by_role("alert").filter(has_text="Somebody is not here")).to_be_visible()
    expect(page.get_by_role("heading", name="Choose a student")).to_be_visible()

    with dashboards.engine.begin() as connection:
        connection.execute(text("TRUNCATE tutors, students CASCADE"))

    expect(page.get_by_role("heading", name="No students yet")).to_be_visible()
    expect(page.get_by_role("heading", name="No tutors yet")).to_be_visible()
