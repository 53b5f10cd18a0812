"""The HTTP API under load beside a route that answers as many ready bytes from memory, behind the same layer.

The service with its two workers, the database and the load generator share the machine, as they do in small companies.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, text

from access.keys import create_key
from benchmarks._load import Measured, Request, is_there, load
from benchmarks._model import make_artifact
from benchmarks._server import temporary_engine
from bentos.examples import MATCH
from modelling.store import promote, save_challenger
from records.columns import TARGETS
from records.load import write_world
from records.world import make_world
from scoring.models import load_models
from scoring.pairs import predict_pairs
from scoring.sessions import predict_upcoming
from scoring.tutors import score_tutors
from tqs.loopback import answers
from tqs.settings import load_settings

TUTORS, STUDENTS = 3_000, 2_000
DAYS, FULL_DAYS = 330, 3_300  # 500,000 and 5,000,000 sessions
STORED_STUDENTS = 20  # with all tutors; the rest of the pairs is what is not stored yet
TREES, DEPTH = 100, 5
SECONDS: Final = 2
ROUNDS: Final = 3
P99_LIMIT_MS: Final = 100.0
HEALTH_LIMIT_MS: Final = 50.0
RECORDS_A_SECOND: Final = 25_000
FLAT: Final = 1.5  # a request at ten times the sessions, beside the ready bytes each time
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Service:
    """A service that runs: its address and a key of all scopes."""

    url: str
    key: str

    def get(self, path: str) -> bytes:
        request = urllib.request.Request(self.url + path, headers={"X-API-Key": self.key})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return bytes(answer.read())

    def load(self, requests: Sequence[Request], seconds: float = SECONDS) -> Measured:
        measured = load(self.url, self.key, requests, seconds=seconds)
        assert not measured.failed, f"{measured.failed} of the requests like {requests[0].path} failed"
        return measured


def run(full: bool = False) -> list[Row]:
    """Rows of results; `full` measures at ten times the sessions too."""
    if not is_there():
        print("the HTTP API is not measured: install wrk (apt-get install wrk)", file=sys.stderr)
        return []
    rows, ratios = measure_world(DAYS)
    if full:
        more, later = measure_world(FULL_DAYS)
        rows += more
        for name, ratio in ratios.items():
            rows.append(row(f"{name}: at ten times the sessions", later[name], ratio, "× ready bytes", FLAT))
    return rows


def measure_world(days: int) -> tuple[list[Row], dict[str, float]]:
    """The rows for a world of so many days, and each route's p50 as a multiple of the ready bytes'."""
    with temporary_engine() as engine, tempfile.TemporaryDirectory(prefix="tqs-bench-") as folder:
        size = f"{fill(engine, days):,} sessions"
        key = create_key(engine, "benchmark", scopes=["admin"])
        with serving(engine, Path(folder), "TutorQuality") as url:
            rows, ratios = measure_routes(Service(url, key), engine, size)
            rows += [measure_health(Service(url, key), size)]
        with serving(engine, Path(folder), "Empty") as empty, serving(engine, Path(folder), "TutorQuality") as url:
            rows += measure_native(Service(empty, key), Service(url, key))
    return rows, ratios


def fill(engine: Engine, days: int) -> int:
    """A world with its scores, models and some pairs; the number of its sessions."""
    now = datetime.now(UTC)
    world = make_world(TUTORS, STUDENTS, days, end=now.date())
    write_world(engine, world)
    for target in TARGETS:
        saved = save_challenger(engine, make_artifact(target, trees=TREES, depth=DEPTH))
        promote(engine, target, saved.version, expected_champion=None, reason="a benchmark", actor="benchmark")
    settings = load_settings()
    models = load_models(engine, settings)
    score_tutors(engine, now)
    predict_upcoming(engine, models, now, timezone=settings.timezone)
    with engine.connect() as connection:
        some = [str(one) for one in connection.scalars(text("SELECT id FROM students ORDER BY id LIMIT 20"))]
    predict_pairs(engine, models["match"], now, students=some[:STORED_STUDENTS])
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
    return len(world.sessions)


def measure_routes(service: Service, engine: Engine, size: str) -> tuple[list[Row], dict[str, float]]:
    """Each route beside the ready bytes."""
    rows: list[Row] = []
    ratios: dict[str, float] = {}
    for name, requests, limit in routes(service, engine):
        print(f"  {name} ...", file=sys.stderr, flush=True)
        ours, ready = compare(service, requests)
        ratios[name] = ours.p50 / ready.p50
        rows.append(row(f"{name}, {size}", ours.p50, ready.p50, "ms p50", limit))
        if limit == READ:
            rows.append(row(f"{name}, {size}: the slowest of a hundred", ours.p99, P99_LIMIT_MS, "ms p99", 1.0))
    for first, last in (("tutors", "last page of tutors"), ("upcoming sessions", "last page of upcoming sessions")):
        rows.append(row(f"{last} beside the first, {size}", ratios[last], ratios[first], "× ready bytes", 2.0))
    return rows, ratios


READ, STORED, COMPUTED = 2.0, 1.5, 3.0  # times the ready bytes


def routes(service: Service, engine: Engine) -> Iterator[tuple[str, list[Request], float]]:
    """Each measured route: its name, the requests, and how many times the ready bytes it may take."""
    with engine.connect() as connection:
        tutors = [str(one) for one in connection.scalars(text("SELECT id FROM tutors WHERE is_active ORDER BY id"))]
        students = [str(one) for one in connection.scalars(text("SELECT id FROM students ORDER BY id"))]
    upcoming = json.loads(service.get("/api/upcoming-sessions?limit=1"))["total"]
    tutor, student = tutors[7], students[3]
    reads = {
        "tutors": "/api/tutors",
        "tutors by name": "/api/tutors?sort_by=name&sort_order=asc",
        "high-risk tutors": "/api/tutors?risk_status=high_risk",
        "last page of tutors": f"/api/tutors?offset={len(tutors) - 100}",
        "a tutor": f"/api/tutors/{tutor}",
        "a tutor's history": f"/api/tutors/{tutor}/history",
        "students": "/api/matching/students",
        "a student": f"/api/matching/students/{student}",
        "tutors to match": "/api/matching/tutors",
        "a tutor to match": f"/api/matching/tutors/{tutor}",
        "a student's matches": f"/api/matching/students/{student}/matches",
        "upcoming sessions": "/api/upcoming-sessions",
        "upcoming sessions by risk": "/api/upcoming-sessions?sort_by=reschedule_probability&sort_order=desc",
        "last page of upcoming sessions": f"/api/upcoming-sessions?offset={upcoming - 50}",
    }
    for name, path in reads.items():
        yield name, [Request(path)], READ
    pairs = [f"/api/matching/predict/{student}/{one}" for one in tutors]
    yield "a stored pair", [Request(pairs[7])], STORED
    fresh = [f"/api/matching/predict/{someone}/{one}" for someone in students[STORED_STUDENTS:60] for one in tutors]
    yield "a pair that is not stored", [Request(path) for path in fresh], COMPUTED
    changes = [
        Request(f"/api/matching/tutors/{one}", "PATCH", json.dumps({"preferred_pace": 1 + (turn + place) % 5}).encode())
        for turn in range(5)  # so that each request is a change, however often all tutors' turn comes
        for place, one in enumerate(tutors)
    ]
    yield "a change of preferences", changes, COMPUTED


def compare(service: Service, requests: Sequence[Request]) -> tuple[Measured, Measured]:
    """The requests and the ready bytes of the same size in turns; of each the round with the median p50."""
    first = requests[0]
    size = len(service.get(first.path)) if first.method == "GET" else 500
    ready = [Request(f"/api/benchmarks/ready?size={size}")]
    service.load(requests, 1)
    rounds = [(service.load(requests), service.load(ready)) for _ in range(ROUNDS)]
    ours, theirs = ([pair[side] for pair in rounds] for side in (0, 1))
    return _median(ours), _median(theirs)


def measure_health(service: Service, size: str) -> Row:
    """How long /api/health takes at most while all pairs are being generated."""
    call = urllib.request.Request(
        f"{service.url}/api/matching/generate-all", method="POST", headers={"X-API-Key": service.key}
    )
    slow = threading.Thread(target=lambda: urllib.request.urlopen(call, timeout=60).read())
    slow.start()
    taken = []
    until = time.monotonic() + 20
    while time.monotonic() < until:
        started = time.perf_counter()
        with urllib.request.urlopen(f"{service.url}/api/health", timeout=10) as answer:
            answer.read()
        taken.append(1e3 * (time.perf_counter() - started))
    slow.join()
    name = f"health while all pairs are generated, {size}: the slowest of {len(taken):,}"
    return row(name, max(taken), HEALTH_LIMIT_MS, "ms", 1.0)


def measure_native(empty: Service, service: Service) -> list[Row]:
    """A native endpoint with one record beside one that does nothing, and with a thousand records."""
    batch = {"records": MATCH["records"] * 1_000}
    single = [Request("/predict_match", "POST", json.dumps({"records": MATCH["records"]}).encode())]
    rounds = [(service.load(single), empty.load(single)) for _ in range(ROUNDS)]
    ours, nothing = (_median([pair[side] for pair in rounds]) for side in (0, 1))
    many = service.load([Request("/predict_match", "POST", json.dumps(batch).encode())], 8)
    rate = 1_000 * many.rate
    name = "native endpoint with 1,000 records"
    figures = {"ours": rate, "limit": RECORDS_A_SECOND, "unit": "records/s", "ratio": rate / RECORDS_A_SECOND}
    return [
        row("native endpoint with 1 record beside one that does nothing", ours.p50, nothing.p50, "ms p50", 1.5),
        {"name": name, **figures, "target": ">= 1", "ok": rate >= RECORDS_A_SECOND},
    ]


def row(name: str, ours: float, limit: float, unit: str, most: float) -> Row:
    """A figure that may be `most` times its limit."""
    ratio = ours / limit
    return {
        "name": name,
        "ours": round(ours, 3),
        "limit": round(limit, 3),
        "unit": unit,
        "ratio": round(ratio, 3),
        "target": f"<= {most:g}",
        "ok": ratio <= most,
    }


@contextmanager
def serving(engine: Engine, home: Path, name: str) -> Iterator[str]:
    """The service `name` of the yardsticks on a free port, from its start to its end; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    env = {variable: value for variable, value in os.environ.items() if not variable.startswith(("TQS_", "BENTOML_"))}
    env |= {
        "TQS_HOME": str(home),
        "TQS_DATABASE_URL": engine.url.render_as_string(hide_password=False),
        "TQS_RATE_LIMIT": "100000000/minute",
        "BENTOML_HOME": str(home / "bentoml"),
        "BENTOML_DO_NOT_TRACK": "True",
    }
    bentoml = str(Path(sys.executable).parent / "bentoml")
    command = [bentoml, "serve", f"benchmarks._yardsticks:{name}", "--host", "127.0.0.1", "--port", port]
    with (home / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(command, env=env, stdout=log, stderr=subprocess.STDOUT)
    url = f"http://127.0.0.1:{port}"
    try:
        while not answers(f"{url}/readyz"):
            assert process.poll() is None, (home / f"{name}.log").read_text()
            time.sleep(0.1)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _median(rounds: Sequence[Measured]) -> Measured:
    middle = statistics.median_low([one.p50 for one in rounds])
    return next(one for one in rounds if one.p50 == middle)


if __name__ == "__main__":
    for result in run():
        print(json.dumps(result, ensure_ascii=False))
