"""The models' page as a person meets it: what serves and why, and the notebooks that led to it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import text

from access.people import add_person, change_role
from benchmarks._model import make_artifact
from modelling.artifact import build_artifact
from modelling.bands import Bands
from modelling.decisions import Decision, list_decisions
from modelling.drift import Finding
from modelling.drift_store import store_findings, store_retraining
from modelling.store import champion_versions, promote, record_decision, roll_back, save_challenger
from tests.conftest import connect_as_owner
from tests.e2e.conftest import Dashboards
from tests.e2e.logins import visit_as

RUN = "0123456789abcdef0123456789abcdef"
FOLDER = "20260301T030000Z-reschedule-01234567"
METRICS = {
    **{"log_loss": 0.3, "base_rate_log_loss": 0.4, "ece": 0.011, "ece_low": 0.009, "ece_high": 0.014},
    **{"ece_noise_floor": 0.012, "mean_prediction": 0.118, "base_rate": 0.121, "roc_auc": 0.777},
}
BANDS = Bands(
    level=0.9,
    dispersion=1.0,
    edges=(0.1, 0.3),
    rows=(400, 300, 100),
    predicted=(0.05, 0.2, 0.5),
    happened=(0.06, 0.3, 0.4),
    low=(0.04, 0.25, None),
    high=(0.08, 0.35, None),
)
WATCH = "drift/2026-03-02-reschedule"
XSS = "<img src=x onerror=document.title='owned'>"


@pytest.fixture
def page(dashboards: Dashboards, visitor: BrowserContext) -> Iterator[Page]:
    page = visitor.new_page()
    page.goto(dashboards.address + "/models")
    yield page
    page.close()


@pytest.fixture(autouse=True)
def models(dashboards: Dashboards) -> None:
    """Two models of reschedule, the first of which serves again; one of no-show that was refused; none of match."""
    with dashboards.engine.begin() as connection:
        connection.execute(text("TRUNCATE models, model_decisions, drift_reports, people, audit_log"))
    _save(dashboards, "reschedule", RUN)
    promote(dashboards.engine, "reschedule", "v1", expected_champion=None, reason="There was none.", actor="gate")
    _save(dashboards, "reschedule", "f" * 32)
    promote(dashboards.engine, "reschedule", "v2", expected_champion="v1", reason="Better.", actor="gate")
    roll_back(dashboards.engine, "reschedule", reason=XSS, actor="account ann")
    _save(dashboards, "no_show", None)
    doubts = {"test_part": {"warnings": ["The base rate moves."]}}
    refused = Decision("no_show", "refused", "Nothing was learned.", "gate", "v1", metrics=doubts)
    record_decision(dashboards.engine, refused)
    runs = dashboards.home / "runs" / FOLDER
    runs.mkdir(parents=True, exist_ok=True)
    (runs / "20_train_model.html").write_text("<h1>Train a model</h1><script>document.title = 'ran'</script>")
    (runs / "snapshot.parquet").write_bytes(b"ids and ages of students")
    watch = dashboards.home / WATCH
    watch.mkdir(parents=True, exist_ok=True)
    (watch / "features.html").write_text("<h1>Both distributions</h1>")
    store_findings(
        dashboards.engine,
        "reschedule",
        date(2026, 3, 2),
        (
            Finding("overall", "drift", "the rate moved, and 1 more: hour_of_day", n_current=300),
            Finding("rate", "drift", "the rate of reschedules is 18.0%, 12.0% in the reference", 7),
            Finding("hour_of_day", "drift", XSS, 1, "distance", 0.3, 0.2),
            Finding("is_weekend", "stable", "nothing", 1),
        ),
        model_version="v1",
        page=f"{WATCH}/features.html",
    )
    store_retraining(dashboards.engine, "reschedule", date(2026, 3, 2), "held back", "10 rows are new")


def test_what_serves_how_good_it_is_and_why(page: Page) -> None:
    expect(page).to_have_title("Models · Tutor quality")
    reschedule = page.get_by_role("main")
    expect(reschedule.locator(".flag")).to_contain_text("v1 serves")
    # 0.3 is a quarter less than 0.4
    expect(reschedule.locator("dd")).to_have_text(
        [
            "0.300025.0% below the base rate's",
            "0.01100.0120 by chance alone",
            "11.8%12.1% happened",
            "0.7770.5 is guessing",
        ]
    )
    expect(reschedule.get_by_role("article", name="Reschedule v1")).to_contain_text("serves")
    expect(reschedule.get_by_role("article", name="Reschedule v2")).to_contain_text("served before")
    expect(reschedule.locator("ol li .word")).to_contain_text(["Rolled back to v1", "Promoted v2", "Promoted v1"])
    expect(reschedule.locator("ol li").first).to_contain_text("by account ann")
    # predicted 5 % lies within 4 to 8 %, 20 % not within 25 to 35 %
    expect(reschedule).to_contain_text("800 sessions that the model never saw, in 3 groups")
    expect(reschedule).to_contain_text("In 1 of 2 what was predicted lies in the 90% interval of what happened")


@pytest.mark.long
def test_another_target_has_an_address_of_its_own(page: Page) -> None:
    page.get_by_role("button", name="No-show").click()
    expect(page.get_by_role("heading", name="No-show")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/models\?target=no_show$"))
    expect(page.locator("ol li").first).to_contain_text("Refused v1")
    expect(page.locator("ol li .reason")).to_have_text(["Nothing was learned.", "Warning: The base rate moves."])
    page.goto(page.url.replace("no_show", "match"))
    expect(page.get_by_role("heading", name="Match")).to_be_visible()
    expect(page.locator(".flag")).to_contain_text("The rule answers")
    expect(page.locator("section")).to_contain_text("tqs retrain")
    expect(page.get_by_text("tqs drift --target match")).to_be_visible()


@pytest.mark.long
def test_what_the_drift_watch_found_and_what_followed(page: Page) -> None:
    reschedule = page.get_by_role("main")
    expect(reschedule.get_by_text("up to 2 Mar 2026")).to_be_visible()
    drifted = reschedule.get_by_role("listitem").filter(has_text="Local hour of the start")
    expect(drifted).to_contain_text("150%")  # 0.3 of 0.2
    expect(drifted).to_contain_text(XSS)
    expect(reschedule.get_by_text("the rate of reschedules is 18.0%, 12.0% in the reference")).to_be_visible()
    expect(reschedule.get_by_text("Held back: 10 rows are new.")).to_be_visible()
    link = reschedule.get_by_role("link", name="both distributions, page of Reschedule drift")
    with page.context.expect_page() as opened:
        link.click()
    framed = opened.value.frame_locator("iframe")
    expect(framed.get_by_role("heading", name="Both distributions")).to_be_visible()
    opened.value.close()


@pytest.mark.long
def test_a_reason_is_text_whatever_it_holds(page: Page) -> None:
    expect(page.get_by_text(XSS, exact=True)).to_have_count(2)  # of a decision, and of a finding
    expect(page).to_have_title("Models · Tutor quality")


@pytest.mark.long
def test_a_promotion_shows_without_a_reload(page: Page, dashboards: Dashboards) -> None:
    expect(page.locator(".flag")).to_contain_text("v1 serves")
    promote(dashboards.engine, "reschedule", "v2", expected_champion="v1", reason="By hand.", actor="account ann")
    expect(page.locator(".flag")).to_contain_text("v2 serves")


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
    _save(dashboards, "reschedule", None)
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
    _save(dashboards, "reschedule", None)
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


@pytest.mark.long
def test_pages_lead_to_each_other(page: Page) -> None:
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Tutors").click()
    expect(page).to_have_url(re.compile("/tutors$"))
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Models").click()
    expect(page.get_by_role("link", name="Models")).to_have_attribute("aria-current", "page")
    expect(page.get_by_role("heading", name="Reschedule")).to_be_visible()


def test_the_notebook_of_a_model_opens_and_can_reach_nothing(page: Page) -> None:
    in_mlflow = page.get_by_role("link", name="MLflow, page of Reschedule v1")
    expect(in_mlflow).to_have_attribute("href", f"http://127.0.0.1:5000/#/runs/{RUN}")  # which finds the experiment
    links = page.get_by_role("link", name="training, page of Reschedule v1")
    expect(links).to_have_count(1)  # the files of the other runs are gone
    with page.context.expect_page() as opened:
        links.click()
    around = opened.value
    expect(around).to_have_title(re.compile("Training a model, .* · Tutor quality"))
    expect(around.frame_locator("iframe").get_by_role("heading", name="Train a model")).to_be_visible()
    # an origin of its own: cookies cannot even be asked for, framed by us or opened by itself
    ask = "() => { try { return document.cookie } catch (error) { return error.name } }"
    assert around.frames[1].evaluate(ask) == "SecurityError"
    address = around.frames[1].url
    around.get_by_role("link", name="Models").last.click()
    expect(around).to_have_title("Models · Tutor quality")
    around.goto(address)
    expect(around).to_have_title("ran")
    assert around.evaluate(ask) == "SecurityError"
    around.close()


@pytest.mark.long
def test_the_card_of_a_model_opens_for_who_is_logged_in(page: Page, dashboards: Dashboards, stranger: Page) -> None:
    with page.context.expect_page() as opened:
        page.get_by_role("link", name="card, page of Reschedule v2").click()
    card = opened.value
    expect(card).to_have_title("Model card: reschedule v2 · Tutor quality")
    expect(card.get_by_role("heading", name="Model card: reschedule v2")).to_be_visible()
    expect(card.get_by_role("row", name="learned from")).to_be_visible()
    expect(card.get_by_text("Better.")).to_be_visible()
    address = card.url
    unknown = page.context.request.get(address.replace("v2", "v3"))
    assert unknown.status == 404
    assert "There is no model v3 of reschedule, or it is not kept any more." in unknown.text()
    for answer in (page.context.request.get(address), unknown):
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
    card.goto(address.replace("v2", "v1"))
    expect(card.get_by_text(XSS)).to_be_visible()  # the reason of its rollback, as text
    expect(card).to_have_title("Model card: reschedule v1 · Tutor quality")
    card.close()
    unasked = stranger.request.get(address, max_redirects=0)
    assert unasked.status == 302
    assert "Model card" not in unasked.text()
    stranger.goto(address)
    expect(stranger.get_by_label("Password")).to_be_visible()


def test_a_card_that_cannot_be_made_says_why(dashboards: Dashboards, visitor: BrowserContext) -> None:
    with dashboards.engine.begin() as connection:
        connection.execute(text("UPDATE models SET booster = '\\x00' WHERE target = 'reschedule' AND version = 'v2'"))
    answer = visitor.request.get(f"{dashboards.address}/cards/reschedule/v2")
    assert answer.status == 409
    assert "model v2 is damaged: its bytes have SHA-256 " in answer.text()
    assert visitor.request.get(f"{dashboards.address}/cards/reschedule/v1").status == 200


@pytest.mark.parametrize("name", ["snapshot.parquet", "..%2F..%2Fdashboard-password", "../../dashboard-password"])
def test_nothing_but_notebooks_is_served(dashboards: Dashboards, visitor: BrowserContext, name: str) -> None:
    answer = visitor.request.get(f"{dashboards.address}/runs/{FOLDER}/{name}")
    assert answer.status == 404
    assert dashboards.password not in answer.text()


def test_a_stranger_gets_no_notebook(dashboards: Dashboards, stranger: Page) -> None:
    stranger.goto(f"{dashboards.address}/runs/{FOLDER}/20_train_model.html")
    expect(stranger).to_have_url(re.compile("/login"))


@pytest.mark.long
def test_a_phone_shows_all_of_it(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    expect(page.get_by_role("heading", name="Reschedule")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def _save(dashboards: Dashboards, target: str, run: str | None) -> None:
    artifact = make_artifact(target)
    measured = artifact.manifest.model_copy(update={"metrics": METRICS, "bands": BANDS})
    save_challenger(dashboards.engine, build_artifact(measured, artifact.booster), run)
