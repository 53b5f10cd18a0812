"""A model of made-up rows for any target: what benchmarks time, and what tests put behind the rooms above modelling."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np

from features.catalogue import features_of
from modelling.artifact import Artifact, BoosterFile, Golden, Manifest, Thresholds, Training, build_artifact
from modelling.calibrator import Calibrator, apply_calibrator
from modelling.pipeline import FittedPipeline, TreeParameters, booster_bytes, fit_pipeline
from modelling.predictor import Predictor
from records.columns import Float64, Int8

UNCALIBRATED = Calibrator(kind="none", lowest=1e-4, highest=1 - 1e-4)
THRESHOLDS = Thresholds(low=0.3, high=0.7)


def make_predictor(target: str, *, trees: int = 20, depth: int = 3, version: str = "v1") -> Predictor:
    """A model of made-up rows that leans on several features, so that wrong features give wrong answers."""
    return Predictor.from_artifact(replace(make_artifact(target, trees=trees, depth=depth), version=version))


def make_artifact(target: str, *, trees: int = 20, depth: int = 3, seed: int = 3) -> Artifact:
    features = features_of(target)
    rng = np.random.default_rng(seed)
    low, high = np.array([f.low for f in features]), np.array([min(f.high, f.low + 60) for f in features])
    X = rng.uniform(low, high, size=(3000, len(features)))
    signal = ((X - low) / (high - low) - 0.5) @ rng.normal(0, 2, len(features))
    y = (rng.random(len(X)) < 1 / (1 + np.exp(-signal))).astype(np.int8)
    fitted = fit_pipeline(X, y, TreeParameters(max_depth=depth), trees=trees, seed=1, threads=1)
    return artifact_of(fitted, X[:3], y, target=target, features=tuple(f.name for f in features))


def artifact_of(
    fitted: FittedPipeline,
    golden: Float64,
    labels: Int8,
    *,
    target: str,
    features: tuple[str, ...],
    calibrator: Calibrator = UNCALIBRATED,
    thresholds: Thresholds = THRESHOLDS,
    golden_shift: float = 0.0,
) -> Artifact:
    """The artifact of a fitted pipeline. golden_shift: added to the answers that the golden rows are said to have."""
    raw = booster_bytes(fitted.booster)
    answers = apply_calibrator(calibrator, fitted.log_odds(golden)) + golden_shift
    return build_artifact(
        Manifest(
            target=target,
            created_at="2026-01-01T00:00:00+00:00",
            features=features,
            scaler=fitted.scaler,
            calibrator=calibrator,
            thresholds=thresholds,
            booster=BoosterFile(
                bytes=len(raw), sha256=hashlib.sha256(raw).hexdigest(), trees=fitted.booster.num_boosted_rounds()
            ),
            training=Training(
                first_scheduled="2025-01-01T00:00:00+00:00",
                last_scheduled="2025-12-01T00:00:00+00:00",
                rows=len(labels),
                positives=int(labels.sum()),
                base_rate=float(labels.mean()),
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
