"""Choosing a calibration: none, Platt or isotonic, by what it would have won on folds it had not seen.

The predictions are out-of-fold and in time order. Each candidate is fitted on the folds before one and judged on
that one, for every fold but the first; judged on the rows it was fitted on, isotonic would always win. Base rates
move, so each candidate is tried with all folds alike and with recent folds weighing more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from sklearn.isotonic import IsotonicRegression

from modelling.calibrator import Calibrator, apply_calibrator
from modelling.evaluation import log_losses

Float64 = NDArray[np.float64]
Int8 = NDArray[np.int8]
Kind = Literal["none", "platt", "isotonic"]

KINDS: Final[tuple[Kind, ...]] = ("none", "platt", "isotonic")
FADINGS: Final = (1.0, 0.5)  # weight of a fold relative to the one after it
ISOTONIC_KNOTS: Final = 256
SMALLEST_GAIN: Final = 1e-4  # of log loss, below which the simpler candidate stays


@dataclass(frozen=True, slots=True)
class Candidate:
    """A way to calibrate and its cross-fitted log loss."""

    kind: Kind
    fading: float
    log_loss: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """The calibrator chosen, and all candidates with the simplest first."""

    calibrator: Calibrator
    chosen: Candidate
    candidates: tuple[Candidate, ...]


def choose_calibration(log_odds: Sequence[Float64], labels: Sequence[Int8]) -> Calibration:
    """Choose among KINDS × FADINGS and fit the choice on all folds.

    log_odds, labels: one array a fold, folds in time order; at least two.
    """
    candidates = tuple(
        Candidate(kind, fading, _cross_fitted_log_loss(kind, fading, log_odds, labels))
        for kind in KINDS
        for fading in (FADINGS if kind != "none" else FADINGS[:1])
    )
    chosen = candidates[0]
    for candidate in candidates[1:]:
        if candidate.log_loss < chosen.log_loss - SMALLEST_GAIN:
            chosen = candidate
    return Calibration(fit_calibrator(chosen.kind, chosen.fading, log_odds, labels), chosen, candidates)


def fit_calibrator(kind: Kind, fading: float, log_odds: Sequence[Float64], labels: Sequence[Int8]) -> Calibrator:
    """Fit one kind on folds in time order, the last with weight 1, each earlier one with `fading` of the next.

    Probabilities are clipped to what n rows can show: between 1/(n + 2) and its complement.
    """
    x, y = np.concatenate(log_odds), np.concatenate(labels)
    sizes = [len(fold) for fold in labels]
    weights = np.repeat(fading ** np.arange(len(sizes))[::-1], sizes)
    least = 1.0 / (len(y) + 2)
    bounds = {"lowest": least, "highest": 1 - least}
    if kind == "platt":
        slope, intercept = _fit_platt(x, y, weights)
        return Calibrator(kind=kind, slope=slope, intercept=intercept, **bounds)
    if kind == "isotonic":
        at, probability = _fit_isotonic(x, y, weights)
        return Calibrator(
            kind=kind, knots_log_odds=tuple(at.tolist()), knots_probability=tuple(probability.tolist()), **bounds
        )
    return Calibrator(kind=kind, **bounds)


def _cross_fitted_log_loss(kind: Kind, fading: float, log_odds: Sequence[Float64], labels: Sequence[Int8]) -> float:
    losses = [
        log_losses(labels[k], apply_calibrator(fit_calibrator(kind, fading, log_odds[:k], labels[:k]), log_odds[k]))
        for k in range(1, len(labels))
    ]
    return float(np.concatenate(losses).mean())


def _fit_platt(x: Float64, y: Int8, weights: Float64) -> tuple[float, float]:
    """Slope and intercept of the weighted logistic regression of y on the log odds; the slope stays positive."""
    total = weights.sum()

    def loss(theta: Float64) -> tuple[float, Float64]:
        z = np.exp(theta[0]) * x + theta[1]
        error = weights * (1 / (1 + np.exp(-z)) - y)
        value = (weights * (np.logaddexp(0, z) - y * z)).sum() / total
        return float(value), np.array([(error * x).sum() * np.exp(theta[0]), error.sum()]) / total

    found = minimize(loss, np.zeros(2), jac=True, method="L-BFGS-B", bounds=[(-3, 3), (-10, 10)])
    return float(np.exp(found.x[0])), float(found.x[1])


def _fit_isotonic(x: Float64, y: Int8, weights: Float64) -> tuple[Float64, Float64]:
    """Knots of the weighted isotonic regression: the mean log odds and the rate of each of its steps.

    Straight lines between the steps' centres, so that a slightly higher score is not the same or a jump. Each
    step's rate is drawn towards a half by one made-up row, so that the end steps do not say 0 or 1.
    """
    fitted = IsotonicRegression(out_of_bounds="clip").fit_transform(x, y, sample_weight=weights)
    _, step = np.unique(fitted, return_inverse=True)
    mass = np.bincount(step, weights)
    centre = np.bincount(step, weights * x) / mass
    rate = (np.bincount(step, weights * y) + 0.5) / (mass + 1)
    rate = np.maximum.accumulate(rate)
    if len(centre) > ISOTONIC_KNOTS:
        keep = np.unique(np.linspace(0, len(centre) - 1, ISOTONIC_KNOTS).astype(int))
        centre, rate = centre[keep], rate[keep]
    distinct = np.concatenate([[True], np.diff(centre) > 0])
    return centre[distinct], rate[distinct]
