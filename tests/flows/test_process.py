"""The minute schedule: what waits is processed and sent by a run, and runs that piled up do it once."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from sqlalchemy import Engine

from flows.process import LONGEST, STALE, is_over, process_sessions
from tests.processing.conftest import Plant, open_plant

ROOT = Path(__file__).parents[2]


@pytest.fixture
def plant(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plant:
    """A database that the settings of this process name, with two sessions that wait and mails wanted."""
    monkeypatch.setenv("TQS_HOME", str(tmp_path))
    monkeypatch.setenv("TQS_DATABASE_URL", engine.url.render_as_string(hide_password=False))
    monkeypatch.setenv("TQS_REPORT_RECIPIENTS", "coach@example.com")
    monkeypatch.setattr("flows.process.get_run_logger", lambda: logging.getLogger("test"))
    plant = open_plant(engine, tmp_path)
    tutor = plant.tutor()
    for _ in range(2):
        plant.promised(tutor)
    return plant


def start_run(monkeypatch: pytest.MonkeyPatch, *, late: timedelta) -> object:
    scheduled = datetime.now(UTC) - late
    monkeypatch.setattr("flows.lateness.flow_run", SimpleNamespace(scheduled_start_time=scheduled))
    return process_sessions.fn()


def test_a_run_processes_and_sends_what_is_due(plant: Plant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = {"processed": 2, "delayed": 0, "failed": 0, "released": 0, "mails": 2}
    sent = {"claimed": 2, "sent": 2, "delayed": 0, "failed": 0, "trouble": None}
    assert start_run(monkeypatch, late=timedelta(seconds=5)) == {"sessions": done, "mails": sent}
    assert len(list((tmp_path / "mail").glob("session-*.eml"))) == 2
    assert plant.rows("SELECT count(*) FROM tutor_score_history") == [(1,)]

    again = start_run(monkeypatch, late=timedelta(seconds=5))
    assert again == {"sessions": dict.fromkeys(done, 0), "mails": {**dict.fromkeys(sent, 0), "trouble": None}}


def test_a_run_that_comes_too_late_leaves_it_to_the_next(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    assert start_run(monkeypatch, late=STALE + timedelta(seconds=1)) == {"skipped": True}
    assert plant.rows("SELECT DISTINCT state FROM work_items") == [("pending",)]


def test_a_run_that_has_had_its_time_leaves_the_rest_to_the_next(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.process.LONGEST", timedelta(0))
    start_run(monkeypatch, late=timedelta(0))
    assert plant.rows("SELECT DISTINCT state, attempts FROM work_items") == [("pending", 0)]


def test_when_a_run_is_over() -> None:
    now = datetime.now(UTC)
    assert not is_over(now - LONGEST + timedelta(minutes=1))
    assert is_over(now - LONGEST - timedelta(seconds=1))


def test_it_is_scheduled_every_minute_and_one_run_at_a_time() -> None:
    deployments = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    [deployment] = [one for one in deployments if one["entrypoint"] == "flows/process.py:process_sessions"]
    assert [schedule["cron"] for schedule in deployment["schedules"]] == ["* * * * *"]
    assert deployment["concurrency_limit"]["limit"] == 1
