"""The HTTP API under load beside routes that answer as many ready bytes, behind the same layer.

Each read is measured twice. Repeated, the same again while nothing changes, so that it is answered from memory: beside
ready bytes from memory. And while sessions come in, each request for another person or page, so that PostgreSQL answers
it: a detail beside ready bytes that PostgreSQL is asked for, a list beside a time. The slowest of a hundred, the last
page and what ten times the sessions change are of the latter.

The service with its two workers, the database and the load generator share the machine, as they do in small companies.
Ours and what it is measured against take turns on the same connections: see `_load`.
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
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine

from access.keys import create_key
from benchmarks._company import Company, Read, found_company, reads
from benchmarks._load import Compared, Measured, Request, compare, load, open_connections, sending
from benchmarks._server import temporary_engine
from benchmarks._sessions import post_sessions
from bentos.examples import MATCH
from tqs.loopback import answers

DAYS, FULL_DAYS = 330, 3_300  # 500,000 and 5,000,000 sessions
TURNS: Final = 6
SESSIONS_A_SECOND: Final = 20.0  # that come in meanwhile
FETCHED: Final = 2.0  # times as many ready bytes that PostgreSQL is asked for: a detail, while sessions come in
LIST_P50_MS: Final = 50.0  # a list then, which is found, counted and sorted anew: half of what the slowest may take
COMPUTED: Final = 3.0  # times ready bytes from memory
LAST_PAGE: Final = 2.0  # times the first page
FLAT: Final = 1.3  # a request at ten times the sessions, beside the ready bytes each time
P99_LIMIT_MS: Final = 100.0
HEALTH_LIMIT_MS: Final = 50.0
HEALTH_S: Final = 10.0
START_S: Final = 300.0  # a few on a quiet machine, minutes on a very busy one
NATIVE_S: Final = 4.0
RECORDS_A_SECOND: Final = 25_000
ANSWER_BYTES: Final = 500  # of what is computed or changed
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
            return compare(connections, cycle(ours), cycle(theirs), turns=TURNS)

    def load(self, requests: Sequence[Request], seconds: float) -> Measured:
        with open_connections(self.url, self.key) as connections:
            return load(connections, cycle(requests), seconds)

    def taking_sessions(self, company: Company) -> AbstractContextManager[None]:
        """Meanwhile sessions are posted to it."""
        return sending(self.url, self.key, post_sessions(company.tutors, company.students), SESSIONS_A_SECOND)


def run(full: bool = False) -> list[Row]:
    """Rows of results; `full` measures at ten times the sessions too."""
    rows, ratios = measure_company(DAYS)
    if full:
        more, later = measure_company(FULL_DAYS)
        rows += more
        for name, ratio in ratios.items():
            rows.append(row(f"{name}: at ten times the sessions", later[name], ratio, "× ready bytes", FLAT))
    return rows


def measure_company(days: int) -> tuple[list[Row], dict[str, float]]:
    """The rows for a company after so many days, and each read's p50 as a multiple of that of fetched bytes."""
    with temporary_engine() as engine, tempfile.TemporaryDirectory(prefix="tqs-bench-") as folder:
        company = found_company(engine, days)
        size = f"{company.stored_sessions:,} sessions"
        key = create_key(engine, "benchmark", scopes=["admin"])
        with serving(engine, Path(folder)) as url:
            service = Service(url, key)
            for pair in company.asked_pairs:
                service.get(f"/api/matching/explain/{pair}")
            rows = measure_repeated(service, company, size)
            more, ratios = measure_meanwhile(service, company, size)
            rows += [*more, *measure_computed(service, company, size), measure_health(service, size)]
        with serving(engine, Path(folder)) as url:  # without the pairs that are still being generated
            rows += measure_native(Service(url, key))
    return rows, ratios


