"""A small made-up problem whose true probabilities are known, and a model of it."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks._model import UNCALIBRATED, artifact_of
from modelling.artifact import Artifact, Thresholds
from modelling.calibrator import Calibrator
from modelling.pipeline import FittedPipeline, TreeParameters, fit_pipeline

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
    calibrator: Calibrator = UNCALIBRATED,
    features: tuple[str, ...] = FEATURES,
    target: str = "reschedule",
    golden_shift: float = 0.0,
) -> Artifact:
    return artifact_of(
        fitted,
        np.quantile(X, [0.1, 0.5, 0.9], axis=0),
        y,
        target=target,
        features=features,
        calibrator=calibrator,
        thresholds=Thresholds(low=0.15, high=0.35),
        golden_shift=golden_shift,
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
