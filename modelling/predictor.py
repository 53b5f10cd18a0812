"""What serving and scoring load: a model that turns a feature matrix into probabilities."""

from __future__ import annotations

from typing import Final, Self

import numpy as np
import xgboost
from numpy.typing import NDArray

from modelling.artifact import Artifact
from modelling.booster_call import BoosterCall
from modelling.calibrator import apply_calibrator
from modelling.cpus import usable_cpus
from modelling.risk import RiskThresholds, risk_levels
from tqs.errors import ModelError

Float64 = NDArray[np.float64]

BLOCK_ROWS: Final = 65_536  # predicted in one go: the memory beside the answer
ROWS_IN_CACHE: Final = 4096  # scaled without leaving the processor's cache: less than half the time
SMALL_ROWS: Final = 256  # below it, waking a second thread costs more than it saves


class Predictor:
    """A loaded model. Holds no lock and changes nothing after it is made, so threads may share one.

    Attributes: target, version, features (names in the order of the matrix's columns), thresholds, metrics.
    """

    def __init__(self, artifact: Artifact, thresholds: RiskThresholds, threads: int) -> None:
        manifest = artifact.manifest
        self.target: str = manifest.target
        self.version = artifact.version
        self.features = manifest.features
        self.thresholds = thresholds
        self.manifest = manifest
        self._mean = np.array(manifest.scaler.mean)
        self._scale = np.array(manifest.scaler.scale)
        self._calibrator = manifest.calibrator
        self._one_thread = BoosterCall(_load_booster(artifact, threads=1))
        self._all_threads = BoosterCall(_load_booster(artifact, threads)) if threads > 1 else self._one_thread

    @classmethod
    def from_artifact(
        cls, artifact: Artifact, thresholds: RiskThresholds | None = None, threads: int | None = None
    ) -> Self:
        """Load a checked artifact.

        Parameters
        ----------
        thresholds: of the risk levels; those of the model's training where none are given.
        threads: for matrices of more than SMALL_ROWS rows; all usable cores where not given.

        Raises ModelError where XGBoost cannot read the booster or the booster does not fit its manifest. A damaged
        booster can kill the process: for one that comes from elsewhere run `modelling.canary.check_artifact` first.
        """
        trained = artifact.manifest.thresholds
        return cls(
            artifact,
            thresholds or RiskThresholds(trained.low, trained.high),
            threads or usable_cpus(),
        )

    def predict(self, X: NDArray[np.floating]) -> Float64:
        """Calibrated probabilities (n,) for a feature matrix (n, features) of finite numbers.

        Memory beyond the answer does not grow with n. Raises ModelError on a wrong shape, type or number.
        """
        self._check_shape(X)
        call = self._choose_call(X)
        if len(X) <= BLOCK_ROWS:
            return self._predict_block(call, X)
        out = np.empty(len(X))
        for start in range(0, len(X), BLOCK_ROWS):
            out[start : start + BLOCK_ROWS] = self._predict_block(call, X[start : start + BLOCK_ROWS])
        return out

    def contributions(self, X: NDArray[np.floating]) -> Float64:
        """What each feature adds to the log odds: (n, features + 1), exact TreeSHAP values, the last column the bias.

        A row sums to the booster's log odds, before calibration. Source: S. Lundberg, G. Erion, S.-I. Lee,
        Consistent individualized feature attribution for tree ensembles, 2018 (XGBoost's `pred_contribs`).
        """
        self._check_shape(X)
        if len(X) == 0:
            return np.empty((0, len(self.features) + 1))
        return self._choose_call(X).contributions(self._scale_rows(X)).astype(np.float64)

    def risk_levels(self, probabilities: NDArray[np.floating]) -> NDArray[np.str_]:
        """low, medium or high for each of (n,) probabilities."""
        return risk_levels(probabilities, self.thresholds)

    def _choose_call(self, X: NDArray[np.floating]) -> BoosterCall:
        return self._one_thread if len(X) <= SMALL_ROWS else self._all_threads

    def _predict_block(self, call: BoosterCall, X: NDArray[np.floating]) -> Float64:
        if len(X) == 0:
            return np.empty(0)
        return apply_calibrator(self._calibrator, call.log_odds(self._scale_rows(X)))

    def _scale_rows(self, X: NDArray[np.floating]) -> NDArray[np.float32]:
        scaled = np.empty(X.shape, dtype=np.float32)
        with np.errstate(over="ignore", invalid="ignore"):
            for start in range(0, len(X), ROWS_IN_CACHE):
                part = X[start : start + ROWS_IN_CACHE] - self._mean
                part /= self._scale
                scaled[start : start + ROWS_IN_CACHE] = part
        if not np.isfinite(scaled).all():
            row, column = np.argwhere(~np.isfinite(scaled))[0]
            raise ModelError(
                f"feature {self.features[column]} is {X[row, column]} in row {row}; a model takes finite numbers only"
            )
        return scaled

    def _check_shape(self, X: NDArray[np.floating]) -> None:
        if X.ndim != 2 or X.shape[1] != len(self.features) or X.dtype.kind != "f":
            raise ModelError(
                f"a {self.target} model takes a float matrix of {len(self.features)} columns "
                f"({', '.join(self.features[:3])}, …), got {X.dtype} of shape {X.shape}"
            )


def _load_booster(artifact: Artifact, threads: int) -> xgboost.Booster:
    named = artifact.manifest
    try:
        booster = xgboost.Booster({"nthread": threads}, model_file=bytearray(artifact.booster))
    except xgboost.core.XGBoostError as error:
        raise ModelError(f"model {artifact.version} cannot be read by XGBoost: {str(error).splitlines()[0]}") from error
    columns, trees = booster.num_features(), booster.num_boosted_rounds()
    if columns != len(named.features) or trees != named.booster.trees:
        raise ModelError(
            f"model {artifact.version} has {trees} trees over {columns} features, its manifest says "
            f"{named.booster.trees} over {len(named.features)}"
        )
    return booster
