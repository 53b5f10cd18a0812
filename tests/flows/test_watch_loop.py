"""The whole loop with its real parts: a shift planted in the records starts a retraining by itself."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine, text

from flows.environment import use_prefect
from modelling.decisions import list_decisions
from modelling.drift_store import read_findings
from modelling.store import list_models
from records.engine import Databases
from records.load import write_world
from records.world import make_world
from tqs.settings import load_settings

DAY = date(2026, 6, 29)


@pytest.mark.long
@pytest.mark.timeout(1500)
def test_a_planted_shift_is_named_and_retrained_on(engine: Engine, database_url: URL, tmp_path: Path) -> None:
    write_world(engine, make_world(tutors=90, students=350, days=300, seed=5, end=date(2026, 6, 30)))
    env = {name: value for name, value in os.environ.items() if not name.startswith("TQS_")} | {
        "TQS_HOME": str(tmp_path),
        "TQS_DATABASE_URL": database_url.render_as_string(hide_password=False),
    }
    env |= use_prefect(load_settings(home=tmp_path), Databases(database_url, embedded=True))

    def call(code: str) -> None:
        ran = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr[-3000:]

    call("from flows.retrain import retrain; retrain(targets=['reschedule'], trials=1)")
    assert [row.alias for row in list_models(engine, "reschedule")] == ["champion"]
    run = f"from flows.watch import watch_drift; watch_drift(targets=['reschedule'], day='{DAY}', trials=1"
    call(f"{run})")
    found = {row["subject"]: row for row in read_findings(engine, "reschedule", DAY)}
    assert found["session_duration_minutes"]["verdict"] == "stable"

    with engine.begin() as connection:
        planted = "UPDATE sessions SET duration_minutes = duration_minutes + 15 WHERE scheduled_time >= '2026-06-25'"
        connection.execute(text(planted))
    call(f"{run})")
    found = {row["subject"]: row for row in read_findings(engine, "reschedule", DAY)}
    assert found["session_duration_minutes"]["verdict"] == found["overall"]["verdict"] == "drift"
    assert found["overall"]["retraining"] == "held back"
    assert len(list_decisions(engine, "reschedule")) == 1

    call(f"{run}, brakes=False)")
    found = {row["subject"]: row for row in read_findings(engine, "reschedule", DAY)}
    assert found["overall"]["retraining"] == "retrained"
    decisions = list_decisions(engine, "reschedule")
    assert [row.version for row in list_models(engine, "reschedule")] == ["v2", "v1"]
    assert found["overall"]["retraining_reason"] == (
        f"the brakes were off for this run; the gate's decision: {decisions[0].decision}"
    )
    assert {path.name for path in (tmp_path / f"drift/{DAY}-reschedule").iterdir()} >= {
        "30_watch_drift.ipynb", "30_watch_drift.html", "features.html",
    }  # fmt: skip
    assert list(tmp_path.glob("mlruns/**/notebooks/30_watch_drift.html"))
