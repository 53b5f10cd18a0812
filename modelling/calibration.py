"""Choosing a calibration: none, Platt or isotonic, by what it wins on folds that it has not seen.

The predictions are out-of-fold and in time order. Each candidate is fitted on all folds but one and judged on that
one; judged on the rows it was fitted on, isotonic would always win. Base rates move, so each candidate is tried with
all folds alike and with folds weighing less the further they lie in time.

Platt's line over all folds is where the choice starts: two numbers cost next to nothing where they are not needed, and
they take back what a model trained on the past claims too much of the future. Another candidate must beat it by more
than a standard error (L. Breiman et al., Classification and regression trees, 1984, the one-standard-error rule).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

from modelling.calibrator import Calibrator, apply_calibrator
from modelling.evaluation import log_losses
from modelling.weights import mean_of, standard_error

Float64 = NDArray[np.float64]
Int8 = NDArray[np.int8]
Kind = Literal["none", "platt", "isotonic"]

KINDS: Final[tuple[Kind, ...]] = ("none", "platt", "isotonic")
FADINGS: Final = (1.0, 0.5, 0.25)  # weight of a fold relative to its neighbour that is nearer in time
START: Final[tuple[Kind, float]] = ("platt", 1.0)
NEWTON_STEPS: Final = 50
NEWTON_TOLERANCE: Final = 1e-8
NEWTON_RIDGE: Final = 1e-9
LARGEST_LOG_ODDS: Final = 30.0
ISOTONIC_STEPS: Final = 256
FLATTEST_SLOPE: Final = 1e-3  # of Platt's line, where the scores rank no better than chance


@dataclass(frozen=True, slots=True)
class Candidate:
    """A way to calibrate, its cross-fitted log loss, and how much that is above the start's, with standard error."""

    kind: Kind
    fading: float
    log_loss: float
    above_start: float
    standard_error: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """The calibrator chosen, and all candidates with the simplest first."""

    calibrator: Calibrator
    chosen: Candidate
    candidates: tuple[Candidate, ...]


def choose_calibration(
    log_odds: Sequence[Float64], labels: Sequence[Int8], row_weights: Sequence[Float64] | None = None
) -> Calibration:
    """Choose among KINDS × FADINGS and fit the choice on all folds.

    log_odds, labels: one array a fold, folds in time order; at least two. row_weights: how much each row counts; alike
    where not given.
    """
    start = _cross_fitted_losses(*START, log_odds, labels, row_weights)
    all_weights = None if row_weights is None else np.concatenate(row_weights)
    candidates = tuple(
        _make_candidate(
            kind, fading, _cross_fitted_losses(kind, fading, log_odds, labels, row_weights), start, all_weights
        )
        for kind in KINDS
        for fading in (FADINGS if kind != "none" else FADINGS[:1])
    )
    beaten_by = [c for c in candidates if c.above_start < -c.standard_error]
    chosen = min(
        beaten_by or [c for c in candidates if (c.kind, c.fading) == START], key=lambda candidate: candidate.log_loss
    )
    calibrator = refit_calibration(chosen.kind, chosen.fading, log_odds, labels, row_weights)
    return Calibration(calibrator, chosen, candidates)


def refit_calibration(
    kind: Kind,
    fading: float,
    log_odds: Sequence[Float64],
    labels: Sequence[Int8],
    row_weights: Sequence[Float64] | None = None,
) -> Calibrator:
    """The calibrator of a choice that was made before; arguments as for `choose_calibration`."""
    weights = _fold_weights(len(labels), len(labels), fading)
    return fit_calibrator(kind, log_odds, labels, weights, row_weights)


def fit_calibrator(
    kind: Kind,
    log_odds: Sequence[Float64],
    labels: Sequence[Int8],
    fold_weights: Sequence[float],
    row_weights: Sequence[Float64] | None = None,
) -> Calibrator:
    """Fit one kind on folds, the rows of each with its weight, and each row with its own where given.

    Probabilities are clipped to what n rows can show: between 1/(n + 2) and its complement.
    """
    x, y = np.concatenate(log_odds), np.concatenate(labels)
    weights = np.repeat(np.asarray(fold_weights, dtype=np.float64), [len(fold) for fold in labels])
    if row_weights is not None:
        weights *= np.concatenate(row_weights)
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