def measure_repeated(service: Service, company: Company, size: str) -> list[Row]:
    """Each read, the same again and again while nothing changes, beside ready bytes from memory."""
    rows = []
    for read in reads(company):
        path = read.paths[0]
        _tell(read.name)
        found = service.compare([Request(path)], ready_bytes("ready", len(service.get(path))))
        rows.append(row_of(f"{read.name}, {size}", found, read.limit))
    return rows


def measure_meanwhile(service: Service, company: Company, size: str) -> tuple[list[Row], dict[str, float]]:
    """Each read while sessions come in, beside bytes fetched from PostgreSQL; last pages beside first; the ratios."""
    rows: list[Row] = []
    ratios: dict[str, float] = {}
    asked = {read.name: [Request(path) for path in read.paths] for read in reads(company)}
    with service.taking_sessions(company):
        for read in reads(company):
            name = f"{read.name} while sessions come in"
            _tell(name)
            found = service.compare(asked[read.name], ready_bytes("fetched", mean_size(service, read)))
            ratios[name] = found.ratio
            if read.is_list:
                rows.append(row(f"{name}, {size}", found.ours.p50, LIST_P50_MS, "ms p50", 1.0))
            else:
                rows.append(row_of(f"{name}, {size}", found, FETCHED))
            rows.append(row(f"{name}, {size}: the slowest of a hundred", found.ours.p99, P99_LIMIT_MS, "ms p99", 1.0))
        for first in ("tutors", "upcoming sessions"):
            found = service.compare(asked[f"last page of {first}"], asked[first])
            rows.append(row_of(f"last page of {first} beside the first, {size}", found, LAST_PAGE))
    return rows, ratios


def measure_computed(service: Service, company: Company, size: str) -> list[Row]:
    """What is computed or changed, each request another one, beside ready bytes from memory."""
    missing = [Request(f"/api/matching/predict/{pair}") for pair in company.missing_pairs]
    changes = [
        Request(f"/api/matching/tutors/{one}", "PATCH", json.dumps({"preferred_pace": 1 + (turn + place) % 5}).encode())
        for turn in range(5)  # so that each request is a change, however often all tutors' turn comes
        for place, one in enumerate(company.tutors)
    ]
    rows = []
    for name, requests in (("a pair that is not stored", missing), ("a change of preferences", changes)):
        _tell(name)
        found = service.compare(requests, ready_bytes("ready", ANSWER_BYTES))
        rows.append(row_of(f"{name}, {size}", found, COMPUTED))
    return rows


def ready_bytes(where: str, size: int) -> list[Request]:
    """The yardstick of an answer of so many bytes. where: ready (in memory) or fetched (from PostgreSQL)."""
    return [Request(f"/api/benchmarks/{where}?size={size}")]


def mean_size(service: Service, read: Read) -> int:
    """Bytes of an answer, by some of them."""
    return round(statistics.mean(len(service.get(path)) for path in read.paths[:10]))


def _tell(name: str) -> None:
    print(f"  {name} ...", file=sys.stderr, flush=True)


def measure_health(service: Service, size: str) -> Row:
    """How long /api/health takes at most while all pairs are being generated."""
    call = urllib.request.Request(
        f"{service.url}/api/matching/generate-all", method="POST", headers={"X-API-Key": service.key}
    )
    slow = threading.Thread(target=lambda: urllib.request.urlopen(call, timeout=60).read())
    slow.start()
    taken = []
    until = time.monotonic() + HEALTH_S
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
    rate = 1_000 * service.load([Request("/predict_match", "POST", many)], NATIVE_S).rate
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
        process = subprocess.Popen(command, env=env, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)
    url = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + START_S
        while not answers(f"{url}/readyz"):
            if process.poll() is not None or time.monotonic() > until:
                told = (home / "service.log").read_text()
                raise RuntimeError(f"the service ended or was not ready within {START_S:.0f} s:\n{told}")
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:  # with its workers, which would outlive it
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


if __name__ == "__main__":
    for result in run():
        print(json.dumps(result, ensure_ascii=False))
