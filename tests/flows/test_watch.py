"""What follows from a day's verdict: a retraining or what holds it back, written to the day; late and failed runs."""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from prefect.states import Completed, Failed, State
from sqlalchemy import Engine, text

from flows import watch
from flows.retrain import INTERVAL as WEEK
from flows.retrain import LEFT, retrain, retrain_lock
from modelling.drift import OVERALL, Finding, Verdict
from modelling.drift_store import read_findings, store_findings
from tqs.errors import RecordsError, UnfitDataError

DAY = date(2026, 6, 29)
ROOT = Path(__file__).parents[2]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What retrainings were asked for; each is kept out by the gate."""
    calls: list[dict[str, Any]] = []

    def retrain(**asked: Any) -> State[Any]:
        calls.append(asked)
        return Completed(data=[{"target": "match", "decision": "kept", "version": "v2"}])

    monkeypatch.setattr(watch, "retrain", retrain)
    return calls


def store(engine: Engine, verdict: Verdict, *, new_rows: int = 900) -> None:
    overall = Finding(OVERALL, verdict, "because", n_current=1400, n_reference=50_000)
    store_findings(engine, "match", DAY, [overall], model_version="v1", new_rows=new_rows, trained_rows=8000)


def what_followed(engine: Engine) -> tuple[str | None, str | None]:
    [row] = read_findings(engine, "match", DAY)
    return row["retraining"], row["retraining_reason"]


def follow_up(engine: Engine, *, brakes: bool = True) -> str:
    return watch.follow_up(engine, "match", DAY, brakes=brakes, trials=3, seed=1)["retraining"]


@pytest.mark.parametrize("verdict", ["stable", "no verdict"])
def test_without_drift_nothing_follows(engine: Engine, asked: list[dict[str, Any]], verdict: Verdict) -> None:
    store(engine, verdict)
    assert follow_up(engine) == "Nothing to retrain for."
    assert (what_followed(engine), asked) == ((None, None), [])


def test_drift_retrains_that_target_and_the_gates_decision_is_kept(engine: Engine, asked: list[dict[str, Any]]) -> None:
    store(engine, "drift")
    told = "900 rows are new since the champion was trained; the gate's decision: kept"
    assert follow_up(engine) == f"Retrained: {told}."
    assert asked == [{"targets": ["match"], "trials": 3, "seed": 1, "return_state": True}]
    assert what_followed(engine) == ("retrained", told)


def test_a_brake_holds_it_back_and_says_so(engine: Engine, asked: list[dict[str, Any]]) -> None:
    store(engine, "drift", new_rows=12)
    told = "12 rows are new since the champion was trained, a retraining needs at least 500"
    assert follow_up(engine) == f"Retraining held back: {told}."
    assert (what_followed(engine), asked) == (("held back", told), [])
    assert follow_up(engine, brakes=False).startswith("Retrained: the brakes were off for this run; the gate's")
    assert len(asked) == 1


def test_one_that_runs_already_is_enough(engine: Engine, asked: list[dict[str, Any]]) -> None:
    store(engine, "drift")
    with retrain_lock(engine, "match"):
        follow_up(engine)
        follow_up(engine, brakes=False)
    assert (what_followed(engine), asked) == (("held back", "match is being retrained already"), [])
    with retrain_lock(engine, "match") as alone:
        assert alone  # looking whether one runs leaves no lock behind


def test_a_retraining_that_fails_is_told(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = UnfitDataError("the gate refused match v2: leaks")
    monkeypatch.setattr(watch, "retrain", lambda **_: Failed(message=str(refusal), data=refusal))
    store(engine, "drift")
    follow_up(engine)
    assert what_followed(engine)[1] == (
        "900 rows are new since the champion was trained; no new champion: the gate refused match v2: leaks"
    )


def test_nothing_is_said_to_have_followed_before_it_did(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    def be_killed(**_: Any) -> State[Any]:
        raise KeyboardInterrupt

    monkeypatch.setattr(watch, "retrain", be_killed)
    store(engine, "drift")
    with pytest.raises(KeyboardInterrupt):
        follow_up(engine)
    assert what_followed(engine) == (None, None)


def test_one_that_begins_meanwhile_is_enough(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    left = [{"target": "match", "decision": LEFT, "version": None}]
    monkeypatch.setattr(watch, "retrain", lambda **_: Completed(data=left))
    store(engine, "drift")
    assert follow_up(engine) == "Retraining held back: match is being retrained already."
    assert what_followed(engine) == ("held back", "match is being retrained already")


@pytest.fixture
def flow_run(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A run of the flow in this process, on a database of its own; `scheduled_start_time` may be set."""
    monkeypatch.setenv("TQS_HOME", str(tmp_path))
    monkeypatch.setenv("TQS_DATABASE_URL", engine.url.render_as_string(hide_password=False))
    for module in ("watch", "retrain"):
        monkeypatch.setattr(f"flows.{module}.get_run_logger", lambda: logging.getLogger("test"))
    run = SimpleNamespace(scheduled_start_time=datetime.now(UTC))
    monkeypatch.setattr("flows.lateness.flow_run", run)
    return run


