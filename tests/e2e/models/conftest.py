"""A page of models that were decided about and watched, with files of the runs that led to them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
from playwright.sync_api import BrowserContext, Page
from sqlalchemy import text

from benchmarks._model import make_artifact
from modelling.artifact import build_artifact
from modelling.bands import Bands
from modelling.decisions import Decision
from modelling.drift import Finding
from modelling.drift_store import store_findings, store_retraining
from modelling.store import promote, record_decision, roll_back, save_challenger
from tests.e2e.conftest import Dashboards

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


@pytest.fixture(autouse=True)
def models(dashboards: Dashboards) -> None:
    """Two models of reschedule, the first of which serves again; one of no-show that was refused; none of match."""
    with dashboards.engine.begin() as connection:
        connection.execute(text("TRUNCATE models, model_decisions, drift_reports, people, audit_log"))
    save_model(dashboards, "reschedule", RUN)
    promote(dashboards.engine, "reschedule", "v1", expected_champion=None, reason="There was none.", actor="gate")
    save_model(dashboards, "reschedule", "f" * 32)
    promote(dashboards.engine, "reschedule", "v2", expected_champion="v1", reason="Better.", actor="gate")
    roll_back(dashboards.engine, "reschedule", reason=XSS, actor="account ann")
    save_model(dashboards, "no_show", None)
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


@pytest.fixture
def page(dashboards: Dashboards, visitor: BrowserContext) -> Iterator[Page]:
    page = visitor.new_page()
    page.goto(dashboards.address + "/models")
    yield page
    page.close()


def save_model(dashboards: Dashboards, target: str, run: str | None) -> None:
    artifact = make_artifact(target)
    measured = artifact.manifest.model_copy(update={"metrics": METRICS, "bands": BANDS})
    save_challenger(dashboards.engine, build_artifact(measured, artifact.booster), run)
