"""Who lets another model serve on the models' page, and what is recorded of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import text

from access.people import add_person, change_role
from modelling.decisions import list_decisions
from modelling.store import champion_versions, roll_back
from tests.conftest import connect_as_owner
from tests.e2e.conftest import Dashboards
from tests.e2e.logins import visit_as
from tests.e2e.models.conftest import XSS, save_model


@pytest.fixture
def no_mlflow(dashboards: Dashboards) -> Iterator[None]:
    """MLflow's database takes no connection."""
    name = f"{dashboards.engine.url.database}_mlflow"
    with connect_as_owner(dashboards.engine.url) as run:
        run(f'CREATE DATABASE "{name}" ALLOW_CONNECTIONS false')
        yield
        run(f'DROP DATABASE "{name}"')


@pytest.mark.usefixtures("no_mlflow")
def test_an_admin_rolls_a_model_back_and_says_why(page: Page, dashboards: Dashboards) -> None:
    page.get_by_role("button", name="Roll back to v2 …").click()
    main = page.get_by_role("main")
    expect(main).to_contain_text("v1 answers “Will this session be moved or cancelled?”, since ")
    expect(main).to_contain_text("Last decision about it: promoted v2 by the gate")
    confirm = page.get_by_role("button", name="Roll back to v2", exact=True)
    confirm.click()
    expect(page.get_by_role("alert").filter(has_text="Say why")).to_be_visible()
    assert champion_versions(dashboards.engine)["reschedule"] == "v1"
    page.get_by_label("Why?").fill(f"Odd answers. {XSS}")
    expect(page.locator(".MuiTouchRipple-child")).to_have_count(0)  # which dims a button while it fades
    found = Axe().run(page).response["violations"]
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    assert [node["html"] for one in serious for node in one["nodes"]] == []
    confirm.click()
    expect(page.locator(".flag")).to_contain_text("v2 serves")
    expect(page.locator("ol li").first).to_contain_text("Rolled back to v2 by admin")
    expect(page.locator("ol li").first).to_contain_text(f"Odd answers. {XSS}")
    expect(page.get_by_role("button", name="Roll back to v1 …")).to_be_visible()
    expect(confirm).to_have_count(0)
    told = "v2 serves reschedule again; before it was v1. MLflow does not show it yet: the lab book (MLflow) cannot be"
    expect(page.get_by_text(told)).to_be_visible()
    decision = list_decisions(dashboards.engine, "reschedule")[0]
    assert (decision.decision, decision.version, decision.champion_before) == ("rolled_back", "v2", "v1")
    assert decision.actor == "person admin"
    with dashboards.engine.connect() as connection:
        audit = connection.execute(text("SELECT actor, action, subject FROM audit_log ORDER BY id DESC LIMIT 1")).one()
    assert tuple(audit) == ("person admin", "roll back model", "reschedule v2")


@pytest.mark.long
@pytest.mark.usefixtures("no_mlflow")
def test_an_admin_lets_a_model_serve_that_never_did(page: Page, dashboards: Dashboards) -> None:
    save_model(dashboards, "reschedule", None)
    page.get_by_role("button", name="Let v3 serve …").click()
    page.get_by_label("Why?").fill("Looked at by hand.")
    page.get_by_role("button", name="Let v3 serve", exact=True).click()
    expect(page.locator(".flag")).to_contain_text("v3 serves")
    expect(page.get_by_text("v3 serves reschedule; before it was v1.")).to_be_visible()
    expect(page.get_by_role("button", name="Roll back to v1 …")).to_be_visible()
    decision = list_decisions(dashboards.engine, "reschedule")[0]
    assert (decision.decision, decision.version, decision.champion_before) == ("promoted", "v3", "v1")
    assert (decision.actor, decision.reason) == ("person admin", "Looked at by hand.")


@pytest.mark.long
def test_who_was_forestalled_changes_nothing_and_keeps_what_was_typed(page: Page, dashboards: Dashboards) -> None:
    save_model(dashboards, "reschedule", None)
    page.get_by_role("button", name="Let v3 serve …").click()
    page.get_by_label("Why?").fill("It is newer.")
    roll_back(dashboards.engine, "reschedule", reason="Faster.", actor="account ann")
    page.get_by_role("button", name="Let v3 serve", exact=True).click()
    expect(page.get_by_text("Not done: the champion of reschedule is v2 by now")).to_be_visible()
    expect(page.get_by_label("Why?")).to_have_value("It is newer.")
    assert champion_versions(dashboards.engine)["reschedule"] == "v2"
    page.get_by_role("button", name="Leave it as it is").click()
    expect(page.get_by_label("Why?")).to_be_hidden()


def test_who_is_no_admin_changes_nothing(browser: Browser, dashboards: Dashboards) -> None:
    """Neither who is none yet, nor who was one when the form opened."""
    add_person(dashboards.engine, "vera", "viewer", actor="account root")
    with visit_as(browser, dashboards, "vera", "/models") as page:
        expect(page.get_by_role("article", name="Reschedule v2")).to_be_visible()
        expect(page.get_by_role("button", name="Roll back")).to_have_count(0)
        change_role(dashboards.engine, "vera", "admin", actor="account root")
        page.get_by_role("button", name="Roll back to v2 …").click()  # shown without a reload
        page.get_by_label("Why?").fill("I may.")
        change_role(dashboards.engine, "vera", "coach", actor="account root")
        page.get_by_role("button", name="Roll back to v2", exact=True).click()
        expect(page.get_by_text("to change which model serves takes the role admin")).to_be_visible()
    assert champion_versions(dashboards.engine)["reschedule"] == "v1"
