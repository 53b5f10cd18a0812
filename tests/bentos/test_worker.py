"""A worker knows by its heartbeat how the database is, and goes on with what it knows."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine, text
from sqlalchemy.exc import OperationalError

from access.keys import create_key
from benchmarks._model import make_artifact
from bentos import worker as worker_module
from bentos.worker import Worker
from modelling.store import promote, save_challenger
from records.engine import Databases
from tests.conftest import connect_as_owner
from tests.loops import run_coroutine
from tqs.settings import Settings


def run_worker(url: URL, home: Path, steps: Callable[[Worker], Awaitable[None]]) -> None:
    async def run() -> None:
        settings = Settings(home=home, database_url=None)
        worker = Worker(settings, Databases(url, embedded=False))
        await worker.start()
        try:
            await steps(worker)
        finally:
            await worker.stop()

    run_coroutine(run())


def test_the_first_beat_comes_before_the_first_request(
    database_url: URL, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "STALE_S", 60.0)  # a busy machine is slow, not wrong
    key = create_key(engine, "a", scopes=["read"])

    async def steps(worker: Worker) -> None:
        assert worker.is_healthy
        assert worker.keys is not None
        assert worker.keys.verify(key, datetime.now(UTC)) is not None
        assert {target: serving.model.version for target, serving in worker.models.serving.items()} == {
            "match": "rule",
            "reschedule": "rule",
            "no_show": "rule",
        }

    run_worker(database_url, tmp_path, steps)


def test_newer_keys_hold_a_key_of_just_now(database_url: URL, engine: Engine, tmp_path: Path) -> None:
    async def steps(worker: Worker) -> None:
        key = create_key(engine, "a", scopes=["read"])
        ring = await worker.newer_keys()
        assert ring is not None
        assert ring.verify(key, datetime.now(UTC)) is not None

    run_worker(database_url, tmp_path, steps)


def test_askers_share_the_beats_there_are_anyway(
    database_url: URL, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beats: list[float] = []
    original = Worker._beat

    def counted(worker: Worker) -> None:
        beats.append(time.monotonic())
        original(worker)

    async def steps(worker: Worker) -> None:
        before = len(beats)
        for _ in range(3):
            await asyncio.gather(*(worker.newer_keys() for _ in range(200)))
        assert 3 <= len(beats) - before <= 4
        assert all(after - at >= worker_module.BEAT_S for at, after in itertools.pairwise(beats[1:]))

    monkeypatch.setattr(Worker, "_beat", counted)
    monkeypatch.setattr(worker_module, "STALE_S", 60.0)
    run_worker(database_url, tmp_path, steps)


def test_of_a_database_that_does_not_say_there_are_no_newer_keys(
    database_url: URL, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def steps(worker: Worker) -> None:
        monkeypatch.setattr(worker_module, "STALE_S", 0.01)
        assert await worker.newer_keys() is None
        monkeypatch.setattr(worker_module, "STALE_S", 60.0)

        def fail() -> None:
            raise OperationalError("SELECT", {}, Exception("gone"))

        monkeypatch.setattr(worker, "_read_state", fail)
        assert await worker.newer_keys() is None
        assert worker.keys is not None  # those that were good still are

    run_worker(database_url, tmp_path, steps)


def test_the_queue_is_counted(database_url: URL, engine: Engine, tmp_path: Path) -> None:
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE work_items DROP CONSTRAINT fk_work_items_session_id_sessions"))
        connection.execute(
            text(
                "INSERT INTO work_items (session_id, state, created_at) SELECT gen_random_uuid(), state, "
                "now() - age * interval '1 second' FROM (VALUES ('pending', 50), ('pending', 5), ('failed', 900), "
                "('done', 9000)) AS v (state, age)"
            )
        )

    async def steps(worker: Worker) -> None:
        queue = worker.pulse.queue
        assert queue is not None
        assert (queue.pending, queue.failed) == (2, 1)
        assert 50 <= queue.oldest_seconds < 110

    run_worker(database_url, tmp_path, steps)


def test_a_worker_that_starts_without_a_database_becomes_healthy_with_it(
    database_url: URL, engine: Engine, tmp_path: Path
) -> None:
    key = create_key(engine, "a", scopes=["read"])
    engine.dispose()

    async def steps(worker: Worker) -> None:
        assert not worker.is_healthy
        assert worker.keys is None
        with connect_as_owner(database_url) as run:
            run(f'ALTER DATABASE "{database_url.database}" ALLOW_CONNECTIONS true')
        async with asyncio.timeout(30):
            while not worker.is_healthy:
                await worker.newer_keys()
        assert worker.keys is not None
        assert worker.keys.verify(key, datetime.now(UTC)) is not None

    with connect_as_owner(database_url) as run:
        run(f'ALTER DATABASE "{database_url.database}" ALLOW_CONNECTIONS false')
    run_worker(database_url, tmp_path, steps)


def test_a_database_that_hangs_is_told_by_the_age_of_the_beat(
    database_url: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "STALE_S", 60.0)

    async def steps(worker: Worker) -> None:
        assert worker.is_healthy
        later = time.monotonic() + worker_module.STALE_S
        monkeypatch.setattr(worker_module.time, "monotonic", lambda: later)
        assert not worker.is_healthy
        assert not worker.is_connected

    run_worker(database_url, tmp_path, steps)


def test_a_model_that_kills_its_process_does_not_kill_the_worker(
    database_url: URL, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the start, too, a champion is loaded here only after a child process lived through it."""
    version = save_challenger(engine, make_artifact("no_show")).version
    promote(engine, "no_show", version, expected_champion=None, reason="a test", actor="test")
    monkeypatch.setattr(worker_module, "STALE_S", 60.0)
    deadly = tmp_path / "deadly"
    deadly.mkdir()
    (deadly / "sitecustomize.py").write_text("import os, sys\nos._exit(11)\n")  # for children only
    monkeypatch.setenv("PYTHONPATH", str(deadly))

    async def steps(worker: Worker) -> None:
        serving = worker.models.serving["no_show"]
        assert serving.model.fallback
        assert serving.refusal is not None
        assert "the process ended with 11" in serving.refusal
        assert worker.is_healthy

    run_worker(database_url, tmp_path, steps)


