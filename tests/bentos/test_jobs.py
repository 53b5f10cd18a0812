"""Jobs are done in processes of their own, and go on whatever is killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import URL, Engine, text

import scoring.pair_runs
from access.keys import create_key
from bentos.jobs import JobStarter
from bentos.routers.match_jobs import Job, StartedJob
from scoring.job_queue import open_job
from scoring.pair_runs import OpenJob, run_for_all
from tests.bentos.conftest import serving, wait_until
from tests.scoring.conftest import Records, serve

RULE = serve("match", rule=True)
PEOPLE = 150  # each of students and tutors: 22,500 pairs, which are too many to wait for


@pytest.fixture
def records(engine: Engine) -> Records:
    return Records(engine)


@pytest.fixture
def starter(engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[JobStarter]:
    monkeypatch.setenv("TQS_DATABASE_URL", engine.url.render_as_string(hide_password=False))
    monkeypatch.setenv("TQS_HOME", str(tmp_path))
    starter = JobStarter(engine)
    yield starter
    starter.stop()


@contextmanager
def held_up(records: Records) -> Iterator[None]:
    """Whoever does a job waits at the first pair that it stores, until the with block ends."""
    with records.engine.begin() as connection:
        connection.exec_driver_sql("LOCK match_predictions IN EXCLUSIVE MODE")
        yield


def waits(records: Records) -> bool:
    waiting = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    return bool(records.rows(waiting))


def state(records: Records) -> tuple[Any, ...]:
    [row] = records.rows("SELECT state, attempts, done, total, created, existing FROM jobs")
    return tuple(row)


def runner_of(starter: JobStarter) -> int:
    assert starter._process is not None
    return starter._process.pid


def look_until_done(starter: JobStarter, records: Records) -> None:
    def looked() -> bool:
        starter.look_after(jobs_wait=True)
        return bool(state(records)[0] == "done")

    wait_until(looked, 120)


def test_a_job_whose_process_is_killed_goes_on_at_once(engine: Engine, records: Records, starter: JobStarter) -> None:
    records.student(1)
    records.tutor(1)
    open_job(engine, "generate_all", None, total=1, actor="ada")
    with held_up(records):
        starter.look_after(jobs_wait=True)
        wait_until(lambda: waits(records), 60)
        os.kill(runner_of(starter), signal.SIGKILL)
    look_until_done(starter, records)
    assert state(records) == ("done", 2, 1, 1, 1, 0)
    assert records.rows("SELECT count(*) FROM match_predictions") == [(1,)]


def test_a_job_goes_on_with_another_worker_where_one_ends(
    engine: Engine, records: Records, starter: JobStarter
) -> None:
    records.student(1)
    records.tutor(1)
    open_job(engine, "generate_all", None, total=1, actor="ada")
    other = JobStarter(engine)
    with held_up(records):
        starter.look_after(jobs_wait=True)
        wait_until(lambda: waits(records), 60)
        other.look_after(jobs_wait=True)
        assert other._process is None
        starter.stop()
    try:
        look_until_done(other, records)
    finally:
        other.stop()
    assert state(records) == ("done", 2, 1, 1, 1, 0)


def test_nothing_is_started_where_no_job_waits(engine: Engine, starter: JobStarter) -> None:
    starter.look_after(jobs_wait=False)
    starter.look_after(jobs_wait=True)
    assert starter._process is None


def test_a_large_run_is_opened_once(engine: Engine, records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring.pair_runs, "SMALL_PAIRS", 5)
    for i in range(3):
        records.student(i)
        records.tutor(i)
    first, again = (run_for_all(engine, RULE, "refresh_all", actor="ada") for _ in range(2))
    assert isinstance(first, OpenJob)
    assert isinstance(again, OpenJob)
    assert (first.job_id, first.total) == (again.job_id, 9)
    assert records.rows("SELECT count(*) FROM match_predictions") == [(0,)]


def test_a_large_run_over_the_service_survives_its_process(
    engine: Engine, database_url: URL, records: Records, tmp_path: Path
) -> None:
    """202, then the runner is killed, health answers all the while, and at the end every pair is there."""
    write_people(engine)
    key = create_key(engine, "admin", scopes=["admin"])
    with (
        serving(database_url, tmp_path) as (url, _, log),
        httpx.Client(base_url=url, headers={"X-API-Key": key}, timeout=30) as admin,
    ):
        with held_up(records):
            started = admin.post("/api/matching/generate-all")
            assert started.status_code == 202, started.text
            job = StartedJob.model_validate_json(started.content)
            assert (job.total, started.headers["location"]) == (PEOPLE**2, f"/api/jobs/{job.job_id}")
            assert admin.post("/api/matching/generate-all").json()["job_id"] == str(job.job_id)
            wait_until(lambda: "is done by process" in log.read_text(), 60)
            wait_until(lambda: waits(records), 60)
            assert admin.get(started.headers["location"]).json()["state"] == "running"
            os.kill(int(log.read_text().split("is done by process ")[1].split()[0]), signal.SIGKILL)
        told: list[Job] = []

        def is_done() -> bool:
            told.append(Job.model_validate_json(admin.get(started.headers["location"]).content))
            return told[-1].state == "done"

        wait_until(is_done, 120)
        last = told[-1]
        assert (last.done, last.total, last.created, last.existing) == (PEOPLE**2, PEOPLE**2, PEOPLE**2, 0)
        assert records.rows("SELECT count(*) FROM match_predictions") == [(PEOPLE**2,)]
        assert records.rows("SELECT attempts FROM jobs") == [(2,)]
        assert admin.get("/api/jobs/00000000-0000-0000-0000-000000000000").status_code == 404


def write_people(engine: Engine) -> None:
    with engine.begin() as connection:
        for who in ("tutor", "student"):
            connection.execute(
                text(
                    f"WITH made AS (INSERT INTO {who}s (name, source) SELECT '{who} ' || i, 'api' "
                    f"FROM generate_series(1, {PEOPLE}) i RETURNING id) "
                    f"INSERT INTO {who}_profiles ({who}_id, valid_from) SELECT id, 'epoch' FROM made"
                )
            )
