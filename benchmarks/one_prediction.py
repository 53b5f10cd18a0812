"""One prediction in process, from a record as a caller has it to the answer, beside the bare booster on a ready row."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import xgboost

from benchmarks._model import make_artifact
from modelling.predictor import Predictor
from modelling.risk import RiskThresholds
from scoring.forms import MatchRecord, MatchStudent, MatchTutor, SessionRecord, TutorStatistics
from scoring.models import ServedModel
from scoring.stateless import predict_matches, predict_sessions

TREES, DEPTH = 100, 5
CALLS = 2_000
TARGET = 3.0  # times the bare booster
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
STATISTICS = TutorStatistics(
    reschedule_rate_7d=None,
    reschedule_rate_30d=12.5,
    reschedule_rate_90d=10.0,
    total_sessions_7d=0,
    total_sessions_30d=8,
    total_sessions_90d=20,
    no_show_rate_90d=5.0,
)
SESSION = SessionRecord(
    scheduled_time=NOW + timedelta(hours=30),
    booked_at=NOW - timedelta(days=3),
    duration_minutes=60,
    tutor_statistics=STATISTICS,
)
MATCH = MatchRecord(
    student=MatchStudent(age=14, preferred_pace=2, preferred_teaching_style="modern"),
    tutor=MatchTutor(age=31, preferred_pace=4, teaching_style="flexible", statistics=STATISTICS),
)


def run(full: bool = False) -> list[dict[str, Any]]:
    """A row for each of reschedule and match."""
    rows = []
    for target in ("reschedule", "match"):
        artifact = make_artifact(target, trees=TREES, depth=DEPTH)
        model = ServedModel(target, RiskThresholds(0.3, 0.7), Predictor.from_artifact(artifact))
        bare = xgboost.Booster({"nthread": 1}, model_file=bytearray(artifact.booster))
        ready = np.zeros((1, len(artifact.manifest.features)), dtype=np.float32)
        ours_us, bare_us = compare_calls(answer_of(target, model), lambda b=bare, X=ready: b.inplace_predict(X))
        name = f"one {target} prediction, features included, beside one bare row"
        figures = {"ours": round(ours_us), "limit": round(bare_us), "unit": "µs", "ratio": round(ours_us / bare_us, 3)}
        rows.append({"name": name, **figures, "target": TARGET, "ok": ours_us <= TARGET * bare_us})
    return rows


def answer_of(target: str, model: ServedModel) -> Callable[[], object]:
    if target == "match":
        return lambda: predict_matches([MATCH], model)
    return lambda: predict_sessions([SESSION], model, NOW)


def compare_calls(ours: Callable[[], object], bare: Callable[[], object]) -> tuple[float, float]:
    """The median µs of a call of each, taken in turns, so that a busy machine slows both."""
    taken = np.empty((CALLS, 2))
    for row in taken:
        for i, call in enumerate((ours, bare)):
            started = time.perf_counter()
            call()
            row[i] = time.perf_counter() - started
    medians = 1e6 * np.median(taken[CALLS // 10 :], axis=0)
    return float(medians[0]), float(medians[1])


if __name__ == "__main__":
    for result in run():
        print(json.dumps(result, ensure_ascii=False))
