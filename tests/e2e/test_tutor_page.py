"""The page of one tutor as a coach meets it: what is there, what comes in meanwhile, and what they record."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import text

from access.people import add_person, change_role
from scoring.interventions import intervene
from scoring.sessions import predict_upcoming
from scoring.tutors import score_tutors
from tests.e2e.conftest import Dashboards
from tests.e2e.logins import visit_as
from tests.e2e.test_tutors_page import CONTRAST
from tests.e2e.tutors import XSS, tutor_id, write_tutors
from tests.scoring.conftest import Records, serve

MODELS = {target: serve(target, rule=True) for target in ("reschedule", "no_show")}
BERT, EVE = str(tutor_id("Bert")), str(tutor_id(XSS))


@pytest.fixture
def now() -> datetime:
    return datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


@pytest.fixture
def records(dashboards: Dashboards, now: datetime) -> Records:
    """Bert moved 1 of 4 sessions in 30 days and one before, and one of his is ahead."""
    write_tutors(dashboards.engine)
    records = Records(dashboards.engine)
    for days, status in (
        (2, "completed"),
        (9, "rescheduled"),
        (16, "completed"),
        (23, "completed"),
        (40, "rescheduled"),
    ):
        records.session(BERT, now - timedelta(days=days), status)
    records.session(BERT, now + timedelta(days=1), "scheduled", student="Mia Meyer")
    _score(dashboards, now)
    return records


@pytest.fixture
def page(dashboards: Dashboards, visitor: BrowserContext, records: Records) -> Iterator[Page]:
    page = visitor.new_page()
    page.goto(f"{dashboards.address}/tutor?id={BERT}")
    yield page
    page.close()


def test_a_coach_looks_and_records_a_call(dashboards: Dashboards, page: Page, records: Records, now: datetime) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text("Bert")
    expect(page.get_by_role("link", name="All tutors")).to_have_attribute("href", "tutors")
    figures = page.locator("dl.figures dd")
    # 0 of 1 session in 7 days, 1 of 4 in 30, 2 of 5 in 90
    expect(figures).to_contain_text(
        ["High risk", "0.0%0 of 1", "25.0%1 of 4", "40.0%2 of 5", "few sessions", "−25.0 pp"]
    )
    expect(page.get_by_text("of 15 active tutors")).to_be_visible()  # all but the one without a score
    ahead = page.get_by_role("table", name="Sessions ahead")
    expect(ahead.locator("tbody tr")).to_have_count(1)
    expect(ahead).to_contain_text("Mia Meyer")
    expect(ahead).to_contain_text("25.0%")  # the rule's: the rate of 30 days
    expect(ahead.get_by_role("link")).to_have_attribute("href", f"sessions?session={_ahead(records)}")
    expect(page.get_by_text("No model answers at present")).to_contain_text("the rate of 30 days, 25.0%")
    expect(page.get_by_role("table", name="Reschedules").locator("tbody tr")).to_have_count(2)
    page.get_by_role("button", name="Tell it in a list").click()
    expect(page.get_by_role("table", name="Rate over time").locator("tbody tr").first).to_contain_text("1 of 4")

    page.get_by_label("What was said or agreed").fill(f"Wants {XSS} mornings")
    # While that is being written a session is told of: it shows, and what was written stays.
    records.session(BERT, now - timedelta(days=3), "rescheduled")
    records.session(BERT, now + timedelta(days=2), "scheduled", student="Nora")
    _score(dashboards, now)
    expect(figures.nth(2)).to_contain_text("40.0%2 of 5")
    expect(ahead.locator("tbody tr")).to_have_count(2)
    expect(page.get_by_role("table", name="Reschedules").locator("tbody tr")).to_have_count(3)
    expect(page.get_by_role("table", name="Rate over time").locator("tbody tr").first).to_contain_text("2 of 5")
    expect(page.get_by_label("What was said or agreed")).to_have_value(f"Wants {XSS} mornings")
    expect(page.get_by_label("What was said or agreed")).to_be_focused()

    page.get_by_role("button", name="Record the call").click()

    expect(page.get_by_role("status").filter(has_text="Recorded: a call about this tutor")).to_be_visible()
    deed = page.locator(".deeds li")
    expect(deed).to_have_count(1)
    expect(deed).to_contain_text("by admin")
    expect(deed.locator(".written")).to_have_text(f"Wants {XSS} mornings")
    expect(page.get_by_label("What was said or agreed")).to_have_value("")
    assert page.evaluate("window.hacked") is None
    with dashboards.engine.connect() as connection:
        audit = connection.execute(
            text("SELECT actor, action, details ->> 'kind' FROM audit_log WHERE subject = :id"), {"id": BERT}
        ).all()
    assert [tuple(row) for row in audit] == [("person admin", "intervene", "call")]

    page.get_by_role("button", name="Note", exact=True).click()
    expect(page.get_by_role("button", name="Write something to record the note")).to_be_disabled()
    expect(deed).to_have_count(1)


@pytest.mark.long
def test_what_was_done_about_a_session_stands_with_its_outcome(
    dashboards: Dashboards, page: Page, records: Records, now: datetime
) -> None:
    expect(page.get_by_text("Nothing was recorded about this tutor so far.")).to_be_visible()
    moved = records.session(BERT, now - timedelta(days=5), "rescheduled")
    for key in (moved, _ahead(records)):
        intervene(dashboards.engine, uuid.UUID(key), "call", None, datetime.now(UTC), actor="person ann")

    expect(page.locator(".deeds li")).to_have_count(2)
    expect(page.locator(".deeds li").filter(has_text="Rescheduled by the tutor")).to_have_count(1)
    expect(page.locator(".deeds").get_by_role("link")).to_have_attribute("href", f"sessions?session={_ahead(records)}")


def test_a_viewer_looks_and_is_told_who_records(dashboards: Dashboards, browser: Browser, records: Records) -> None:
    add_person(dashboards.engine, "vera", "viewer", actor="account root")
    with visit_as(browser, dashboards, "vera", f"/tutor?id={BERT}") as page:
        expect(page.get_by_text("You are logged in as viewer; a coach records calls and notes here.")).to_be_visible()
        expect(page.get_by_label("What was said or agreed")).to_be_hidden()
        expect(page.get_by_role("button", name="Record the call")).to_be_hidden()
        change_role(dashboards.engine, "vera", "coach", actor="account root")
        expect(page.get_by_role("button", name="Record the call")).to_be_visible()


@pytest.mark.long
def test_a_link_to_nobody_leads_to_the_list_and_repeats_nothing(dashboards: Dashboards, page: Page) -> None:
    for named in (str(uuid.UUID(int=7)), "%FF%00<img src=x onerror='window.hacked=true'>"):
        page.goto(f"{dashboards.address}/tutor?id={named}")

        expect(page.get_by_role("heading", name="This tutor is not here")).to_be_visible()
        expect(page.get_by_role("heading", level=1)).to_have_text("Tutor")
        expect(page.locator("dl.figures")).to_be_hidden()
        assert page.evaluate("window.hacked") is None
        assert named not in page.locator("body").inner_text()
    page.get_by_role("link", name="All tutors").click()
    expect(page).to_have_url(f"{dashboards.address}/tutors")


@pytest.mark.long
def test_a_former_tutor_without_a_session_has_a_page_that_says_so(
    dashboards: Dashboards, page: Page, records: Records
) -> None:
    records.execute(f"UPDATE tutors SET is_active = false WHERE id = '{tutor_id('Never')}'")
    page.goto(f"{dashboards.address}/tutor?id={tutor_id('Never')}")

    expect(page.get_by_role("heading", level=1)).to_have_text("Never")
    for told in (
        "Former tutor, without a session",
        "No session in 30 days, so there is nothing to compare.",
        "No session in the next 14 days.",
        "No session was moved or cancelled so far.",
        "Nothing was recorded about this tutor so far.",
        "No session in 180 days.",
    ):
        expect(page.get_by_text(told)).to_be_visible()


@pytest.mark.long
def test_nothing_sticks_out_and_all_can_be_read(
    dashboards: Dashboards, page: Page, records: Records, now: datetime
) -> None:
    records.session(EVE, now + timedelta(days=1), "scheduled", student="x" * 255)
    for week in range(6):
        records.session(EVE, now - timedelta(days=7 * week + 1), "rescheduled")
    records.session(EVE, now - timedelta(days=3), "rescheduled")  # alone at its hour of the week
    records.execute(f"UPDATE reschedules SET reason = '{'because ' * 30}'")
    _score(dashboards, now, EVE)
    intervene(
        dashboards.engine, uuid.UUID(_ahead(records, EVE)), "note", "y" * 500, datetime.now(UTC), actor="person admin"
    )
    page.goto(f"{dashboards.address}/tutor?id={EVE}")
    expect(page.get_by_role("heading", level=1)).to_have_text(XSS)
    expect(page.locator(".deeds li")).to_have_count(1)
    page.get_by_role("button", name="Tell it in a list").click()
    expect(page.get_by_role("table", name="Rate over time")).to_be_visible()
    for look in ("light", "dark"):
        if page.locator("html").get_attribute("data-theme") != look:
            page.get_by_label("Light or dark").click()
        expect(page.locator(f".page.mui-{look}")).to_be_visible()
        for width in (390, 1440):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate(STICKING_OUT, width) == []
        for words in (".state", "dl.figures .bad", "td.few", "td.total", ".when", "small", ".phrase, .nothing"):
            ratio = page.locator(words).first.evaluate(CONTRAST)
            assert ratio >= 4.5, f"{words} in {look}: {ratio:.2f}"
        found = Axe().run(page).response["violations"]
        assert [one for one in found if one["impact"] in ("serious", "critical")] == []
    assert page.evaluate("window.hacked") is None


def _score(dashboards: Dashboards, now: datetime, tutor: str = BERT) -> None:
    score_tutors(dashboards.engine, now, tutors=[tutor])
    predict_upcoming(dashboards.engine, MODELS, now)


def _ahead(records: Records, tutor: str = BERT) -> str:
    found = records.rows(
        f"SELECT id FROM sessions WHERE tutor_id = '{tutor}' AND status = 'scheduled' ORDER BY scheduled_time LIMIT 1"
    )
    return str(found[0][0])


# What people see that reaches beyond that width, in any shadow root, but for what scrolls by itself.
STICKING_OUT = """width => {
  const SEEN = "h1, h2, p, a, b, span, small, dt, dd, li, table, th, td, button, textarea, svg, canvas"
  const found = []
  const look = root => {
    for (const element of root.querySelectorAll("*")) {
      if (element.closest(".wide, .heard")) continue
      const box = element.getBoundingClientRect()
      const out = box.width > 1 && box.right > width + 0.5
      if (out && element.matches(SEEN)) found.push(`${element.tagName} ${element.className} ${box.right}`)
      if (element.shadowRoot) look(element.shadowRoot)
    }
  }
  look(document.querySelector(".main") ?? document.body)
  return found
}"""
