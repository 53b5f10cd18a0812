"""A morning with the overview: what needs somebody, why, and that it is gone once it is done."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import text

from scoring.interventions import intervene
from tests.e2e.conftest import Dashboards
from tests.e2e.test_tutors_page import CONTRAST
from tests.e2e.tutors import NOW, XSS, add_tutor, shown_names, tutor_id, write_tutors
from tests.scoring.conftest import Records
from tests.scoring.test_attention import book


@pytest.fixture
def records(dashboards: Dashboards) -> Records:
    write_tutors(dashboards.engine)
    return Records(dashboards.engine)


@pytest.fixture
def page(dashboards: Dashboards, visitor: BrowserContext, records: Records) -> Iterator[Page]:
    page = visitor.new_page()
    page.goto(dashboards.address + "/overview")
    yield page
    page.close()


def test_a_morning(dashboards: Dashboards, page: Page, records: Records) -> None:
    expect(page.get_by_role("heading", name="A quiet time")).to_be_visible()
    flag_before(records, "Flagged before")
    alma, eve = str(tutor_id("Alma")), str(tutor_id(XSS))
    likely = book(records, alma, 30, 0.8)
    hostile = book(records, eve, 20, 0.6, student=XSS)
    book(records, alma, 21, 0.1)
    tiles = page.locator("dl.tiles")
    expect(tiles.get_by_role("link").first).to_have_text("2")
    to_handle = page.locator("section", has=page.get_by_role("link", name="Next not yet handled"))
    rows = to_handle.locator("li a")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("Alma")
    expect(rows.first).to_contain_text("80%")
    expect(rows.nth(1)).to_contain_text(XSS)
    assert page.evaluate("window.hacked") is None
    expect(page.get_by_text("3 things to look at")).to_be_visible()  # no model of the three targets
    flagged = page.locator(f"a[href='tutor?id={alma}']")
    expect(flagged).to_contain_text("4 of 10 sessions moved")
    expect(flagged).to_contain_text("40.0%")
    of_flags = tiles.get_by_role("link").nth(1)
    expect(of_flags).to_have_text("1")
    expect(tiles).to_contain_text("2 flagged in all")
    with page.context.expect_page() as opened:
        of_flags.click(modifiers=["ControlOrMeta"])
    expect(shown_names(opened.value)).to_have_text(["Alma"])
    opened.value.close()

    following = page.get_by_role("link", name="Next not yet handled")
    expect(following).to_have_attribute("href", f"sessions?risk=high&days=2&handled=no&session={likely}")
    intervene(dashboards.engine, likely, "call", None, datetime.now(UTC), actor="person ada")
    expect(rows).to_have_count(1)
    expect(following).to_have_attribute("href", f"sessions?risk=high&days=2&handled=no&session={hostile}")
    rows.first.focus()
    intervene(dashboards.engine, hostile, "call", None, datetime.now(UTC), actor="person ada")
    expect(page.get_by_role("heading", name="All done")).to_be_visible()
    expect(tiles.get_by_role("link").first).to_have_text("0")

    with dashboards.engine.begin() as connection:
        connection.execute(text("TRUNCATE tutors CASCADE"))
    expect(page.get_by_role("heading", name="No tutors yet")).to_be_visible()
    expect(tiles).to_be_hidden()


def flag_before(records: Records, name: str) -> None:
    """A tutor whose flag is older than a week."""
    add_tutor(records.engine, name, (5, 10), (9, 20), (9, 20))
    records.execute(
        f"""
        INSERT INTO tutor_score_history (tutor_id, day, reschedule_rate_30d, total_sessions_30d, tutor_reschedules_30d,
            total_sessions_7d, tutor_reschedules_7d, total_sessions_90d, tutor_reschedules_90d, no_shows_90d,
            is_high_risk, risk_threshold)
        VALUES ('{tutor_id(name)}', '{NOW.date()}', 45, 20, 9, 0, 0, 0, 0, 0, true, 15)
        """
    )


@pytest.mark.long
def test_nothing_sticks_out_and_all_can_be_read(page: Page, records: Records) -> None:
    book(records, str(tutor_id(XSS)), 20, 0.6, student="x" * 255)
    expect(page.get_by_role("link", name="Next not yet handled")).to_be_visible()
    for look in ("light", "dark"):
        if page.locator("html").get_attribute("data-theme") != look:
            page.get_by_label("Light or dark").click()
        expect(page.locator(f".page.mui-{look}")).to_be_visible()
        for width in (390, 1440):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        for words in (".rows .when", ".rows .flag", ".go", "footer a", ".small", ".top", ".verdict", ".parts dt"):
            ratio = page.locator(words).first.evaluate(CONTRAST)
            assert ratio >= 4.5, f"{words} in {look}: {ratio:.2f}"
        found = Axe().run(page).response["violations"]
        assert [one for one in found if one["impact"] in ("serious", "critical")] == []
