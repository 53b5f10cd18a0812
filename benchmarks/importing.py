"""Import against its limit: the same staging and upsert SQL on files that are ready for it; and the memory it takes.

The rows have text ids, times with offsets and every column filled as real exports have them, so the import hashes
ids, parses and checks what the limit's ready file holds already.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Engine, make_url, text

from benchmarks._server import temporary_engine
from records.bulk import open_cursor
from records.engine import create_app_engine
from records.importing import import_files
from records.importing.files import find_files, read_chunks
from records.importing.form import SESSIONS
from records.importing.parse import parse_columns
from records.importing.sessions import upsert_sessions
from records.importing.stage import create_staging, stage_rows

ROWS = 200_000
FULL_ROWS = 1_000_000
MEMORY_ROWS = 1_000_000
MEMORY_LIMIT_GB = 1.5
TUTORS, STUDENTS = 2_000, 20_000


def run(full: bool = False) -> list[dict[str, Any]]:
    """Rows of results; `full` takes 1,000,000 sessions for the speed too."""
    rows = FULL_ROWS if full else ROWS
    with tempfile.TemporaryDirectory(prefix="tqs-bench-") as name:
        folder = Path(name)
        files = write_files(folder, rows)
        with temporary_engine() as engine, temporary_engine() as ready:
            for one in (engine, ready):
                import_files(one, [files / "tutors.csv", files / "students.csv"])
            prepare_ready_file(ready, files)
            ours = rows / measure(lambda: import_files(engine, [files / "sessions.csv"]))
            limit = rows / measure(lambda: load_ready_file(ready, files / "ready.csv"))
        with temporary_engine() as engine:
            peak = measure_memory(engine, write_files(folder, MEMORY_ROWS))
    return [
        {
            "name": f"import of {rows:,} sessions",
            "ours": round(ours),
            "limit": round(limit),
            "unit": "rows/s",
            "ratio": round(ours / limit, 3),
            "target": 0.5,
            "ok": ours >= 0.5 * limit,
        },
        {
            "name": f"memory of importing {MEMORY_ROWS:,} sessions, program and its server process",
            "ours": round(peak, 3),
            "limit": MEMORY_LIMIT_GB,
            "unit": "GB",
            "ratio": round(peak / MEMORY_LIMIT_GB, 3),
            "target": 1.0,
            "ok": peak < MEMORY_LIMIT_GB,
        },
    ]


def write_files(folder: Path, rows: int) -> Path:
    files = folder / f"files-{rows}"
    if files.exists():
        return files
    files.mkdir()
    rng = np.random.default_rng(5)
    for kind, count in (("tutor", TUTORS), ("student", STUDENTS)):
        ids = [f"{kind}-{i}" for i in range(count)]
        pd.DataFrame({"id": ids, "name": ids, "age": rng.integers(18, 70, count)}).to_csv(
            files / f"{kind}s.csv", index=False
        )
    start = np.datetime64("2024-01-01T00:00:00") + rng.integers(0, 63_000_000, rows).astype("timedelta64[s]")
    scheduled = pd.Series(start.astype("datetime64[us]")).dt.tz_localize("UTC")
    booked = scheduled - pd.to_timedelta(rng.integers(3_600, 3_000_000, rows), unit="s")
    status = pd.Series(rng.choice(["completed", "rescheduled", "no_show"], rows, p=[0.85, 0.12, 0.03]))
    moved, done = status.eq("rescheduled"), status.eq("completed")
    cancelled = (booked + (scheduled - booked) * rng.random(rows)).dt.round("s")
    pd.DataFrame(
        {
            "id": "session-" + pd.Series(np.arange(rows)).astype(str),
            "tutor_id": "tutor-" + pd.Series(rng.integers(0, TUTORS, rows)).astype(str),
            "student_id": "student-" + pd.Series(rng.integers(0, STUDENTS, rows)).astype(str),
            "booked_at": booked,
            "scheduled_time": scheduled,
            "duration_minutes": rng.choice([30, 45, 60, 90], rows),
            "subject": rng.choice(["mathematics", "physics", "history"], rows),
            "status": status,
            "completed_time": (scheduled + pd.Timedelta(hours=1)).where(done),
            "initiator": pd.Series("tutor", index=status.index).where(moved),
            "original_time": scheduled.where(moved),
            "new_time": (scheduled + pd.Timedelta(days=2)).where(moved),
            "reason": pd.Series("something came up", index=status.index).where(moved),
            "reason_code": pd.Series("PERSONAL", index=status.index).where(moved),
            "cancelled_at": cancelled.where(moved),
        }
    ).to_csv(files / "sessions.csv", index=False)
    return files


def prepare_ready_file(engine: Engine, files: Path) -> None:
    """What the import writes into its staging table, as a file."""
    (sessions,) = find_files([files / "sessions.csv"])
    with engine.begin() as connection:
        create_staging(connection, SESSIONS)
        for chunk in read_chunks(sessions):
            stage_rows(connection, SESSIONS, chunk.lines, parse_columns(SESSIONS, chunk.columns)[0])
        with (files / "ready.csv").open("wb") as out, open_cursor(connection) as cursor:
            cursor.copy_expert("COPY staged TO STDOUT (FORMAT csv)", out)


def load_ready_file(engine: Engine, file: Path) -> None:
    with engine.begin() as connection:
        create_staging(connection, SESSIONS)
        with file.open("rb") as body, open_cursor(connection) as cursor:
            cursor.copy_expert("COPY staged FROM STDIN (FORMAT csv)", body, 1024 * 1024)
        connection.execute(text("ANALYZE staged"))
        upsert_sessions(connection, list(SESSIONS.columns), "import")


def measure(work: Any) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measure_memory(engine: Engine, files: Path) -> float:
    """Peak resident memory in GB of a process that imports `files`, and of the server process that serves it."""
    url = engine.url.render_as_string(hide_password=False)
    code = f"from benchmarks.importing import import_and_tell; import_and_tell({url!r}, {str(files)!r})"
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return float(json.loads(told.stdout)["kilobytes"]) * 1024 / 1e9


def import_and_tell(url: str, files: str) -> None:
    """In the child: import into the database `url`, print the peaks of both processes as Linux counts them."""
    engine = create_app_engine(make_url(url))
    import_files(engine, [Path(files)])
    with engine.connect() as connection:
        backend = connection.scalar(text("SELECT pg_backend_pid()"))
        print(json.dumps({"kilobytes": read_peak("self") + read_peak(str(backend))}))


def read_peak(process: str) -> int:
    status = Path(f"/proc/{process}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])


if __name__ == "__main__":
    for result in run(full="--full" in sys.argv):
        print(json.dumps(result))