def test_the_champions_are_asked_for_under_the_time_limit_of_a_beat(
    database_url: URL, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "BEAT_TIMEOUT_MS", 200)

    async def steps(worker: Worker) -> None:
        assert worker.is_connected
        with engine.begin() as other:
            other.execute(text("LOCK TABLE models IN ACCESS EXCLUSIVE MODE"))
            async with asyncio.timeout(20):
                while worker.pulse.error is None:
                    await worker.newer_keys()
            assert "statement timeout" in worker.pulse.error

    run_worker(database_url, tmp_path, steps)


def test_requests_that_hold_every_connection_stop_no_heartbeat(
    database_url: URL, engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_module, "STALE_S", 60.0)

    async def steps(worker: Worker) -> None:
        with contextlib.ExitStack() as held:
            for _ in range(15):
                held.enter_context(worker.engine.connect())
            key = create_key(engine, "late", scopes=["read"])
            async with asyncio.timeout(30):
                while (ring := await worker.newer_keys()) is None or ring.verify(key, datetime.now(UTC)) is None:
                    pass
            beat = worker.pulse.at
            async with asyncio.timeout(60):
                while worker.pulse.at < beat + 2 * worker_module.BEAT_S:  # two more at least
                    await worker.newer_keys()
            assert worker.pulse.error is None

    run_worker(database_url, tmp_path, steps)


def test_no_request_waits_for_ever(database_url: URL, engine: Engine, tmp_path: Path) -> None:
    async def steps(worker: Worker) -> None:
        assert read_limits(worker.engine) == ("2s", "25s", "UTC")
        assert read_limits(engine) == ("0", "0", "UTC")

    run_worker(database_url, tmp_path, steps)


def read_limits(engine: Engine) -> tuple[str, ...]:
    with engine.connect() as connection:
        return tuple(
            str(connection.scalar(text(f"SHOW {name}"))) for name in ("lock_timeout", "statement_timeout", "timezone")
        )
