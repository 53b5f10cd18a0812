"""Real bookings: our model beside the models one would try first, on outcomes that nobody here made up.

`python -m benchmarks.real_bookings [DATA_DIR]`, where DATA_DIR holds hotel_bookings.csv.gz and
bookings_to_sessions.py (TQS_REAL_BOOKINGS names it for `make bench`). Two comparisons:

straight  everything is imported, the test part of the feature table judges
honest    only the oldest 80 % of the bookings is imported and trained on; then the rest is imported and predicted

The rivals are fitted on the whole development part, plain and with isotonic calibration (five folds).
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier
from sklearn.base import ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBClassifier

from benchmarks._server import temporary_engine
from features.catalogue import names_of
from modelling.evaluation import log_losses
from modelling.predictor import Predictor
from modelling.recipe import train_model
from modelling.reliability import Reliability, measure_reliability
from modelling.risk import RiskThresholds
from modelling.snapshot import read_snapshot, write_snapshot
from records.importing import import_files
from tqs.settings import Settings

DATA_VARIABLE: Final = "TQS_REAL_BOOKINGS"
TARGET: Final = "reschedule"
TRIALS, FULL_TRIALS, SEED = 12, 30, 7
OLDEST: Final = 0.8
DRAWS: Final = 1000
MOST_BEHIND: Final = 0.001  # nats behind the best of the others
LARGEST_ECE: Final = 0.02
SEEDS_RECIPE: Final = "XGBoost, weighted as the seeds say"


@dataclass(frozen=True)
class Line:
    """One model on the judged rows."""

    name: str
    probabilities: np.ndarray
    log_loss: float
    reliability: Reliability


def run(full: bool = False) -> list[dict[str, Any]]:
    """Rows of results; none where the data is not there (the table must not pretend that it was measured)."""
    folder = os.environ.get(DATA_VARIABLE)
    if not folder:
        print(f"real bookings are not measured: {DATA_VARIABLE} names no folder", file=sys.stderr)
        return []
    return [row for _, _, rows in compare(Path(folder), FULL_TRIALS if full else TRIALS) for row in rows]


def compare(folder: Path, trials: int) -> Iterator[tuple[str, list[Line], list[dict[str, Any]]]]:
    """The name of each comparison, its lines, ours first, and its results."""
    with tempfile.TemporaryDirectory() as place:
        sessions = convert(folder, Path(place))
        for name, judge in (("straight", judge_straight), ("honest", judge_honest)):
            labels, lines = judge(sessions, Path(place), trials)
            yield name, lines, [*results(name, labels, lines)]


def convert(folder: Path, place: Path) -> Path:
    """The bookings as import files in `place`."""
    script, source = folder / "bookings_to_sessions.py", folder / "hotel_bookings.csv.gz"
    subprocess.run([sys.executable, str(script), str(source), str(place)], check=True, capture_output=True)
    return place


def judge_straight(sessions: Path, place: Path, trials: int) -> tuple[np.ndarray, list[Line]]:
    """All bookings imported; the test part judges."""
    with temporary_engine() as engine:
        import_files(engine, [sessions / "tutors.csv", sessions / "sessions.csv"])
        frame, gap = table_of(engine, place / "all.parquet")
    return judge(frame, frame[frame["part"] == "test"], gap, trials)


def judge_honest(sessions: Path, place: Path, trials: int) -> tuple[np.ndarray, list[Line]]:
    """The oldest bookings imported and trained on; then the others, which are predicted as of their own moments."""
    rows = pd.read_csv(sessions / "sessions.csv")
    starts = pd.to_datetime(rows["scheduled_time"])
    boundary = starts.sort_values().iloc[int(OLDEST * len(rows))]
    old = place / "old"
    old.mkdir()
    rows[starts < boundary].to_csv(old / "sessions.csv", index=False)
    with temporary_engine() as engine:
        import_files(engine, [sessions / "tutors.csv", old / "sessions.csv"])
        known, gap = table_of(engine, place / "old.parquet")
        import_files(engine, [sessions / "sessions.csv"])
        later, _ = table_of(engine, place / "later.parquet")
    return judge(known, later[later["scheduled_time"] >= boundary], gap, trials)


def table_of(engine: Any, file: Path) -> tuple[pd.DataFrame, int]:
    """The training table of what is imported, and its gap."""
    snapshot = write_snapshot(engine, TARGET, file)
    return read_snapshot(file)[0], snapshot.gap


def judge(frame: pd.DataFrame, judged: pd.DataFrame, gap: int, trials: int) -> tuple[np.ndarray, list[Line]]:
    """Train on `frame`'s development part, ours and the others; labels of the judged rows and a line for each."""
    threads = os.cpu_count() or 1
    thresholds = RiskThresholds(*Settings().risk_thresholds(TARGET))
    features = list(names_of(TARGET))
    trained = train_model(frame, TARGET, gap=gap, thresholds=thresholds, trials=trials, seed=SEED, threads=threads)
    print(f"the gate: {trained.verdict.decision}. {trained.verdict.reason}", file=sys.stderr)
    development = frame[frame["part"] == "development"]
    X, y = development[features].to_numpy(), development["label"].to_numpy()
    X_judged, labels = judged[features].to_numpy(), judged["label"].to_numpy()
    lines = [line("ours", labels, Predictor.from_artifact(trained.artifact).predict(X_judged))]
    for name, model in rivals(y, threads).items():
        lines.append(line(name, labels, model.fit(X, y).predict_proba(X_judged)[:, 1]))
        isotonic = CalibratedClassifierCV(model, method="isotonic", cv=5)
        lines.append(line(f"{name}, isotonic", labels, isotonic.fit(X, y).predict_proba(X_judged)[:, 1]))
    return labels, lines


