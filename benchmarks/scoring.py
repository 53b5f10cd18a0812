"""All pairs of students and tutors: computed beside the bare booster, stored beside a bare COPY, in flat memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import xgboost
from sqlalchemy import Engine, make_url, text

from benchmarks._model import make_artifact, make_predictor
from benchmarks._server import temporary_engine
from benchmarks.importing import read_peak
from features.pairing import pair_block
from modelling.artifact import Artifact
from modelling.risk import RiskThresholds
from records.engine import create_app_engine
from scoring.models import ServedModel
from scoring.pair_people import People, read_people
from scoring.pairs import predict_blocks, predict_pairs

TUTORS, STUDENTS = 1_000, 3_000
FULL_TUTORS = 2_000
PAIRS = 1_000_000  # written in the short run; the full one writes all of 2,000 x 3,000
MEMORY_PAIRS = (1_000_000, 3_000_000)
FLAT = 1.1  # times the memory for three times the pairs
TREES, DEPTH = 100, 5
ROUNDS = 5
STORING_ROUNDS = 2
NOW = datetime(2026, 6, 1, tzinfo=UTC)
COLUMNS: Final = (
    "student_id, tutor_id, churn_probability, risk_level, compatibility_score, pace_mismatch, style_mismatch, "
    "communication_mismatch, age_difference, model_version, fallback"
)


def run(full: bool = False) -> list[dict[str, Any]]:
    """Rows of results; `full` computes and stores 6,000,000 pairs instead of 1,000,000."""
    tutors = FULL_TUTORS if full else TUTORS
    pairs = tutors * STUDENTS if full else PAIRS
    with temporary_engine() as engine, tempfile.TemporaryDirectory(prefix="tqs-bench-") as folder:
        write_people(engine, tutors)
        rounds = 1 if full else STORING_ROUNDS
        rows = [compare_computing(engine, pairs), compare_storing(engine, Path(folder), pairs // tutors, rounds)]
        peaks = [predict_in_child(engine, wanted // tutors)["peak"] for wanted in MEMORY_PAIRS]
    name = f"memory of scoring {MEMORY_PAIRS[1]:,} pairs beside {MEMORY_PAIRS[0]:,}"
    ratio = peaks[1] / peaks[0]
    figures = {"ours": round(peaks[1]), "limit": round(peaks[0]), "unit": "MB", "ratio": round(ratio, 3)}
    return [*rows, {"name": name, **figures, "target": FLAT, "ok": ratio <= FLAT}]


def compare_computing(engine: Engine, pairs: int) -> dict[str, Any]:
    """Features and model of all pairs beside the bare booster on a ready float32 matrix."""
    model, artifact = served_model(), make_artifact("match", trees=TREES, depth=DEPTH)
    people = read_people(engine, NOW, students=first_students(engine, pairs))
    ready = ready_matrix(people, artifact)
    booster = xgboost.Booster({"nthread": os.cpu_count()}, model_file=bytearray(artifact.booster))

    def compute() -> None:
        deque(predict_blocks(people, model), maxlen=0)

    def predict_bare() -> None:
        booster.inplace_predict(ready, predict_type="margin", validate_features=False)

    ours, bare = [], []
    for _ in range(ROUNDS):
        ours.append(measure(compute))
        bare.append(measure(predict_bare))
    return compare(f"features and model of {pairs:,} pairs, beside the bare booster", pairs, min(ours), min(bare))


def compare_storing(engine: Engine, folder: Path, students: int, rounds: int) -> dict[str, Any]:
    """The whole job, features and model included, beside a bare COPY of the rows that it wrote."""
    file = folder / "rows"

    def copy_bare() -> None:
        with engine.begin() as connection, file.open("rb") as source, connection.connection.cursor() as cursor:
            cursor.copy_expert(f"COPY match_predictions ({COLUMNS}) FROM STDIN (FORMAT binary)", source)

    ours, bare = [], []
    for _ in range(rounds):
        told = predict_in_child(engine, students)
        ours.append(told["seconds"])
        with engine.connect() as connection, file.open("wb") as sink, connection.connection.cursor() as cursor:
            cursor.copy_expert(f"COPY (SELECT {COLUMNS} FROM match_predictions) TO STDOUT (FORMAT binary)", sink)
        forget_pairs(engine)
        bare.append(measure(copy_bare))
    file.unlink()
    return compare(f"storing {told['pairs']:,} pairs, beside a bare COPY", told["pairs"], min(ours), min(bare))


def compare(name: str, pairs: int, ours_s: float, limit_s: float) -> dict[str, Any]:
    ratio = limit_s / ours_s
    figures = {"ours": round(pairs / ours_s), "limit": round(pairs / limit_s), "unit": "pairs/s"}
    return {"name": name, **figures, "ratio": round(ratio, 3), "target": 0.5, "ok": ratio >= 0.5}


def predict_in_child(engine: Engine, students: int) -> dict[str, Any]:
    """Empty the table, let a child process fill it for the first `students`; its seconds, pairs and peak in MB."""
    forget_pairs(engine)
    url = engine.url.render_as_string(hide_password=False)
    code = f"from benchmarks.scoring import predict_and_tell; predict_and_tell({url!r}, {students})"
    child = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    answer: dict[str, Any] = json.loads(child.stdout)
    return answer


def predict_and_tell(url: str, students: int) -> None:
    """In the child: predict and store the pairs of some students with every tutor."""
    engine = create_app_engine(make_url(url))
    model = served_model()
    wanted = first_ids(engine, students)
    started = time.perf_counter()
    report = predict_pairs(engine, model, NOW, students=wanted)
    seconds = time.perf_counter() - started
    engine.dispose()
    print(json.dumps({"seconds": seconds, "pairs": report.written, "peak": read_peak("self") / 1024}))


def first_students(engine: Engine, pairs: int) -> list[str]:
    with engine.connect() as connection:
        tutors = connection.scalar(text("SELECT count(*) FROM tutors")) or 1
    return first_ids(engine, pairs // tutors)


def first_ids(engine: Engine, count: int) -> list[str]:
    with engine.connect() as connection:
        return list(connection.scalars(text("SELECT id::text FROM students ORDER BY id LIMIT :n"), {"n": count}))


def forget_pairs(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE match_predictions"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CHECKPOINT"))


def served_model() -> ServedModel:
    return ServedModel("match", RiskThresholds(0.3, 0.7), make_predictor("match", trees=TREES, depth=DEPTH))


def ready_matrix(people: People, artifact: Artifact) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The scaled features of all pairs, as the booster takes them."""
    scaler = artifact.manifest.scaler
    X = np.empty((len(people.students) * len(people.tutors), len(scaler.mean)), dtype=np.float32)
    pair_block(people.students, people.tutors, X)
    X -= np.array(scaler.mean, dtype=np.float32)
    X /= np.array(scaler.scale, dtype=np.float32)
    return X


