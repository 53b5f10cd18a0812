"""A small made-up problem whose true probabilities are known, and a model of it."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from modelling.artifact import (
    Artifact,
    BoosterFile,
    Golden,
    Manifest,
    Thresholds,
    Training,
    build_artifact,
)
from modelling.calibrator import Calibrator, apply_calibrator
from modelling.pipeline import FittedPipeline, TreeParameters, booster_bytes, fit_pipeline

FEATURES = ("alpha", "beta", "gamma", "delta")


def make_problem(rows: int, seed: int = 7) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features (rows, 4), labels and true probabilities; only the first two columns matter."""
    rng = np.random.default_rng(seed)
    X = rng.normal([0, 5, 100, 0], [1, 2, 50, 0.1], size=(rows, 4))
    p = 1 / (1 + np.exp(-(X[:, 0] + 0.5 * (X[:, 1] - 5) - 1)))
    return X, (rng.random(rows) < p).astype(np.int8), p


def make_artifact(
    fitted: FittedPipeline,
    X: np.ndarray,
    y: np.ndarray,
    *,
    calibrator: Calibrator | None = None,
    features: tuple[str, ...] = FEATURES,
    target: str = "reschedule",
    golden_shift: float = 0.0,
) -> Artifact:
    calibrator = calibrator or Calibrator(kind="none", lowest=1e-4, highest=1 - 1e-4)
    raw = booster_bytes(fitted.booster)
    golden = np.quantile(X, [0.1, 0.5, 0.9], axis=0)
    answers = apply_calibrator(calibrator, fitted.log_odds(golden)) + golden_shift
    return build_artifact(
        Manifest(
            target=target,
            created_at="2026-01-01T00:00:00+00:00",
            features=features,
            scaler=fitted.scaler,
            calibrator=calibrator,
            thresholds=Thresholds(low=0.15, high=0.35),
            booster=BoosterFile(
                bytes=len(raw), sha256=hashlib.sha256(raw).hexdigest(), trees=fitted.booster.num_boosted_rounds()
            ),
            training=Training(
                first_scheduled="2025-01-01T00:00:00+00:00",
                last_scheduled="2025-12-01T00:00:00+00:00",
                rows=len(y),
                positives=int(y.sum()),
                base_rate=float(y.mean()),
                snapshot_sha256="0" * 64,
                seed=1,
                parameters={"max_depth": 3},
            ),
            golden=Golden(rows=tuple(map(tuple, golden.tolist())), probabilities=tuple(answers.tolist())),
            metrics={"log_loss": 0.5},
            libraries={"xgboost": "3.2.0"},
        ),
        raw,
    )


@pytest.fixture(scope="session")
def problem() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return make_problem(4000)


@pytest.fixture(scope="session")
def fitted(problem: tuple[np.ndarray, np.ndarray, np.ndarray]) -> FittedPipeline:
    X, y, _ = problem
    return fit_pipeline(X, y, TreeParameters(max_depth=3), trees=30, seed=1, threads=1)


@pytest.fixture(scope="session")
def artifact(fitted: FittedPipeline, problem: tuple[np.ndarray, np.ndarray, np.ndarray]) -> Artifact:
    return make_artifact(fitted, problem[0], problem[1])