def rivals(y: np.ndarray, threads: int) -> dict[str, ClassifierMixin]:
    """The models one would try first."""
    recipe = {"n_estimators": 100, "max_depth": 5, "learning_rate": 0.1, "random_state": SEED, "n_jobs": threads}
    return {
        SEEDS_RECIPE: XGBClassifier(**recipe, scale_pos_weight=float((1 - y.mean()) / y.mean())),
        "XGBoost, unweighted": XGBClassifier(**recipe),
        "LightGBM": LGBMClassifier(random_state=SEED, n_jobs=threads, verbose=-1),
        "HistGradientBoosting": HistGradientBoostingClassifier(random_state=SEED),
        "logistic regression": make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
    }


def line(name: str, labels: np.ndarray, probabilities: np.ndarray) -> Line:
    p = probabilities.astype(np.float64)
    return Line(name, p, float(log_losses(labels, p).mean()), measure_reliability(labels, p, seed=SEED))


def results(name: str, labels: np.ndarray, lines: list[Line]) -> Iterator[dict[str, Any]]:
    ours, others = lines[0], lines[1:]
    best = min(others, key=lambda other: other.log_loss)
    behind = ours.log_loss - best.log_loss
    yield row(f"real bookings, {name}: log loss beside {best.name}", ours.log_loss, best.log_loss, "nats",
              f"<= +{MOST_BEHIND}", behind <= MOST_BEHIND)  # fmt: skip
    seeds = next(other for other in others if other.name == SEEDS_RECIPE)
    low, _ = paired_interval(labels, seeds, ours)
    yield row(f"real bookings, {name}: log loss beside the seeds' recipe", ours.log_loss, seeds.log_loss, "nats",
              "95 % < 0", low > 0)  # fmt: skip
    limit = max(LARGEST_ECE, ours.reliability.noise_floor)
    yield row(f"real bookings, {name}: calibration error", ours.reliability.ece, limit, "ECE", "<= 1",
              ours.reliability.ece <= limit)  # fmt: skip


def paired_interval(labels: np.ndarray, one: Line, other: Line) -> tuple[float, float]:
    """95 % interval of the mean difference of two models' log losses, by drawing rows with replacement."""
    difference = log_losses(labels, one.probabilities) - log_losses(labels, other.probabilities)
    rng = np.random.default_rng(SEED)
    means = [difference[rng.integers(0, len(difference), len(difference))].mean() for _ in range(DRAWS)]
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def row(name: str, ours: float, limit: float, unit: str, target: str, ok: bool) -> dict[str, Any]:
    figures = {"ours": ours, "limit": limit, "unit": unit, "ratio": ours / limit}
    return {"name": name, **figures, "target": target, "ok": bool(ok)}


def main() -> int:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else os.environ.get(DATA_VARIABLE, ""))
    if not (folder / "bookings_to_sessions.py").exists():
        print(f"{folder} holds no bookings_to_sessions.py; usage: python -m benchmarks.real_bookings DATA_DIR")
        return 2
    ok = True
    for name, lines, found in compare(folder, FULL_TRIALS):
        print(f"\n{name}\n{'model':<45} {'log loss':>9} {'ECE':>7} {'floor':>7} {'mean':>7}")
        for one in lines:
            measured = one.reliability
            print(f"{one.name:<45} {one.log_loss:>9.5f} {measured.ece:>7.4f} {measured.noise_floor:>7.4f} "
                  f"{one.probabilities.mean():>7.4f}")  # fmt: skip
        for result in found:
            print(
                f"{'ok  ' if result['ok'] else 'FAIL'} {result['name']}: {result['ours']:.5f} ({result['limit']:.5f})"
            )
        ok = ok and all(result["ok"] for result in found)
    return 0 if ok else 1


if __name__ == "__main__":
    raise SystemExit(main())
