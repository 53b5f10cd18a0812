"""A coach's morning with the sessions ahead: whom to look at first, why, what is done about it, and who may."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import text

from records.listening import CHANGES
from tests.e2e.conftest import Dashboards
from tests.e2e.logins import visit_as
from tests.e2e.sessions import clear_sessions, row_of, shown_students, write_morning
from tests.e2e.test_tutors_page import CONTRAST
from tests.e2e.tutors import XSS, tutor_id

POLL_S = 3600.0  # what is seen was told, or asked for


@pytest.fixture(autouse=True)
def booked(dashboards: Dashboards) -> dict[str, uuid.UUID]:
    return write_morning(dashboards.engine)


@pytest.fixture
def page(dashboards: Dashboards, visitor: BrowserContext, booked: dict[str, uuid.UUID]) -> Iterator[Page]:
    page = visitor.new_page()
    page.goto(dashboards.address + "/sessions")
    expect(shown_students(page)).to_have_text(["Vic", "Zoe", XSS, "Yan", "Xu", "Wim"])
    yield page
    page.close()


def test_the_riskiest_of_tomorrow_is_reminded_and_all_see_it(
    dashboards: Dashboards, page: Page, booked: dict[str, uuid.UUID]
) -> None:
    other = page.context.new_page()
    other.goto(f"{dashboards.address}/sessions?session={booked['Zoe']}")
    expect(other.get_by_role("heading", name="Zoe with Alma")).to_be_visible()

    page.get_by_role("button", name="1 day", exact=True).click()
    expect(shown_students(page)).to_have_text(["Zoe", XSS, "Yan", "Xu", "Wim"])
    row = row_of(page, booked["Zoe"])
    expect(row.locator("td .text")).to_have_text(["Alma", "Zoe", "High 75.0%", "older model", "To call: 1"])
    expect(row.get_by_role("link", name="Alma")).to_have_attribute("href", re.compile(f"/tutor.id={tutor_id('Alma')}$"))
    expect(row_of(page, booked["Wim"]).locator("td .text").nth(2)).to_have_text("Not predicted yet")

    row.get_by_role("button", name="Remind").click()
    expect(page.get_by_role("heading", name="Zoe with Alma")).to_be_visible()
    expect(page.get_by_text("The tutor rescheduled 50%")).to_be_visible()
    expect(page.locator(".effects .effect")).to_have_text([re.compile("raises"), re.compile("lowers")])
    page.get_by_label("Note (optional)").fill("Second time <b>this</b> week")
    page.get_by_role("button", name="Send reminder").dblclick()

    expect(page.get_by_role("status").filter(has_text="The reminder to Alma is queued")).to_be_visible()
    for seen in (page, other):
        expect(row_of(seen, booked["Zoe"]).locator("td .text").last).to_have_text("Reminded")
        expect(row_of(seen, booked["Zoe"]).locator("td .detail").last).to_have_text("admin")
        expect(seen.locator(".deeds li")).to_contain_text("Reminded by admin, mail queued")
        expect(seen.locator(".deeds .note")).to_have_text("Second time <b>this</b> week")
    expect(page.get_by_role("button", name="Send reminder")).to_be_hidden()
    with dashboards.engine.connect() as connection:
        logged = connection.execute(
            text("SELECT actor, action, details->>'kind' FROM audit_log WHERE subject = :id"),
            {"id": str(booked["Zoe"])},
        ).all()
        mails = connection.execute(text("SELECT kind, state, recipient FROM email_reports")).all()
    assert [tuple(row) for row in logged] == [("person admin", "intervene", "reminder")]
    assert [tuple(mail) for mail in mails] == [("reminder", "pending", f"{tutor_id('Alma')}@example.org")]

    page.get_by_role("button", name="Remind", exact=True).last.click()
    page.get_by_role("button", name="Send reminder").click()
    expect(page.get_by_role("alert").filter(has_text="another one can follow after an hour")).to_be_visible()
    other.close()


@pytest.mark.long
def test_a_session_that_goes_while_somebody_acts_is_not_mistaken_for_another(
    dashboards: Dashboards, page: Page, booked: dict[str, uuid.UUID]
) -> None:
    def remove(student: str, *, told: bool) -> None:
        with dashboards.engine.begin() as connection:
            for table in ("session_reschedule_predictions WHERE session_id", "sessions WHERE id"):
                connection.execute(text(f"DELETE FROM {table} = :id"), {"id": booked[student]})
            if told:
                connection.execute(text("NOTIFY tqs_changes"))

    astray, send = page.get_by_role("alert").filter(has_text="is not here"), page.get_by_role("button", name="Record ")
    row_of(page, booked["Zoe"]).get_by_role("button", name="Call", exact=True).click()
    expect(page.get_by_role("heading", name="Zoe with Alma")).to_be_visible()
    expect(send).to_be_visible()
    remove("Zoe", told=True)
    expect(astray).to_be_visible()
    expect(page.get_by_role("heading", name="Vic with Bert")).to_be_visible()
    expect(send).to_be_hidden()

    row_of(page, booked["Yan"]).click()
    expect(astray).to_be_hidden()
    remove("Xu", told=False)
    row_of(page, booked["Xu"]).get_by_role("button", name="Call", exact=True).click()
    expect(astray).to_be_visible()
    page.get_by_role("button", name="When", exact=True).click()
    expect(shown_students(page)).to_have_text(["Yan", "Wim", XSS, "Vic"])
    expect(send).to_be_hidden()


@pytest.mark.long
def test_a_hostile_student_is_only_text_and_is_given_to_another(
    dashboards: Dashboards, page: Page, booked: dict[str, uuid.UUID]
) -> None:
    row_of(page, booked[XSS]).click()
    expect(page.get_by_role("heading", name=f"{XSS} with Bert")).to_be_visible()
    page.get_by_role("button", name="Reassign").click()
    link = page.get_by_role("link", name="Find a better tutor")
    expect(link).to_have_attribute("href", re.compile(r"^matching\?student=[0-9a-f-]{36}&tutor="))
    page.get_by_role("button", name="Record reassignment").click()
    expect(page.get_by_role("alert").filter(has_text="no new tutor is named")).to_be_visible()
    page.get_by_label("New tutor").fill(XSS)
    page.get_by_role("button", name="Record reassignment").click()

    expect(page.locator(".deeds .note")).to_have_text(f"To {XSS}.")
    assert page.evaluate("window.hacked") is None
    expect(page.locator("img[src=x]")).to_have_count(0)


def test_the_slider_marks_whom_to_call_and_counts(page: Page, booked: dict[str, uuid.UUID]) -> None:
    page.get_by_role("button", name="1 day", exact=True).click()
    slider = page.get_by_role("slider", name="We can call")
    expect(slider).to_have_attribute("aria-valuemax", "4")  # of five one has no prediction
    expect(page.get_by_text("Among the 4 likeliest sessions 1.6 reschedules are expected")).to_be_visible()
    slider.press("ArrowLeft")
    slider.press("ArrowLeft")

    # 0.75 + 0.5; neither of them in 1 of 8 cases, both in 3 of 8
    expect(page.get_by_text("Among the 2 likeliest sessions 1.2 reschedules are expected, 0 to 2 in 9")).to_be_visible()
    expect(page.get_by_text("In all 1.6 are expected among the 4 of this list")).to_be_visible()
    expect(page.get_by_text("How many calls save is not known")).to_be_visible()
    marked = page.locator("tbody tr.marked")
    expect(marked.locator("td .text").filter(has_text="To call")).to_have_text(["To call: 1", "To call: 2"])
    row_of(page, booked["Zoe"]).get_by_role("button", name="Call", exact=True).click()
    page.get_by_role("button", name="Record call").click()

    # Zoe's is handled; 0.5 + 0.25 of what is left
    expect(page.get_by_text("Among the 2 likeliest sessions 0.8 reschedules are expected, 0 to 2 in 9")).to_be_visible()
    expect(row_of(page, booked["Zoe"]).locator("td .text").last).to_have_text("Called")
    expect(row_of(page, booked["Yan"]).locator("td .text").last).to_have_text("To call: 2")


@pytest.mark.long
def test_walking_on_until_none_is_left(dashboards: Dashboards, page: Page, booked: dict[str, uuid.UUID]) -> None:
    page.goto(f"{dashboards.address}/sessions?risk=high&days=2&handled=no")
    expect(shown_students(page)).to_have_text(["Zoe", XSS])
    expect(page.get_by_role("heading", name="Zoe with Alma")).to_be_visible()
    page.get_by_role("button", name=re.compile("Next not handled")).click()
    expect(page.get_by_role("heading", name=f"{XSS} with Bert")).to_be_visible()
    page.keyboard.press("Alt+n")
    expect(page.get_by_role("heading", name="Zoe with Alma")).to_be_visible()
    page.get_by_role("button", name="Call", exact=True).last.click()
    page.get_by_role("button", name="Record call").click()
    expect(shown_students(page)).to_have_text([XSS])
    expect(page.get_by_role("heading", name="Zoe with Alma")).to_be_visible()

    page.keyboard.press("Alt+n")
    expect(page.get_by_role("heading", name=f"{XSS} with Bert")).to_be_visible()
    expect(page).to_have_url(f"{dashboards.address}/sessions?risk=high&handled=no&days=2&session={booked[XSS]}")
    page.keyboard.press("Alt+n")
    expect(page.get_by_role("status").filter(has_text="None is left")).to_be_visible()


@pytest.mark.long
def test_an_address_leads_to_its_session_and_follows_the_filters(
    dashboards: Dashboards, page: Page, booked: dict[str, uuid.UUID]
) -> None:
    page.goto(f"{dashboards.address}/sessions?session={booked['Ulf']}")
    expect(page.get_by_role("heading", name="Ulf with Cleo")).to_be_visible()
    expect(row_of(page, booked["Ulf"]).get_by_role("button").first).to_have_attribute("aria-pressed", "true")

    page.get_by_label("Search tutor").fill("cleo")
    expect(shown_students(page)).to_have_text(["Ulf", "Xu", "Wim"])
    page.get_by_role("button", name="When", exact=True).click()
    expect(shown_students(page)).to_have_text(["Xu", "Wim", "Ulf"])
    kept = "tutor=cleo&days=14&sort=scheduled_time&order=asc"
    expect(page).to_have_url(f"{dashboards.address}/sessions?{kept}&session={booked['Ulf']}")
    page.reload()
    expect(shown_students(page)).to_have_text(["Xu", "Wim", "Ulf"])
    expect(page.get_by_label("Search tutor")).to_have_value("cleo")

    page.get_by_label("Search tutor").fill("nobody")
    expect(page.get_by_role("heading", name="No session matches")).to_be_visible()
    page.goto(f"{dashboards.address}/sessions?session=<img src=x onerror='window.hacked=true'>&risk=%00")
    expect(page.get_by_role("alert").filter(has_text="The session of this link is not here")).to_be_visible()
    expect(shown_students(page).first).to_have_text("Vic")
    assert page.evaluate("window.hacked") is None


@pytest.mark.long
def test_predicted_anew_one_and_all(dashboards: Dashboards, page: Page, booked: dict[str, uuid.UUID]) -> None:
    # No model serves, so the rule answers: 0.1 for tutors without a session that is over
    page.get_by_role("button", name="Predict anew").click()
    expect(row_of(page, booked["Vic"]).locator("td .text").nth(2)).to_have_text("Low 10.0%")
    expect(row_of(page, booked["Vic"]).locator("td .text").nth(3)).to_have_text("by the rule")
    expect(page.get_by_role("heading", name="Vic with Bert")).to_be_visible()

    page.get_by_role("button", name="Predict all anew").click()
    expect(page.get_by_role("status").filter(has_text="6 sessions of the next 168 hours")).to_be_visible()
    expect(page.locator("tbody .badge .text")).to_have_text(["Low 10.0%"] * 6)
    expect(page.get_by_role("button", name="Predict all anew")).to_be_enabled()


def test_a_coach_acts_by_name_and_a_viewer_does_not(
    browser: Browser, dashboards: Dashboards, booked: dict[str, uuid.UUID]
) -> None:
    """Neither one who never could, nor one who was a coach when the form opened."""
    with dashboards.engine.begin() as connection:
        connection.execute(text("INSERT INTO people (login, role) VALUES ('vera', 'viewer'), ('carl', 'coach')"))
    with visit_as(browser, dashboards, "carl", f"/sessions?session={booked['Zoe']}") as page:
        expect(page.get_by_role("heading", name="Zoe with Alma")).to_be_visible()
        page.get_by_role("button", name="Note", exact=True).click()
        page.get_by_label("Note", exact=True).fill("Asks for mornings")
        page.get_by_role("button", name="Save note").click()
        expect(page.locator(".deeds li")).to_contain_text("Noted by carl")
        page.get_by_role("button", name="Remind", exact=True).last.click()
        with dashboards.engine.begin() as connection:
            connection.execute(text("UPDATE people SET role = 'viewer' WHERE login = 'carl'"))
        page.get_by_role("button", name="Send reminder").click()
        expect(page.get_by_role("alert").filter(has_text="you are logged in as viewer")).to_be_visible()
        expect(page.get_by_text("a coach can remind, call, reassign and note")).to_be_visible()
        expect(page.get_by_role("button", name="Send reminder")).to_be_hidden()
    with visit_as(browser, dashboards, "vera", "/sessions") as page:
        expect(page.get_by_text("a coach can remind, call, reassign and note")).to_be_visible()
        expect(page.get_by_role("button", name=re.compile("^(Remind|Call|Note|Reassign|Predict)"))).to_have_count(0)
    with dashboards.engine.connect() as connection:
        done = connection.execute(text("SELECT kind, actor FROM interventions")).all()
    assert [tuple(deed) for deed in done] == [("note", "person carl")]


@pytest.mark.long
def test_nothing_ahead_and_nothing_predicted(dashboards: Dashboards, page: Page) -> None:
    with dashboards.engine.begin() as connection:
        connection.execute(text("DELETE FROM session_reschedule_predictions"))
        connection.execute(text(f"NOTIFY {CHANGES}"))  # or what was read less than two seconds ago counts
    expect(page.get_by_role("heading", name="Not predicted yet")).to_be_visible()
    expect(page.locator("code")).to_have_text(["tqs score"])
    clear_sessions(dashboards.engine)
    expect(page.get_by_role("heading", name="No sessions ahead")).to_be_visible()
    expect(page.get_by_role("table")).to_be_hidden()


@pytest.mark.long
def test_nothing_sticks_out_and_all_can_be_read(page: Page, booked: dict[str, uuid.UUID]) -> None:
    row_of(page, booked["Zoe"]).get_by_role("button", name="Remind").click()
    expect(page.get_by_role("button", name="Send reminder")).to_be_visible()
    for look in ("light", "dark"):
        if page.locator("html").get_attribute("data-theme") != look:
            page.get_by_label("Light or dark").click()
        expect(page.locator(f".page.mui-{look}")).to_be_visible()
        for width in (390, 1440):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            assert page.locator(".scroller").evaluate("e => e.scrollWidth <= e.clientWidth"), width
        for words in (".badge .text", "td .warn .text", ".effect", ".quiet", ".main b", "h3"):
            ratio = page.locator(words).first.evaluate(CONTRAST)
            assert ratio >= 4.5, f"{words} in {look}: {ratio:.2f}"
    found = Axe().run(page)
    serious = [item for item in found.response["violations"] if item["impact"] in ("serious", "critical")]
    assert not serious, found.generate_report()
