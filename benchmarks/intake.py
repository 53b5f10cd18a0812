"""Sessions posted over HTTP: one by one beside a route that only inserts and commits the same row, and in batches."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, text

from access.keys import create_key
from benchmarks._company import STUDENTS, TUTORS
from benchmarks._load import Request, compare, load, open_connections
from benchmarks._server import temporary_engine
from benchmarks._sessions import make_sessions, post_sessions
from benchmarks.http_api import serving
from records.load import write_world
from records.world import make_world

DAYS: Final = 66  # 100,000 sessions that are stored before
SINGLE: Final = 0.5  # of the requests a second of the bare insert
BATCH: Final = 1_000
BATCH_ROWS_A_SECOND: Final = 10_000
SECONDS: Final = 10.0
Row = dict[str, Any]


def run(full: bool = False) -> list[Row]:
    """A row for sessions posted one by one, and one for batches."""
    with temporary_engine() as engine, tempfile.TemporaryDirectory(prefix="tqs-bench-") as folder:
        world = make_world(TUTORS, STUDENTS, DAYS, end=datetime.now(UTC).date())
        write_world(engine, world)
        key = create_key(engine, "benchmark", scopes=["admin"])
        people = [_ids(engine, "tutors"), _ids(engine, "students")]
        with serving(engine, Path(folder)) as url, open_connections(url, key) as connections:
            bare = post_sessions(*people, path="/api/benchmarks/sessions")
            single = compare(connections, post_sessions(*people), bare)
            batches = load(connections, post_batches(*people), SECONDS)
    rows = BATCH * batches.rate
    return [
        {
            "name": f"intake of single sessions beside a bare insert, {len(world.sessions):,} stored",
            "ours": round(single.ours.rate),
            "limit": round(single.theirs.rate),
            "unit": "requests/s",
            "ratio": round(single.rate_ratio, 3),
            "target": f">= {SINGLE:g}",
            "ok": single.rate_ratio >= SINGLE,
        },
        {
            "name": f"intake in batches of {BATCH:,}, {len(world.sessions):,} stored",
            "ours": round(rows),
            "limit": BATCH_ROWS_A_SECOND,
            "unit": "rows/s",
            "ratio": round(rows / BATCH_ROWS_A_SECOND, 3),
            "target": ">= 1",
            "ok": rows >= BATCH_ROWS_A_SECOND,
        },
    ]


def post_batches(tutors: Sequence[str], students: Sequence[str]) -> Iterator[Request]:
    """Each with `BATCH` sessions of its own."""
    sessions = make_sessions(tutors, students)
    while True:
        yield Request("/api/sessions/batch", "POST", json.dumps({"sessions": list(islice(sessions, BATCH))}).encode())


def _ids(engine: Engine, people: str) -> list[str]:
    with engine.connect() as connection:
        return [str(one) for one in connection.scalars(text(f"SELECT id FROM {people} ORDER BY random()"))]


if __name__ == "__main__":
    for result in run():
        print(json.dumps(result, ensure_ascii=False))
