"""The pipeline: standard scaling, then gradient-boosted trees of XGBoost, through its native interface.

With `threads=1` and a seed the booster's bytes are the same on every run. Several threads add in an order that follows
their number, so a model that is kept is fitted on one.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
import xgboost
from numpy.typing import NDArray

from modelling.artifact import Scaler

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Int8 = NDArray[np.int8]

MAX_BINS: Final = 32
"""Coarse on purpose: with 256 bins trees can learn single tutors by their exact session counts, which the next months
do not have. On three as-of samples of real bookings the out-of-fold loss was the same within 0.0003, and the newest
fifth lost 0.001 and 0.005 in two of them and nothing in the third."""


BLOCK_ROWS: Final = 16_384  # scaled at a time: tables of a million rows are not held twice for it


@dataclass(frozen=True, slots=True)
class TreeParameters:
    """What the tuning chooses; names and meanings are XGBoost's."""

    max_depth: int = 4
    learning_rate: float = 0.1
    min_child_weight: float = 5.0
    gamma: float = 0.0
    subsample: float = 0.8
    colsample_bytree: float = 0.8
    reg_lambda: float = 1.0
    reg_alpha: float = 0.0

    def as_numbers(self) -> dict[str, float | int | str]:
        """Name to number, as XGBoost and the manifest take them."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class FittedPipeline:
    """A scaler and the booster that was fitted on what it scaled."""

    scaler: Scaler
    booster: xgboost.Booster

    def log_odds(self, X: NDArray[np.floating]) -> Float32:
        """The booster's log odds (n,) for an unscaled feature matrix (n, features)."""
        margin: Float32 = self.booster.inplace_predict(scale(X, self.scaler), predict_type="margin")
        return margin


def fit_scaler(X: NDArray[np.floating]) -> Scaler:
    """Mean and standard deviation of each column; a column that does not vary is scaled by 1."""
    mean = X.mean(axis=0)
    squares = np.zeros(X.shape[1])
    for start in range(0, len(X), BLOCK_ROWS):
        apart = X[start : start + BLOCK_ROWS] - mean
        squares = np.vstack([squares, apart * apart]).sum(axis=0)  # row after row, whatever the blocks
    spread = np.sqrt(squares / len(X))
    largest = np.maximum(X.max(axis=0), -X.min(axis=0))
    return Scaler(
        mean=tuple(mean.tolist()),
        scale=tuple(np.where(spread > 1e-12 * (1 + largest), spread, 1.0).tolist()),
    )


def scale(X: NDArray[np.floating], scaler: Scaler) -> Float32:
    """(X − mean) / scale as float32, which is what the booster sees."""
    mean, spread = np.array(scaler.mean), np.array(scaler.scale)
    scaled = np.empty(X.shape, dtype=np.float32)
    for start in range(0, len(X), BLOCK_ROWS):
        rows = slice(start, start + BLOCK_ROWS)
        scaled[rows] = (X[rows] - mean) / spread
    return scaled


def booster_parameters(parameters: TreeParameters, seed: int, threads: int) -> dict[str, float | int | str]:
    """All of XGBoost's parameters for a fit, with nothing left to its defaults that would change a model.

    No class weights: they move the mean prediction away from what happens, and these are probabilities.
    """
    return {
        **parameters.as_numbers(),
        "objective": "binary:logistic",
        "eval_metric": "logloss",
        "tree_method": "hist",
        "max_bin": MAX_BINS,
        "seed": seed,
        "nthread": threads,
        "verbosity": 0,
    }


def fit_pipeline(
    X: NDArray[np.floating],
    y: Int8,
    parameters: TreeParameters,
    *,
    trees: int,
    seed: int,
    threads: int,
    weights: Float64 | None = None,
) -> FittedPipeline:
    """Fit scaler and booster on a feature matrix (n, features) and labels 0 or 1 (n,).

    weights: how much each row counts to the trees, (n,); alike where not given.
    """
    scaler = fit_scaler(X)
    matrix = bin_rows(scale(X, scaler), y, weights, threads=threads)
    booster = xgboost.train(booster_parameters(parameters, seed, threads), matrix, num_boost_round=trees)
    return FittedPipeline(scaler, booster)


def bin_rows(
    scaled: Float32, y: Int8, weights: Float64 | None, *, threads: int, ref: xgboost.QuantileDMatrix | None = None
) -> xgboost.QuantileDMatrix:
    """Scaled rows (n, features) in bins, as trees are fitted on; in the bins of `ref` where it is given."""
    return xgboost.QuantileDMatrix(scaled, label=y, weight=weights, ref=ref, max_bin=MAX_BINS, nthread=threads)


def booster_bytes(booster: xgboost.Booster) -> bytes:
    """The booster in UBJSON, the format that the artifact keeps."""
    return bytes(booster.save_raw(raw_format="ubj"))
