"""What one worker process of the service holds: database, keys, models, and the tasks that keep them fresh.

Each second the heartbeat reads the keys, the queue and the champions' versions. No request waits for the database in
order to be let in or to be told how the service is; a worker that cannot reach it goes on with what it knows.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import Engine, event, text
from sqlalchemy.exc import SQLAlchemyError

from access.ring import KeyRing, read_key_ring
from bentos.answers import Answers
from bentos.gate import Gate
from bentos.jobs import JobStarter
from bentos.pair_batch import PairBatch
from bentos.refresher import Refresher
from bentos.serving import ServingModels
from modelling.store import read_champion_versions
from processing.upkeep import QueueCounts, count_queue
from records.engine import Databases, create_app_engine
from scoring.explainer import Explainer
from scoring.job_queue import are_jobs_waiting
from scoring.language_model import open_language_model
from scoring.models import ServedModel
from tqs.settings import Settings

log: Final = logging.getLogger("bentoml.tqs")

BEAT_S: Final = 1.0
NOT_ASKED: Final = "not asked yet"
STALE_S: Final = 2.5  # no beat for so long: the database hangs
BEAT_TIMEOUT_MS: Final = 2_000
LOCK_TIMEOUT_MS: Final = 2_000  # for which a request waits for another's lock
STATEMENT_TIMEOUT_MS: Final = 25_000  # less than a request has
NOTES_S: Final = 10.0  # each is a commit, after which lists and details are read anew


@dataclass(frozen=True, slots=True)
class Pulse:
    """What a heartbeat found. at: monotonic seconds. error: why the database did not answer, None where it did."""

    at: float
    keys: KeyRing | None
    queue: QueueCounts | None
    champions: Mapping[str, str]
    error: str | None = None
    jobs_wait: bool = False


class Worker:
    """The state of one worker process. Lives in the event loop that calls `start`."""

    def __init__(self, settings: Settings, databases: Databases) -> None:
        self.settings = settings
        self.engine = databases.app
        _limit_waiting(databases.app)
        # Requests that wait for the database hold the connections of its pool: what keeps the worker alive has its own.
        self._heart = create_app_engine(databases.app.url)
        self.models = ServingModels(self._heart, settings)
        self.answers = Answers(databases.app.url)
        self.gate = Gate(settings)
        self.explainer = Explainer(databases.app, open_language_model(settings))
        self.pair_batch = PairBatch(self.answers)
        self.jobs = JobStarter(self._heart)
        self.refresher = Refresher(databases.app, lambda: self.match_model)
        self.pulse = Pulse(-STALE_S, None, None, {}, NOT_ASKED)
        # Threads of our own, one a task: a database that hangs must not use up those that answer requests.
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="heart")
        self._beaten = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """First beat, first load of the models, and the tasks that go on. A database that is down delays nothing."""
        await self.answers.start()
        await self._run(self._beat)
        # A check of the models takes seconds.
        self._tasks = [asyncio.create_task(self._keep_beating()), asyncio.create_task(self._keep_notes())]
        await self._refresh_models()
        self._tasks.append(asyncio.create_task(self._keep_models_fresh()))
        self._tasks.append(asyncio.create_task(self._keep_jobs_going()))
        await self.explainer.open()
        # Nearly a million objects of imported modules: a full collection would stop every request for half a second.
        gc.collect()
        gc.freeze()

    async def stop(self) -> None:
        """End the tasks and let go of the database."""
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
        self.refresher.stop()
        await self._run(self.jobs.stop)
        if self.is_connected:
            await self._run(self._write_notes)
        self._pool.shutdown(wait=False, cancel_futures=True)
        await self.answers.stop()
        await self.explainer.close()
        self.engine.dispose()
        self._heart.dispose()
        self.gate.close()

    @property
    def is_connected(self) -> bool:
        """Whether the database answered just now."""
        return self.pulse.error is None and time.monotonic() - self.pulse.at < STALE_S

    @property
    def is_healthy(self) -> bool:
        """Whether the database answered just now and the models are loaded."""
        return self.is_connected and bool(self.models.serving)

    @property
    def keys(self) -> KeyRing | None:
        """The keys as last read; None before the first time."""
        return self.pulse.keys

    @property
    def match_model(self) -> ServedModel | None:
        """What answers for matches, None before the first load; it says so where it goes on for a champion refused."""
        serving = self.models.serving.get("match")
        return None if serving is None else replace(serving.model, refusal=serving.refusal)

    async def newer_keys(self) -> KeyRing | None:
        """The keys as the database had them after this call, for a key made a moment ago; None where it does not say.

        It waits for the next beat and hastens none: however many strangers call, the database is asked no more often.
        """
        try:
            await asyncio.wait_for(self._beaten.wait(), STALE_S)
        except TimeoutError:
            return None
        return self.pulse.keys if self.pulse.error is None else None

    async def _keep_beating(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            beaten, self._beaten = self._beaten, asyncio.Event()
            await self._run(self._beat)
            beaten.set()

    async def _keep_notes(self) -> None:
        while True:
            await asyncio.sleep(NOTES_S)
            if self.is_connected:
                await self._run(self._write_notes)

    def _write_notes(self) -> None:
        self.gate.write_notes(self._heart)

    async def _keep_models_fresh(self) -> None:
        while True:
            await self._beaten.wait()
            await self._refresh_models()

    async def _refresh_models(self) -> None:
        pulse = self.pulse
        if pulse.error is None and self.models.needs_refresh(pulse.champions):
            await self._run(lambda: self.models.refresh(pulse.champions))

    async def _keep_jobs_going(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            if self.is_connected:
                await self._run(lambda: self.jobs.look_after(jobs_wait=self.pulse.jobs_wait))

    async def _run(self, step: Callable[[], None]) -> None:
        """Run a step in the pool. A failure is logged and the next round tries again: these tasks never end."""
        try:
            await asyncio.get_running_loop().run_in_executor(self._pool, step)
        except Exception as error:  # noqa: BLE001  # whatever it is, the service goes on with what it has
            log.error("%s failed, to be tried again: %s", step.__qualname__, _say(error))

    def _beat(self) -> None:
        try:
            found = self._read_state()
        except SQLAlchemyError as error:
            said = _say(error)
            if self.pulse.error in (None, NOT_ASKED):
                log.error("the database does not answer: %s", said)
            self.pulse = replace(self.pulse, at=time.monotonic(), error=said)
        else:
            if self.pulse.error is not None:
                log.info("the database answers")
            self.pulse = found

    def _read_state(self) -> Pulse:
        with self._heart.begin() as connection:
            connection.execute(text(f"SET LOCAL statement_timeout = {BEAT_TIMEOUT_MS}"))
            queue = count_queue(connection)
            keys = read_key_ring(connection, self.settings.api_key)
            champions = read_champion_versions(connection)
            jobs_wait = are_jobs_waiting(connection)
        return Pulse(time.monotonic(), keys, queue, champions, jobs_wait=jobs_wait)


def _limit_waiting(engine: Engine) -> None:
    """Let no statement of a request outlast the request, nor wait long for a lock: both are told as 503."""

    @event.listens_for(engine, "do_connect")
    def _add_limits(_dialect: Any, _record: Any, _positional: Any, arguments: dict[str, Any]) -> None:
        limits = f"-c lock_timeout={LOCK_TIMEOUT_MS} -c statement_timeout={STATEMENT_TIMEOUT_MS}"
        arguments["options"] = f"{arguments.get('options', '')} {limits}".strip()


def _say(error: Exception) -> str:
    lines = str(getattr(error, "orig", None) or error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
