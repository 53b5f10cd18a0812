"""Which features a model leans on: gain, gain summed by concept, permutation importance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import xgboost
from numpy.typing import NDArray

from modelling.evaluation import log_losses
from modelling.predictor import Predictor
from modelling.weights import mean_of, take_weights

Int8 = NDArray[np.int8]

PERMUTATION_ROWS: Final = 20_000
PERMUTATION_REPEATS: Final = 3


def gain_by_feature(booster: xgboost.Booster, features: Sequence[str]) -> dict[str, float]:
    """Share of the booster's total gain won by splits on each feature, largest first; they add up to 1."""
    scores = booster.get_score(importance_type="total_gain")
    gains = {name: float(scores.get(f"f{column}", 0.0)) for column, name in enumerate(features)}
    total = sum(gains.values()) or 1.0
    return {name: gain / total for name, gain in sorted(gains.items(), key=lambda item: -item[1])}


def gain_by_concept(gains: Mapping[str, float], concepts: Mapping[str, str]) -> dict[str, float]:
    """Gain summed over the features of a concept (feature name to concept name), largest first."""
    sums: dict[str, float] = {}
    for feature, gain in gains.items():
        sums[concepts[feature]] = sums.get(concepts[feature], 0.0) + gain
    return dict(sorted(sums.items(), key=lambda item: -item[1]))


def permutation_importance(
    predictor: Predictor, X: NDArray[np.floating], y: Int8, *, seed: int = 0, weights: NDArray[np.float64] | None = None
) -> dict[str, float]:
    """Log loss that shuffling a feature's column costs, mean of a few shuffles, largest first.

    On a sample of at most PERMUTATION_ROWS rows. Features that say the same share their importance.
    Source: L. Breiman, Random forests, 2001.
    """
    rng = np.random.default_rng(seed)
    rows = rng.choice(len(X), min(len(X), PERMUTATION_ROWS), replace=False)
    sample, labels, own = X[rows], y[rows], take_weights(weights, rows)
    base = mean_of(log_losses(labels, predictor.predict(sample)), own)
    costs = {}
    for column, name in enumerate(predictor.features):
        original = sample[:, column].copy()
        shuffled_losses = []
        for _ in range(PERMUTATION_REPEATS):
            sample[:, column] = rng.permutation(original)
            shuffled_losses.append(mean_of(log_losses(labels, predictor.predict(sample)), own))
        sample[:, column] = original
        costs[name] = float(np.mean(shuffled_losses) - base)
    return dict(sorted(costs.items(), key=lambda item: -item[1]))
