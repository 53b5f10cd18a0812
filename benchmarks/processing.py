"""From a posted session to the tutor's flag: how soon, how many a second, and as cheap with many stored."""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, text

from access.keys import create_key
from benchmarks._history import AHEAD, RECENT, promise_sessions, write_history
from benchmarks._load import Request, open_connections
from benchmarks._server import temporary_engine
from benchmarks.http_api import row, serving
from benchmarks.intake import make_sessions
from flows.environment import use_prefect
from processing.drain import drain
from records.engine import Databases
from records.work import wake_processor
from scoring.current_models import CurrentModels
from scoring.sessions import SESSION_TARGETS, predict_upcoming
from scoring.tutors import score_tutors
from tqs.settings import Settings, load_settings

TUTORS, FULL_TUTORS = 2_000, 20_000
EACH: Final = AHEAD + RECENT  # sessions of a tutor in the small history: 100,000 in all
LONG: Final = 10  # times as many in the long one: 1,000,000, and 10,000,000 of ten times the tutors
BATCH: Final = 500  # sessions, each of another tutor
ROUNDS: Final = 5
FLAT: Final = 1.5

RATE: Final = 20  # sessions posted a second
SECONDS: Final = 20
SOON_S: Final = 5.0
SCHEDULE_S: Final = 60.0
BY_SCHEDULE_S: Final = 90.0
BACKLOG, FULL_BACKLOG = 20_000, 100_000
BACKLOG_A_SECOND: Final = 100_000 / 120
LOOK_S: Final = 0.02
RECIPIENT: Final = "coach@example.com"
Row = dict[str, Any]


def run(full: bool = False) -> list[Row]:
    """Rows of results; `full` has 10,000,000 sessions stored instead of 1,000,000, and a backlog of 100,000."""
    with ExitStack() as stack:
        small, large = (stack.enter_context(temporary_engine()) for _ in range(2))
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tqs-bench-")))
        stored = write_history(small, TUTORS, EACH), write_history(large, FULL_TUTORS if full else TUTORS, LONG * EACH)
        settings = load_settings(home=home, report_recipients=(RECIPIENT,))
        rows = [compare_sizes(settings, (small, large), stored)]
        rows += [time_schedule(large, home, stored[1])]
        rows += measure_processor(large, home, stored[1], FULL_BACKLOG if full else BACKLOG)
    return rows


def compare_sizes(settings: Settings, engines: Sequence[Engine], stored: Sequence[int]) -> Row:
    """Batches of as many sessions of as many tutors, in turns with few and with many sessions stored."""
    models = [CurrentModels(engine, settings, SESSION_TARGETS) for engine in engines]
    for engine, mine in zip(engines, models, strict=True):
        now = datetime.now(UTC)
        score_tutors(engine, now)
        predict_upcoming(engine, mine.current(), now)
    for engine in engines:  # what the hourly run wrote is on disk, so that no session waits for its pages
        with engine.connect() as connection:
            connection.execute(text("CHECKPOINT"))
    seconds: list[list[float]] = [[], []]
    for turn in range(ROUNDS):
        for engine, mine, took in zip(engines, models, seconds, strict=True):
            promise_sessions(engine, TUTORS, BATCH, first=turn * BATCH)
            started = time.perf_counter()
            done = drain(engine, settings, mine)
            took.append(time.perf_counter() - started)
            assert done.processed == done.mails == BATCH, done
    few, many = (1000 * statistics.median(took) / BATCH for took in seconds)
    name = f"processing a session, {stored[1]:,} stored, beside {stored[0]:,}"
    return row(name, many, few, "ms a session", FLAT)


def time_schedule(engine: Engine, home: Path, stored: int) -> Row:
    """How long a session waits at the most where only the flow of every minute processes: a minute, and its run.

    The run is a process of its own with a temporary Prefect server, and has what was posted within a minute to do.
    """
    sessions = int(RATE * SCHEDULE_S)
    promise_sessions(engine, TUTORS, sessions)
    env = environment(engine, home)
    env |= use_prefect(load_settings(home=home), Databases(engine.url, embedded=True))
    command = [sys.executable, "-c", "from flows.process import process_sessions; process_sessions()"]
    started = time.perf_counter()
    subprocess.run(command, env=env, check=True, capture_output=True)
    seconds = SCHEDULE_S + time.perf_counter() - started
    with engine.connect() as connection:
        assert not find_open(connection), "the run left sessions"
    name = f"from POST to flag by the minute schedule: a minute and a run of {sessions:,} sessions, {stored:,} stored"
    return row(name, seconds, BY_SCHEDULE_S, "s", 1.0)


