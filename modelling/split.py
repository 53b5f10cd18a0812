"""Splits by time: what a model learns from lies wholly before what it is judged on.

At every boundary one horizon is left out of the training side (for `match`, whose labels look ahead, the 30 days of
the label too), so that every lead time occurs on both sides. The few rows that reach over it all the same (a pair
booked two months ahead, an outcome told late) are left out by `features.boundary`: no training label became known at
or after an as_of that is evaluated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.boundary import find_boundary
from tqs.errors import UnfitDataError

Int64 = NDArray[np.int64]
Int8 = NDArray[np.int8]

FOLDS: Final = 5
FIRST_TRAINING_SHARE: Final = 0.4  # of the development rows, before the first scored fold
STOPPING_SHARE: Final = 0.15  # of a training window: its end, where early stopping looks
MINORITY_ROWS: Final = 5  # fewer rows of a class in a part of a fold say nothing


@dataclass(frozen=True, slots=True)
class RowTimes:
    """When each row's session is scheduled, when it is looked at and when its label was known, (n,) µs each."""

    scheduled: Int64
    as_of: Int64
    label_known: Int64

    @classmethod
    def of_frame(cls, frame: pd.DataFrame) -> Self:
        """The times of a table as `features.table.training_table` gives it."""
        named = (frame[name] for name in ("scheduled_time", "as_of", "label_known"))
        return cls(*(times.dt.as_unit("us").astype(np.int64).to_numpy() for times in named))


@dataclass(frozen=True, slots=True)
class Fold:
    """Row numbers, each ascending in time. `fit` and `stop` are the training window without a gap between them."""

    train: Int64
    fit: Int64
    stop: Int64
    score: Int64


def expanding_folds(times: RowTimes, labels: Int8, gap: int, folds: int = FOLDS) -> list[Fold]:
    """Folds of the development part whose training window grows and whose scored part moves on.

    Parameters
    ----------
    times: of n rows, in any order.
    labels: (n,) 0 or 1; folds in which a part has fewer than MINORITY_ROWS of a class are left out.
    gap: µs left out before each boundary, inside the training window too.

    Raises UnfitDataError where not even two folds are left.
    """
    scheduled = times.scheduled
    order = np.argsort(scheduled, kind="stable")
    shares = np.linspace(FIRST_TRAINING_SHARE, 1.0, folds + 1)
    bounds = _boundaries(scheduled[order], shares[:-1])
    found = []
    for number, start in enumerate(bounds):
        end = bounds[number + 1] if number + 1 < len(bounds) else np.inf
        fold = _make_fold(times, order, float(start), float(end), gap)
        if all(_has_both_classes(labels[part]) for part in (fold.fit, fold.stop, fold.score)):
            found.append(fold)
    if len(found) < 2:
        span_days = (scheduled.max() - scheduled.min()) / 86_400e6 if len(scheduled) else 0.0
        raise UnfitDataError(
            f"{len(scheduled)} rows over {span_days:.0f} days with {int(labels.sum())} positives leave {len(found)} "
            f"of {folds} folds in time with both classes, two are needed; train on a longer history"
        )
    return found


def _make_fold(times: RowTimes, order: Int64, start: float, end: float, gap: int) -> Fold:
    """One fold: training before start − gap, scored in [start, end). `order` sorts the rows by scheduled time."""
    scheduled = times.scheduled[order]
    first, last = np.searchsorted(scheduled, [start, end])
    train, score = _separate(times, order[: np.searchsorted(scheduled, start - gap)], order[first:last])
    stop = train[int(len(train) * (1 - STOPPING_SHARE)) :]
    learned = times.scheduled[train]
    fit_end = np.searchsorted(learned, learned[-len(stop)] - gap) if len(stop) else 0
    fit, stop = _separate(times, train[:fit_end], stop)
    return Fold(train, fit, stop, score)


def _separate(times: RowTimes, learned: Int64, judged: Int64) -> tuple[Int64, Int64]:
    """The rows of both sides without those that reach over the boundary."""
    boundary = find_boundary(times.label_known[learned], times.as_of[judged])
    return learned[times.label_known[learned] < boundary], judged[times.as_of[judged] >= boundary]


def _boundaries(times: Int64, shares: NDArray[np.float64]) -> Int64:
    """Times at the given shares of the sorted rows; rows of one time stay together."""
    return times[(shares * len(times)).astype(np.int64)] if len(times) else np.empty(0, np.int64)


def _has_both_classes(labels: Int8) -> bool:
    positives = int(labels.sum())
    return min(positives, len(labels) - positives) >= MINORITY_ROWS
