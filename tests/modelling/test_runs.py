"""Training runs on record from their begin: also those whose process was killed."""

from __future__ import annotations

import signal
import subprocess
import sys

import pandas as pd
import pytest
from sqlalchemy.exc import IntegrityError

from flows.retrain import retrain_lock
from modelling.decisions import Decision, list_decisions
from modelling.origin import Origin
from modelling.runs import LOST, begin_run, end_run, list_runs, note_place, note_snapshot
from modelling.store import record_decision
from tests.bentos.conftest import wait_until

GIVEN = {"seed": 7, "trials": 30, "origin": Origin("abc", "f" * 64)}
LOCK_AND_BEGIN = """
import sys

import psycopg2

connection = psycopg2.connect(sys.argv[1])
connection.autocommit = True
cursor = connection.cursor()
cursor.execute("SELECT pg_advisory_lock(hashtext('tqs retrain reschedule'))")
cursor.execute(
    "INSERT INTO training_runs (target, seed, trials, code_commit, lock_sha256) VALUES ('reschedule', 1, 2, '', '')"
)
print("begun", flush=True)
sys.stdin.read()
"""


def test_a_run_holds_what_it_is_made_from(engine, tmp_path):
    run, lost = begin_run(engine, "reschedule", **GIVEN)
    assert lost == []
    times = pd.to_datetime(["2026-02-01T10:00Z", "2026-01-01T09:00Z"]).as_unit("us")
    pd.DataFrame({"scheduled_time": times}).to_parquet(tmp_path / "snapshot.parquet")
    note_place(engine, run, mlflow_run_id="run-1", folder="runs/1")
    note_snapshot(engine, run, tmp_path / "snapshot.parquet", "a" * 64)
    [running] = list_runs(engine)
    assert (running.state, running.ended_at, running.snapshot_sha256) == ("running", None, "a" * 64)
    assert (running.window_from, running.window_to) == (times[1], times[0])
    assert (running.seed, running.trials, running.code_commit, running.lock_sha256) == (7, 30, "abc", "f" * 64)
    end_run(engine, run, failed=False, version="v1")
    [ended] = list_runs(engine, "reschedule")
    assert (ended.state, ended.version, ended.reason, ended.folder) == ("finished", "v1", None, "runs/1")
    assert ended.ended_at >= ended.started_at
    assert list_runs(engine, "match") == []


def test_a_run_that_did_not_end_is_lost_when_the_next_one_begins_and_its_decision_is_told(engine):
    first, _ = begin_run(engine, "reschedule", **GIVEN)
    other, _ = begin_run(engine, "match", **GIVEN)
    second, lost = begin_run(engine, "reschedule", **GIVEN)
    assert [run.id for run in lost] == [first]
    assert {run.id: run.state for run in list_runs(engine)} == {first: "lost", other: "running", second: "running"}
    [decision] = list_decisions(engine, "reschedule")
    assert (decision.decision, decision.actor, decision.version) == ("kept", "retrain", None)
    assert LOST in decision.reason

    end_run(engine, second, failed=True, reason="a disk was full")
    assert begin_run(engine, "reschedule", **GIVEN)[1] == []
    assert len(list_decisions(engine, "reschedule")) == 1


def test_a_run_that_was_killed_after_its_decision_gets_no_second_one(engine):
    run, _ = begin_run(engine, "reschedule", **GIVEN)
    note_place(engine, run, mlflow_run_id="run-1", folder="runs/1")
    record_decision(engine, Decision("reschedule", "kept", "the champion is better", "gate", mlflow_run_id="run-1"))
    begin_run(engine, "reschedule", **GIVEN)
    assert [decision.reason for decision in list_decisions(engine, "reschedule")] == ["the champion is better"]


def test_a_killed_process_leaves_the_next_run_free_to_go_on(engine, database_url):
    """As when Prefect's worker is restarted while a flow runs."""
    url = database_url.set(drivername="postgresql").render_as_string(hide_password=False)
    command = [sys.executable, "-c", LOCK_AND_BEGIN, url]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "begun\n"
    with retrain_lock(engine, "reschedule") as alone:
        assert not alone
    child.send_signal(signal.SIGKILL)
    child.wait()

    def is_free() -> bool:
        with retrain_lock(engine, "reschedule") as alone:
            return alone

    wait_until(is_free, 20)
    _, lost = begin_run(engine, "reschedule", **GIVEN)
    assert [run.seed for run in lost] == [1]


def test_the_database_keeps_states_and_ends_together(engine):
    run, _ = begin_run(engine, "match", **GIVEN)
    with pytest.raises(IntegrityError, match="ended_unless_running"), engine.begin() as connection:
        connection.exec_driver_sql("UPDATE training_runs SET state = 'failed'")
    with pytest.raises(IntegrityError, match="snapshot_sha256_form"):
        note_snapshot_hash(engine, run, "no hash")


def note_snapshot_hash(engine, run, sha256):
    with engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE training_runs SET snapshot_sha256 = '{sha256}' WHERE id = '{run}'")