def measure_processor(engine: Engine, home: Path, stored: int, backlog: int) -> list[Row]:
    """The resident processor: beside the service that takes sessions in, and with a backlog."""
    key = create_key(engine, "benchmark", scopes=["admin"])
    with processor(engine, home):
        with serving(engine, home) as url:
            post_steadily(engine, url, key, seconds=2)  # from now on the models are loaded
            p95 = post_steadily(engine, url, key, seconds=SECONDS)
        seconds = time_backlog(engine, backlog)
    posted = f"from POST to flag, {RATE} sessions/s, {stored:,} stored: the slowest of twenty"
    return [
        row(posted, p95, SOON_S, "s p95", 1.0),
        row(f"a backlog of {backlog:,} sessions, {stored:,} stored", seconds, backlog / BACKLOG_A_SECOND, "s", 1.0),
    ]


def post_steadily(engine: Engine, url: str, key: str, *, seconds: int) -> float:
    """Post sessions that tutors moved; the 95th percentile of the seconds from the 202 to the tutor's new score."""
    people = [_ids(engine, kind) for kind in ("tutors", "students")]
    sessions = list(islice(map(move, make_sessions(*people)), RATE * seconds))
    before = count_moved(engine)
    taken: dict[str, float] = {}
    with ExitStack() as stack:
        connections = stack.enter_context(open_connections(url, key))
        pool = stack.enter_context(ThreadPoolExecutor(len(connections)))
        started = time.monotonic()

        def post(place: int) -> None:
            for number in range(place, len(sessions), len(connections)):
                time.sleep(max(0.0, started + number / RATE - time.monotonic()))
                session = sessions[number]
                connections[place].ask(Request("/api/sessions", "POST", json.dumps(session).encode()))
                while not connections[place].take():
                    pass
                taken[session["session_id"]] = time.monotonic()

        posting = [pool.submit(post, place) for place in range(len(connections))]
        waits = watch(engine, taken, len(sessions))
        for one in posting:
            one.result()
    assert count_moved(engine) == before + len(sessions), "the scores do not tell of each session"
    return statistics.quantiles(waits, n=20)[-1]


def watch(engine: Engine, taken: dict[str, float], sessions: int) -> list[float]:
    """Seconds from when each session was taken until it was seen, from outside, that it is processed."""
    waits: dict[str, float] = {}
    deadline = time.monotonic() + 10 * SOON_S + sessions / RATE
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while len(waits) < sessions:
            assert time.monotonic() < deadline, f"only {len(waits):,} of {sessions:,} sessions are processed"
            told = dict(taken)
            waiting = find_open(connection)
            now = time.monotonic()
            waits |= {one: now - at for one, at in told.items() if one not in waits and one not in waiting}
            time.sleep(LOOK_S)
    return list(waits.values())


def time_backlog(engine: Engine, sessions: int) -> float:
    """Seconds until a processor that waits has processed so many sessions that were stored at once."""
    promise_sessions(engine, TUTORS, sessions)
    started = time.perf_counter()
    with engine.connect() as connection:
        wake_processor(connection)
        while connection.scalar(_ANY_OPEN):
            connection.rollback()
            time.sleep(LOOK_S)
    return time.perf_counter() - started


def move(session: Row) -> Row:
    """The same session, moved by its tutor."""
    moved = {name: value for name, value in session.items() if name != "completed_time"}
    return moved | {"status": "rescheduled", "reschedule_info": {"initiator": "tutor"}}


def find_open(connection: Connection) -> set[str]:
    """The sessions that are not processed yet."""
    return set(connection.scalars(_OPEN))


def count_moved(engine: Engine) -> int:
    """The sessions that their tutors moved, as the scores tell of the last 30 days."""
    with engine.connect() as connection:
        return connection.scalar(text("SELECT sum(tutor_reschedules_30d) FROM tutor_scores")) or 0


@contextmanager
def processor(engine: Engine, home: Path) -> Iterator[None]:
    """A resident processor that is ready, from its start to its end."""
    command = [sys.executable, "-m", "processing.processor"]
    with (home / "processor.log").open("w+") as log:
        process = subprocess.Popen(command, env=environment(engine, home), stdout=log, stderr=subprocess.STDOUT)
        try:
            while "ready" not in (said := (home / "processor.log").read_text()):
                assert process.poll() is None, said
                time.sleep(0.1)
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def environment(engine: Engine, home: Path) -> dict[str, str]:
    """Of a process that works on the database and writes a mail for each session."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("TQS_")}
    return env | {
        "TQS_HOME": str(home),
        "TQS_DATABASE_URL": engine.url.render_as_string(hide_password=False),
        "TQS_REPORT_RECIPIENTS": RECIPIENT,
    }


def _ids(engine: Engine, kind: str) -> list[str]:
    with engine.connect() as connection:
        return [str(one) for one in connection.scalars(text(f"SELECT id FROM {kind} ORDER BY random()"))]


_OPEN: Final = text("SELECT session_id::text FROM work_items WHERE state <> 'done'")
_ANY_OPEN: Final = text("SELECT EXISTS (SELECT FROM work_items WHERE state <> 'done')")

if __name__ == "__main__":
    for result in run(full="--full" in sys.argv):
        print(json.dumps(result, ensure_ascii=False))
