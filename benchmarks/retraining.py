"""The retrain flow as a user runs it, from the command to the promoted model, beside the time inside XGBoost's fits.

Every process of the flow (the notebooks' kernels too) loads a clock that adds up the seconds spent in `xgboost.train`
and in building its matrices. The records are the synthetic world, scaled up.
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

from records.engine import open_databases
from records.load import write_world
from records.world import make_world
from tqs.settings import load_settings

TUTORS, STUDENTS = 3_700, 13_000  # about 1,000,000 sessions
TRIALS, FULL_TRIALS = 12, 30
TARGET: Final = 1.5  # times the time inside the fits
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
                file.write(f"{time.perf_counter() - started}\\n")
    return call

xgboost.train = timed(xgboost.train)
xgboost.QuantileDMatrix.__init__ = timed(xgboost.QuantileDMatrix.__init__)
"""


def run(full: bool = False) -> list[dict[str, Any]]:
    """One row: the flow's seconds beside those inside the fits; `full` runs 30 trials instead of 12."""
    trials = FULL_TRIALS if full else TRIALS
    with tempfile.TemporaryDirectory(prefix="tqs-bench-") as place:
        home = Path(place).resolve()
        with open_databases(load_settings(home=home, database_url=None)) as databases:
            loaded = write_world(databases.app, make_world(TUTORS, STUDENTS, end=END))
            whole, inside = time_retraining(home, trials)
    sessions = loaded["sessions"].inserted
    return [
        {
            "name": f"retraining on {sessions:,} sessions, {trials} trials",
            "ours": round(whole, 1),
            "limit": round(inside, 1),
            "unit": "s",
            "ratio": round(whole / inside, 3),
            "target": TARGET,
            "ok": whole <= TARGET * inside,
        }
    ]


def time_retraining(home: Path, trials: int) -> tuple[float, float]:
    """Seconds of `tqs retrain --target reschedule`, and how many of them XGBoost fitted."""
    clock, seconds = home / "clock", home / "fit-seconds"
    clock.mkdir()
    (clock / "sitecustomize.py").write_text(CLOCK, encoding="utf-8")
    environment = {
        name: value for name, value in os.environ.items() if name not in {"TQS_DATABASE_URL", "DATABASE_URL"}
    }
    environment |= {"TQS_HOME": str(home), "TQS_FIT_CLOCK": str(seconds), "PYTHONPATH": str(clock)}
    command = [str(Path(sys.executable).parent / "tqs"), "retrain", "--target", "reschedule", "--trials", str(trials)]
    started = time.perf_counter()
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    whole = time.perf_counter() - started
    return whole, sum(map(float, seconds.read_text().split()))
