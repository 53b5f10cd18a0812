"""Splits by time: what a model learns from lies wholly before what it is judged on.

At every boundary one horizon is left out of the training side (for `match`, whose labels look ahead, one label
window). An as_of lies at most a horizon before its scheduled time, so no training outcome became known after an
as_of that is evaluated, and every lead time occurs on both sides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tqs.errors import UnfitDataError

Int64 = NDArray[np.int64]
Int8 = NDArray[np.int8]

FOLDS: Final = 5
FIRST_TRAINING_SHARE: Final = 0.4  # of the development rows, before the first scored fold
STOPPING_SHARE: Final = 0.15  # of a training window: its end, where early stopping looks
MINORITY_ROWS: Final = 5  # fewer rows of a class in a part of a fold say nothing


@dataclass(frozen=True, slots=True)
class Fold:
    """Row numbers, each ascending in time. `fit` and `stop` are the training window without a gap between them."""

    train: Int64
    fit: Int64
    stop: Int64
    score: Int64


def expanding_folds(scheduled: Int64, labels: Int8, gap: int, folds: int = FOLDS) -> list[Fold]:
    """Folds of the development part whose training window grows and whose scored part moves on.

    Parameters
    ----------
    scheduled: (n,) µs, in any order.
    labels: (n,) 0 or 1; folds in which a part has fewer than MINORITY_ROWS of a class are left out.
    gap: µs left out before each boundary, inside the training window too.

    Raises UnfitDataError where not even two folds are left.
    """
    order = np.argsort(scheduled, kind="stable")
    shares = np.linspace(FIRST_TRAINING_SHARE, 1.0, folds + 1)
    bounds = _boundaries(scheduled[order], shares[:-1])
    found = []
    for number, start in enumerate(bounds):
        end = bounds[number + 1] if number + 1 < len(bounds) else np.inf
        fold = _make_fold(order, scheduled[order], float(start), float(end), gap)
        if all(_has_both_classes(labels[part]) for part in (fold.fit, fold.stop, fold.score)):
            found.append(fold)
    if len(found) < 2:
        span_days = (scheduled.max() - scheduled.min()) / 86_400e6 if len(scheduled) else 0.0
        raise UnfitDataError(
            f"{len(scheduled)} rows over {span_days:.0f} days with {int(labels.sum())} positives leave {len(found)} "
            f"of {folds} folds in time with both classes, two are needed; train on a longer history"
        )
    return found


def _make_fold(order: Int64, times: Int64, start: float, end: float, gap: int) -> Fold:
    """One fold: training before start − gap, scored in [start, end). times[i] belongs to row order[i]."""
    train_end = int(np.searchsorted(times, start - gap))
    stop_start = int(train_end * (1 - STOPPING_SHARE))
    fit_end = int(np.searchsorted(times, times[stop_start] - gap)) if train_end else 0
    return Fold(
        train=order[:train_end],
        fit=order[:fit_end],
        stop=order[stop_start:train_end],
        score=order[np.searchsorted(times, start) : np.searchsorted(times, end)],
    )


def _boundaries(times: Int64, shares: NDArray[np.float64]) -> Int64:
    """Times at the given shares of the sorted rows; rows of one time stay together."""
    return times[(shares * len(times)).astype(np.int64)] if len(times) else np.empty(0, np.int64)


def _has_both_classes(labels: Int8) -> bool:
    positives = int(labels.sum())
    return min(positives, len(labels) - positives) >= MINORITY_ROWS
