"""Where the models' page leads: the executed notebooks and the cards of models."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import text

from tests.e2e.conftest import Dashboards
from tests.e2e.models.conftest import FOLDER, RUN, XSS


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