def test_a_run_that_comes_too_late_leaves_it_to_the_next(flow_run: SimpleNamespace) -> None:
    flow_run.scheduled_start_time -= watch.INTERVAL + timedelta(minutes=1)
    assert watch.watch_drift.fn() == []
    flow_run.scheduled_start_time -= WEEK
    assert retrain.fn() == []


def test_a_target_that_fails_holds_up_no_other(
    flow_run: SimpleNamespace, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[str] = []

    def run_watch(folder: Path, target: str, day: date, days: int) -> RecordsError | None:
        if target == "reschedule":
            return RecordsError("the notebook of reschedule raised")
        store_findings(engine, target, day, [Finding(OVERALL, "stable", "all is well")])
        return None

    def keep_notebook(_book: object, target: str, *_: object, **__: object) -> State[Any]:
        kept.append(target)
        return Failed(message="no such server") if target == "match" else Completed()

    monkeypatch.setattr(watch, "run_watch", run_watch)
    monkeypatch.setattr(watch, "keep_notebook", keep_notebook)
    ended = watch.watch_drift.fn(day="2026-06-29")
    assert kept == ["match", "no_show"]
    assert isinstance(ended, State)
    assert ended.message == (
        f"MLflow did not take the watch of match (no such server); see {tmp_path / 'drift/2026-06-29-match'} "
        "the notebook of reschedule raised"
    )
    assert read_findings(engine, "no_show", DAY)[0]["reason"] == "all is well"
    assert [row["target"] for row in watch.watch_drift.fn(targets=["no_show"], day="2026-06-29")] == ["no_show"]


def test_a_target_whose_consequences_fail_holds_up_no_other(
    flow_run: SimpleNamespace, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def follow(engine: Engine, target: str, *_: object, **__: object) -> dict[str, str]:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1" if target == "no_show" else "SELECT nothing"))
        return {"verdict": "stable", "reason": "", "retraining": ""}

    monkeypatch.setattr(watch, "run_watch", lambda *_: None)
    monkeypatch.setattr(watch, "follow_up", follow)
    monkeypatch.setattr(watch, "keep_notebook", lambda *_, **__: Completed())
    ended = watch.watch_drift.fn(targets=["match", "no_show"], day="2026-06-29")
    assert isinstance(ended, State)
    assert 'column "nothing" does not exist' in str(ended.message)


def test_it_runs_daily_and_one_at_a_time() -> None:
    deployments = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    [deployment] = [one for one in deployments if one["entrypoint"] == "flows/watch.py:watch_drift"]
    assert [schedule["cron"] for schedule in deployment["schedules"]] == ["20 1 * * *"]
    assert deployment["concurrency_limit"]["limit"] == 1
