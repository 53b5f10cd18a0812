"""The HTTP API under load beside a route that answers as many ready bytes from memory, behind the same layer.

The service with its two workers, the database and the load generator share the machine, as they do in small companies.
Ours and what it is measured against take turns on the same connections: see `_load`.
"""

from __future__ import annotations

import json
import os
import signal
import socket
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
from benchmarks._load import Compared, Measured, Request, compare, load, open_connections
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

    def compare(self, ours: Sequence[Request], theirs: Sequence[Request]) -> Compared:
        with open_connections(self.url, self.key) as connections:
            return compare(connections, ours, theirs)

    def load(self, requests: Sequence[Request], seconds: float) -> Measured:
        with open_connections(self.url, self.key) as connections:
            return load(connections, requests, seconds)


def run(full: bool = False) -> list[Row]:
    """Rows of results; `full` measures at ten times the sessions too."""
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
        with serving(engine, Path(folder)) as url:
            service = Service(url, key)
            rows, ratios = measure_routes(service, engine, size)
            rows += [measure_health(service, size)]
        with serving(engine, Path(folder)) as url:  # without the pairs that are still being generated
            rows += measure_native(Service(url, key))
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
    """Each route beside the ready bytes, the last pages beside the first; and each route's ratio."""
    rows: list[Row] = []
    ratios: dict[str, float] = {}
    measured = list(routes(service, engine))
    for name, requests, limit in measured:
        print(f"  {name} ...", file=sys.stderr, flush=True)
        found = service.compare(requests, ready_bytes(service, requests[0]))
        ratios[name] = found.ratio
        rows.append(row_of(f"{name}, {size}", found, limit))
        if limit == READ:
            rows.append(row(f"{name}, {size}: the slowest of a hundred", found.ours.p99, P99_LIMIT_MS, "ms p99", 1.0))
    pages = {name: requests for name, requests, _ in measured}
    for first in ("tutors", "upcoming sessions"):
        found = service.compare(pages[f"last page of {first}"], pages[first])
        rows.append(row_of(f"last page of {first} beside the first, {size}", found, LAST_PAGE))
    return rows, ratios


def ready_bytes(service: Service, request: Request) -> list[Request]:
    """The yardstick of a route: as many bytes as it answers."""
    size = len(service.get(request.path)) if request.method == "GET" else 500
    return [Request(f"/api/benchmarks/ready?size={size}")]


READ, STORED, COMPUTED = 2.0, 1.5, 3.0  # times the ready bytes
LAST_PAGE = 2.0  # times the first page


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


def measure_native(service: Service) -> list[Row]:
    """A native endpoint with one record beside one that does nothing, and with a thousand records."""
    one = json.dumps({"records": MATCH["records"][:1]}).encode()
    many = json.dumps({"records": MATCH["records"][:1] * 1_000}).encode()
    single = service.compare([Request("/predict_match", "POST", one)], [Request("/do_nothing", "POST", one)])
    rate = 1_000 * service.load([Request("/predict_match", "POST", many)], 8).rate
    figures = {"ours": rate, "limit": RECORDS_A_SECOND, "unit": "records/s", "ratio": rate / RECORDS_A_SECOND}
    return [
        row_of("native endpoint with 1 record beside one that does nothing", single, 1.5),
        {"name": "native endpoint with 1,000 records", **figures, "target": ">= 1", "ok": rate >= RECORDS_A_SECOND},
    ]


def row_of(name: str, found: Compared, most: float) -> Row:
    """A comparison of which the ratio may be `most`."""
    return row(name, found.ours.p50, found.theirs.p50, "ms p50", most, found.ratio)


def row(name: str, ours: float, limit: float, unit: str, most: float, ratio: float | None = None) -> Row:
    """A figure that may be `most` times its limit. ratio: where it was measured in turns, which says it better."""
    ratio = ours / limit if ratio is None else ratio
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
def serving(engine: Engine, home: Path) -> Iterator[str]:
    """The service with the yardsticks on a free port, from its start to its end; its address."""
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
    command = [bentoml, "serve", "benchmarks._yardsticks:Yardsticks", "--host", "127.0.0.1", "--port", port]
    with (home / "service.log").open("wb") as log:
        process = subprocess.Popen(command, env=env, stdout=log, stderr=subprocess.STDOUT)
    url = f"http://127.0.0.1:{port}"
    try:
        while not answers(f"{url}/readyz"):
            assert process.poll() is None, (home / "service.log").read_text()
            time.sleep(0.1)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


if __name__ == "__main__":
    for result in run():
        print(json.dumps(result, ensure_ascii=False))