def _make_candidate(kind: Kind, fading: float, losses: Float64, start: Float64, weights: Float64 | None) -> Candidate:
    difference = losses - start
    error = standard_error(difference, weights)
    return Candidate(kind, fading, mean_of(losses, weights), mean_of(difference, weights), error)


def _cross_fitted_losses(
    kind: Kind,
    fading: float,
    log_odds: Sequence[Float64],
    labels: Sequence[Int8],
    row_weights: Sequence[Float64] | None,
) -> Float64:
    """Each row's log loss by a calibrator that was fitted on the other folds."""
    losses = []
    for judged in range(len(labels)):
        others = [fold for fold in range(len(labels)) if fold != judged]
        weights = _fold_weights(len(labels), judged, fading)
        calibrator = fit_calibrator(
            kind,
            [log_odds[k] for k in others],
            [labels[k] for k in others],
            [weights[k] for k in others],
            None if row_weights is None else [row_weights[k] for k in others],
        )
        losses.append(log_losses(labels[judged], apply_calibrator(calibrator, log_odds[judged])))
    return np.concatenate(losses)


def _fold_weights(folds: int, judged: int, fading: float) -> list[float]:
    """1 for the folds next to the judged one, `fading` for those after them, and so on; `folds` is what comes next."""
    return [fading ** (max(abs(fold - judged), 1) - 1) for fold in range(folds)]


def _fit_platt(x: Float64, y: Int8, weights: Float64) -> tuple[float, float]:
    """Slope and intercept of the weighted logistic regression of y on the log odds, by Newton's method.

    Where the scores rank no better than chance, the flattest line at the common rate.
    """
    rate = float(np.average(y, weights=weights))
    flat = (FLATTEST_SLOPE, float(np.log(rate / (1 - rate))))
    theta = np.array([1.0, 0.0])
    for _ in range(NEWTON_STEPS):
        p = 1 / (1 + np.exp(-np.clip(theta[0] * x + theta[1], -LARGEST_LOG_ODDS, LARGEST_LOG_ODDS)))
        error, curve = weights * (y - p), weights * p * (1 - p)
        cross = (curve * x).sum()
        hessian = np.array([[(curve * x * x).sum(), cross], [cross, curve.sum()]]) + NEWTON_RIDGE * np.eye(2)
        step = np.clip(np.linalg.solve(hessian, [(error * x).sum(), error.sum()]), -1, 1)
        theta = theta + step
        if np.abs(step).max() < NEWTON_TOLERANCE:
            break
    return (float(theta[0]), float(theta[1])) if theta[0] >= FLATTEST_SLOPE else flat


def _fit_isotonic(x: Float64, y: Int8, weights: Float64) -> tuple[Float64, Float64]:
    """Knots of the weighted isotonic regression: both ends of each of its steps, and the step's rate.

    One made-up row of the common rate joins each step, so that a step of few rows does not say 0 or 1.
    """
    fitted = IsotonicRegression(out_of_bounds="clip").fit_transform(x, y, sample_weight=weights)
    order = np.argsort(x, kind="stable")
    at = x[order]
    starts = np.flatnonzero(np.append(True, np.diff(fitted[order]) > 0))
    ends = np.append(starts[1:], len(at)) - 1
    mass = np.add.reduceat(weights[order], starts)
    drawn = (np.add.reduceat((weights * y)[order], starts) + np.average(y, weights=weights)) / (mass + 1)
    rate = IsotonicRegression().fit_transform(np.arange(len(starts)), drawn, sample_weight=mass + 1)
    keep = np.unique(np.linspace(0, len(starts) - 1, ISOTONIC_STEPS).astype(int))
    knots = np.column_stack([at[starts[keep]], at[ends[keep]]]).ravel()
    distinct = np.append(True, np.diff(knots) > 0)
    return knots[distinct], np.repeat(rate[keep], 2)[distinct]
