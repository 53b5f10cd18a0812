"""The retrain flow as a user runs it, from the command to the promoted model, beside the time inside XGBoost's fits.

Every process of the flow (the notebooks' kernels too) loads a clock that writes down when it was in `xgboost.train` or
building its matrices; where several were at once it counts once. Meanwhile the memory of all of them together is
looked at: of pages that they share each has its part (PSS). The records are the synthetic world, scaled up.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import psutil
import pyarrow.parquet as pq

from records.engine import open_databases
from records.load import write_world
from records.world import make_world
from tqs.settings import load_settings

TUTORS, STUDENTS = 3_700, 13_000  # about 1,000,000 sessions
FULL_TUTORS, FULL_STUDENTS = 4_700, 16_500  # about 1,000,000 rows to learn from and to judge on
TRIALS, FULL_TRIALS = 12, 30
TARGET: Final = 1.5  # times the time inside the fits
MOST_MEMORY_GB: Final = 3.0
LOOK_S: Final = 0.2
END: Final = datetime(2026, 11, 1, tzinfo=UTC)
CLOCK: Final = """
import os, time
import xgboost

def timed(original):
    def call(*args, **kwargs):
        started = time.perf_counter()
        try:
            return original(*args, **kwargs)
        finally:
            with open(os.environ["TQS_FIT_CLOCK"], "a") as file:
                file.write(f"{started} {time.perf_counter()}\\n")
    return call

xgboost.train = timed(xgboost.train)
xgboost.QuantileDMatrix.__init__ = timed(xgboost.QuantileDMatrix.__init__)
"""


def run(full: bool = False) -> list[dict[str, Any]]:
    """The flow's seconds beside those inside the fits, and its memory; `full` has a larger world and 30 trials."""
    trials = FULL_TRIALS if full else TRIALS
    with tempfile.TemporaryDirectory(prefix="tqs-bench-") as place:
        home = Path(place).resolve()
        with open_databases(load_settings(home=home, database_url=None)) as databases:
            size = (FULL_TUTORS, FULL_STUDENTS) if full else (TUTORS, STUDENTS)
            loaded = write_world(databases.app, make_world(*size, end=END))
            whole, inside, memory = measure_retraining(home, trials)
            rows = count_rows(home)
    name = f"retraining on {loaded['sessions'].inserted:,} sessions"
    return [
        {
            "name": f"{name}, {trials} trials",
            "ours": round(whole, 1),
            "limit": round(inside, 1),
            "unit": "s",
            "ratio": round(whole / inside, 3),
            "target": TARGET,
            "ok": whole <= TARGET * inside,
        },
        {
            "name": f"{name}, {rows:,} rows: peak memory of all its processes",
            "ours": round(memory, 2),
            "limit": MOST_MEMORY_GB,
            "unit": "GB",
            "ratio": round(memory / MOST_MEMORY_GB, 3),
            "target": 1.0,
            "ok": memory <= MOST_MEMORY_GB,
        },
    ]


def measure_retraining(home: Path, trials: int) -> tuple[float, float, float]:
    """Seconds of `tqs retrain --target reschedule`, in how many of them XGBoost fitted, and its peak memory in GB."""
    clock, seconds = home / "clock", home / "fit-seconds"
    clock.mkdir()
    (clock / "sitecustomize.py").write_text(CLOCK, encoding="utf-8")
    environment = {
        name: value for name, value in os.environ.items() if name not in {"TQS_DATABASE_URL", "DATABASE_URL"}
    }
    environment |= {"TQS_HOME": str(home), "TQS_FIT_CLOCK": str(seconds), "PYTHONPATH": str(clock)}
    command = [str(Path(sys.executable).parent / "tqs"), "retrain", "--target", "reschedule", "--trials", str(trials)]
    started = time.perf_counter()
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as flow:
        memory = watch_memory(flow)
    whole = time.perf_counter() - started
    if flow.returncode:
        raise subprocess.CalledProcessError(flow.returncode, command)
    return whole, covered_seconds(np.loadtxt(seconds, ndmin=2)), memory


def watch_memory(flow: subprocess.Popen[bytes]) -> float:
    """The most that a process and its children took together until it ended, in GB."""
    root, most = psutil.Process(flow.pid), 0
    while flow.poll() is None:
        most = max(most, sum(memory_of(process) for process in [root, *root.children(recursive=True)]))
        time.sleep(LOOK_S)
    return most / 1e9


def memory_of(process: psutil.Process) -> int:
    """Its part of the pages in memory, in bytes; 0 where it has just ended."""
    try:
        return int(process.memory_full_info().pss)
    except psutil.NoSuchProcess:
        return 0


def covered_seconds(spans: np.ndarray) -> float:
    """How many seconds lie in at least one of the spans (n, 2) from begin to end."""
    begin, end = spans[np.argsort(spans[:, 0])].T
    covered_until = np.maximum.accumulate(end)
    fresh = np.maximum(begin, np.append(-np.inf, covered_until[:-1]))
    return float(np.maximum(end - fresh, 0).sum())


def count_rows(home: Path) -> int:
    """The rows of the table that was trained on."""
    [file] = home.glob("runs/*/snapshot.parquet")
    return int(pq.ParquetFile(file).metadata.num_rows)
