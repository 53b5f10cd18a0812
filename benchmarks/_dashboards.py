"""The company that the dashboards are measured with, and their server as a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, text

from benchmarks._model import make_artifact
from dashboards.password_file import PASSWORD_FILE
from modelling.store import promote, save_challenger
from records.columns import TARGETS
from records.load import write_world
from records.world import make_world
from scoring.models import load_models
from scoring.sessions import predict_upcoming
from scoring.tutors import score_tutors
from tqs.loopback import answers
from tqs.settings import load_settings

TUTORS, STUDENTS, DAYS = 10_000, 20_000, 190  # a million sessions
TREES, DEPTH = 100, 5
START_S: Final = 120.0
END_S: Final = 30.0
PAGE_KB: Final = 4


@dataclass(frozen=True, slots=True)
class Server:
    """The dashboards that run: their address, the password, and the process."""

    address: str
    password: str
    pid: int

    def memory_mb(self) -> float:
        """Resident memory of the process."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * PAGE_KB / 1024


def found_company(engine: Engine, tutors: int = TUTORS, students: int = STUDENTS, days: int = DAYS) -> int:
    """A company with models, scores and predictions, in an empty database; how many sessions it has."""
    now = datetime.now(UTC)
    world = make_world(tutors, students, days, end=now.date())
    write_world(engine, world)
    for target in TARGETS:
        saved = save_challenger(engine, make_artifact(target, trees=TREES, depth=DEPTH))
        promote(engine, target, saved.version, expected_champion=None, reason="a benchmark", actor="benchmark")
    settings = load_settings()
    score_tutors(engine, now)
    predict_upcoming(engine, load_models(engine, settings), now, timezone=settings.timezone)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
        connection.execute(text("CHECKPOINT"))  # or it would be written while pages are measured
    return len(world.sessions)


@contextmanager
def serving(engine: Engine, home: Path) -> Iterator[Server]:
    """The dashboards on a free port, from when they answer to their end."""
    home.mkdir(exist_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with _running(engine, home, "dashboards.serve", {"TQS_DASHBOARD_PORT": str(port)}) as process:
        address = f"http://127.0.0.1:{port}"
        until = time.monotonic() + START_S
        while not answers(f"{address}/login"):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"the dashboards do not answer; their log says why: {home / 'log'}")
            time.sleep(0.1)
        yield Server(address, (home / PASSWORD_FILE).read_text().strip(), process.pid)


def processing(engine: Engine, home: Path) -> AbstractContextManager[object]:
    """Meanwhile a processor works on what is posted."""
    home.mkdir(exist_ok=True)
    return _running(engine, home, "processing.processor", {})


@contextmanager
def _running(engine: Engine, home: Path, module: str, settings: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("TQS_")}
    env |= {"TQS_HOME": str(home), "TQS_DATABASE_URL": engine.url.render_as_string(hide_password=False), **settings}
    with (home / "log").open("ab") as log:
        process = subprocess.Popen([sys.executable, "-m", module], env=env, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
