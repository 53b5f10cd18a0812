"""Packing a fitted pipeline with all that serving must know into an artifact."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import numpy as np
import xgboost
from numpy.typing import NDArray

from modelling.artifact import Artifact, BoosterFile, Golden, Manifest, Thresholds, Training, build_artifact
from modelling.bands import Bands
from modelling.calibration import Calibration
from modelling.calibrator import Calibrator, apply_calibrator
from modelling.origin import Origin
from modelling.parts import Part
from modelling.pipeline import FittedPipeline, booster_bytes
from modelling.risk import RiskThresholds
from modelling.tuning import Search
from modelling.weights import mean_of

GOLDEN_QUANTILES: Final = (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99)


def pack_model(
    target: str,
    features: Sequence[str],
    fitted: FittedPipeline,
    calibration: Calibration,
    development: Part,
    *,
    search: Search,
    thresholds: RiskThresholds,
    metrics: Mapping[str, float],
    snapshot_sha256: str,
    seed: int,
    origin: Origin,
    bands: Bands | None = None,
) -> Artifact:
    """The artifact of a pipeline that was fitted on the `development` part."""
    booster = booster_bytes(fitted.booster)
    times = development.rows["scheduled_time"]
    return build_artifact(
        Manifest(
            target=target,
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            features=tuple(features),
            scaler=fitted.scaler,
            calibrator=calibration.calibrator,
            thresholds=Thresholds(low=thresholds.low, high=thresholds.high),
            booster=BoosterFile(bytes=len(booster), sha256=hashlib.sha256(booster).hexdigest(), trees=search.trees),
            training=Training(
                first_scheduled=times.min().isoformat(),
                last_scheduled=times.max().isoformat(),
                rows=len(times),
                positives=int(development.y.sum()),
                base_rate=mean_of(development.y, development.weights),
                snapshot_sha256=snapshot_sha256,
                seed=seed,
                parameters=search.parameters.as_numbers(),
                calibration_fading=calibration.chosen.fading,
                code_commit=origin.code_commit,
                lock_sha256=origin.lock_sha256,
            ),
            golden=_golden_rows(development.X, fitted, calibration.calibrator),
            metrics=dict(metrics),
            libraries={"python": platform.python_version(), "xgboost": xgboost.__version__, "numpy": np.__version__},
            bands=bands,
        ),
        booster,
    )


def _golden_rows(X: NDArray[np.float64], fitted: FittedPipeline, calibrator: Calibrator) -> Golden:
    """Each row holds one quantile of every feature on its own: no row is anybody's record."""
    rows = np.quantile(X, GOLDEN_QUANTILES, axis=0)
    probabilities = apply_calibrator(calibrator, fitted.log_odds(rows))
    return Golden(rows=tuple(map(tuple, rows.tolist())), probabilities=tuple(probabilities.tolist()))
