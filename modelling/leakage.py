"""The leakage test: no feature may separate the target alone.

A feature that does is no insight but the outcome in disguise: known only afterwards, or computed from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

Float64 = NDArray[np.float64]
Int8 = NDArray[np.int8]

HIGHEST_AUC: Final = 0.95
BINS: Final = 100
LARGEST_SAMPLE: Final = 100_000


def single_feature_auc(
    X: NDArray[np.floating], y: Int8, features: Sequence[str], weights: Float64 | None = None
) -> dict[str, float]:
    """How well each feature alone ranks the labels: ROC AUC in [0.5, 1], largest first.

    The larger of two: the feature's own order in either direction, and the rate in each of its bins as learned on
    every other row and judged on the rest, since a leak need not be monotone (a length of 60 minutes meant
    "completed", 59 and 61 did not).

    weights: how much each row counts, (n,); alike where not given.
    """
    every = max(1, -(-len(y) // LARGEST_SAMPLE))
    X, y = X[::every], y[::every]
    w = np.ones(len(y)) if weights is None else weights[::every]
    found = {name: _feature_auc(X[:, column], y, w) for column, name in enumerate(features)}
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def _feature_auc(x: NDArray[np.floating], y: Int8, w: Float64) -> float:
    own = _auc(x, y, w)
    bins = _bin(x)
    learn, judge = slice(0, None, 2), slice(1, None, 2)
    rows = np.bincount(bins[learn], w[learn], minlength=BINS + 1)
    hits = np.bincount(bins[learn], w[learn] * y[learn], minlength=BINS + 1)
    rates = (hits + np.average(y[learn], weights=w[learn])) / (rows + 1)
    return max(own, 1 - own, _auc(rates[bins[judge]], y[judge], w[judge]))


def _bin(x: NDArray[np.floating]) -> NDArray[np.int64]:
    """A bin a value where there are at most BINS values, else bins of equal mass."""
    values, code = np.unique(x, return_inverse=True)
    if len(values) > BINS:
        edges = np.unique(np.quantile(x, np.linspace(0, 1, BINS + 1)[1:-1]))
        code = np.searchsorted(edges, x, side="right")
    bins: NDArray[np.int64] = code.astype(np.int64)
    return bins


def _auc(x: NDArray[np.floating], y: Int8, w: Float64) -> float:
    """ROC AUC; 0.5 where a class is missing."""
    return float(roc_auc_score(y, x, sample_weight=w)) if 0 < y.sum() < len(y) else 0.5
