from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modelling.split import RowTimes, expanding_folds
from tqs.errors import UnfitDataError


def alternate(n: int) -> np.ndarray:
    return (np.arange(n) % 2).astype(np.int8)


def at_once(scheduled: np.ndarray) -> RowTimes:
    """Rows that are looked at when they are scheduled, and whose label is known then."""
    return RowTimes(scheduled, scheduled, scheduled)


def test_folds_of_a_hundred_rows_worked_out_by_hand():
    """Rows at times 0..999 in a shuffled order, gap 20: boundaries at shares 0.4, 0.6, 0.8."""
    times = np.random.default_rng(1).permutation(1000).astype(np.int64)
    folds = expanding_folds(at_once(times), (times % 2).astype(np.int8), gap=20, folds=3)
    assert [(times[f.train].min(), times[f.train].max()) for f in folds] == [(0, 379), (0, 579), (0, 779)]
    assert [(times[f.score].min(), times[f.score].max()) for f in folds] == [(400, 599), (600, 799), (800, 999)]
    # 380 training rows: the last 15 % start at row int(380 × 0.85) = 323, and the fit ends a gap before.
    assert (times[folds[0].fit].max(), times[folds[0].stop].min(), times[folds[0].stop].max()) == (302, 323, 379)
    assert [len(f.fit) for f in folds] == [303, int(580 * 0.85) - 20, int(780 * 0.85) - 20]


@settings(max_examples=60)
@given(
    st.lists(st.integers(0, 5000), min_size=120, max_size=400),
    st.integers(0, 300),
    st.integers(2, 6),
)
def test_every_boundary_leaves_one_gap_and_no_row_is_scored_twice(times, gap, number):
    scheduled = np.array(times, dtype=np.int64)
    try:
        folds = expanding_folds(at_once(scheduled), alternate(len(times)), gap, folds=number)
    except UnfitDataError:
        return
    for fold in folds:
        assert scheduled[fold.train].max() < scheduled[fold.score].min() - gap
        assert scheduled[fold.fit].max() < scheduled[fold.stop].min() - gap
        assert set(fold.fit) | set(fold.stop) <= set(fold.train)
    scored = np.concatenate([fold.score for fold in folds])
    assert len(scored) == len(set(scored.tolist()))
    for before, after in pairwise(folds):
        assert set(before.train) < set(after.train)
        assert scheduled[before.score].max() < scheduled[after.score].min()


@settings(max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(0, 300), st.integers(0, 900), st.integers(0, 900))
def test_no_label_that_is_learned_became_known_after_a_judged_row_is_looked_at(seed, gap, lead, delay):
    rng = np.random.default_rng(seed)
    scheduled = rng.integers(0, 5000, 400)
    early, late = rng.random((2, 400)) < 0.1
    times = RowTimes(
        scheduled,
        scheduled - np.where(early, rng.integers(0, lead + 1, 400), 0),
        scheduled + np.where(late, rng.integers(0, delay + 1, 400), 0),
    )
    for fold in expanding_folds(times, alternate(400), gap):
        for learned, judged in ((fold.train, fold.score), (fold.fit, fold.stop)):
            assert times.label_known[learned].max() < times.as_of[judged].min()
            assert scheduled[learned].max() < scheduled[judged].min() - gap


@pytest.mark.parametrize(
    ("times", "labels", "gap"),
    [
        (np.arange(300), np.zeros(300, np.int8), 1),
        (np.arange(300), alternate(300), 10_000),
        (np.zeros(300, np.int64), alternate(300), 1),
        (np.empty(0, np.int64), np.empty(0, np.int8), 1),
    ],
)
def test_rows_that_leave_no_folds_are_unfit(times, labels, gap):
    with pytest.raises(UnfitDataError, match="train on a longer history"):
        expanding_folds(at_once(times.astype(np.int64)), labels, gap)


def test_a_fold_without_both_classes_is_left_out():
    labels = alternate(1000)
    labels[400:520] = 0  # the first fold's scored rows, and the end of the second one's training window
    folds = expanding_folds(at_once(np.arange(1000, dtype=np.int64)), labels, gap=0)
    assert [fold.score.min() for fold in folds] == [640, 760, 880]