def write_people(engine: Engine, tutors: int) -> None:
    """People with every field filled, and one version of each profile."""
    styles = "(ARRAY['structured', 'flexible', 'interactive', 'traditional', 'modern'])[1 + mod(i, 5)]"
    tutor = "age, experience_years, teaching_style, preferred_pace, communication_style, confidence_level"
    student = (
        "age, preferred_pace, preferred_teaching_style, communication_style_preference, urgency_level, "
        "previous_tutoring_experience, previous_satisfaction"
    )
    statements = (
        f"INSERT INTO tutors (name, source, {tutor}) "
        f"SELECT 'Tutor ' || i, 'world', 20 + mod(i, 41), mod(i, 23), {styles}, "
        "1 + mod(i, 5), 1 + mod(i, 4), 1 + mod(i, 3) FROM generate_series(1, :tutors) i",
        f"INSERT INTO students (name, source, {student}) "
        "SELECT 'Student ' || i, 'world', 8 + mod(i, 53), 1 + mod(i, 5), "
        f"{styles}, 1 + mod(i, 4), 1 + mod(i, 3), mod(i, 7), 1 + mod(i, 5) FROM generate_series(1, :students) i",
        f"INSERT INTO tutor_profiles (tutor_id, valid_from, {tutor}) SELECT id, 'epoch', {tutor} FROM tutors",
        f"INSERT INTO student_profiles (student_id, valid_from, {student}) SELECT id, 'epoch', {student} FROM students",
        "INSERT INTO sessions (tutor_id, student_id, scheduled_time, status, source) SELECT id, 'somebody', "
        "timestamptz '2026-06-01' - i * interval '1 day' - interval '2 hours', 'completed', 'world' "
        "FROM tutors, generate_series(1, 20) i",
    )
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement), {"tutors": tutors, "students": STUDENTS})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


def measure(call: Callable[[], None]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


if __name__ == "__main__":
    for result in run(full="--full" in sys.argv):
        print(json.dumps(result))
