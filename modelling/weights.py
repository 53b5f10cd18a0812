"""How much rows count: 1, unless some stand for others whose outcome was interfered with.

Rows that count for nothing are left out before anything is computed; where all that are left count alike there are no
weights (None), and every formula is the plain one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from modelling.split import Fold

Float64 = NDArray[np.float64]


def weighted_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of a training table that count for something."""
    counts = frame["weight"] > 0
    return frame if counts.all() else frame[counts]


def weights_of(frame: pd.DataFrame) -> Float64 | None:
    """The weights of a table's rows (n,); None where all of them are 1."""
    weights = frame["weight"].to_numpy(dtype=np.float64)
    return None if (weights == 1).all() else weights


def take_weights(weights: Float64 | None, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Float64 | None:
    """The weights of the rows named by index or mask; None where there are none."""
    return None if weights is None else weights[rows]


def weights_by_fold(weights: Float64 | None, folds: Sequence[Fold]) -> list[Float64] | None:
    """The weights of each fold's scored rows; None where there are none."""
    return None if weights is None else [weights[fold.score] for fold in folds]


def mean_of(values: NDArray[Any], weights: Float64 | None) -> float:
    """The weighted mean of (n,) values."""
    return float(values.mean() if weights is None else np.average(values, weights=weights))


def effective_rows(rows: NDArray[np.bool_], weights: Float64 | None) -> float:
    """How many rows that count alike tell as much as those of a mask (n,).

    That is (Σw)² / Σw². Source: L. Kish, Survey sampling, 1965, 11.7.
    """
    if weights is None or not rows.any():
        return float(rows.sum())
    chosen = weights[rows]
    return float(chosen.sum() ** 2 / np.square(chosen).sum())


def standard_error(values: Float64, weights: Float64 | None) -> float:
    """The standard error of the weighted mean of (n,) values, at least two.

    With weights it is that of a ratio, by its linear expansion (W. Cochran, Sampling techniques, 1977, 6.13): the
    weighted distances from the mean, over the mean weight.
    """
    if weights is None:
        return float(values.std(ddof=1) / np.sqrt(len(values)))
    distances = weights / weights.mean() * (values - mean_of(values, weights))
    return float(np.sqrt((distances**2).sum() / (len(values) - 1)) / np.sqrt(len(values)))
