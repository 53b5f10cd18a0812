"""How far a distribution lies from its reference, and how far it may lie by chance.

The effect is the Wasserstein distance over the reference's standard deviation (Evidently's "wasserstein"): the mean way
that values have moved, in standard deviations, whatever the number of rows. What chance gives is drawn from the
reference itself: tutors are resampled as blocks, since a tutor's features are the same in all its sessions of a week
(B. Efron and R. Tibshirani, An introduction to the bootstrap, 1993, ch. 8), and all columns are drawn together, so that
the largest of them is what is allowed for (P. Westfall and S. Young, Resampling-based multiple testing, 1993). What
seasons make, the reference shows as well: how far its own four weeks lie from all of it.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

MINIMUM_EFFECT: Final = 0.1  # standard deviations
DRAWS: Final = 800
BINS: Final = 256
FEWEST_OF_A_WEEKDAY: Final = 30
PERIOD_DAYS: Final = 28
FEWEST_OF_A_PERIOD: Final = 500
SMALLEST_SPREAD: Final = 1e-3  # Evidently divides by no less


def weekdays_of(days: Int64) -> Int64:
    """0 = Monday … 6 of days (n,) since 1970-01-01, which was a Thursday."""
    return (days + 3) % 7


def match_weekdays(reference: pd.DataFrame, current: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """As many reference rows as have the weekdays of the current ones in the same proportions; both frames have `day`.

    Of each weekday every so-manieth row in the order of time, so that the same rows give the same answer. A weekday of
    which the reference has fewer than 30 rows is left out on both sides.
    """
    own, mine = weekdays_of(reference["day"].to_numpy()), weekdays_of(current["day"].to_numpy())
    have = np.bincount(own, minlength=7)
    comparable = have >= FEWEST_OF_A_WEEKDAY
    current = current[comparable[mine]]
    share = np.bincount(mine[comparable[mine]], minlength=7) / max(len(current), 1)
    wanted = share > 0
    size = min((have[wanted] / share[wanted]).tolist(), default=0.0)
    order = np.argsort(reference["day"].to_numpy(), kind="stable")
    kept = [
        _spread(order[own[order] == weekday], int(size * share[weekday] + 0.5)) for weekday in np.flatnonzero(wanted)
    ]
    rows = np.sort(np.concatenate(kept)) if kept else np.empty(0, dtype=np.int64)
    return reference.iloc[rows], current


def blocks_of(rows: pd.DataFrame) -> Int64:
    """The block of each row (n,), numbered from 0: one tutor (`tutor`, code) in one week (`day` ÷ 7)."""
    keys = rows["tutor"].to_numpy() * 100_000 + rows["day"].to_numpy() // 7
    blocks: Int64 = np.unique(keys, return_inverse=True)[1].astype(np.int64)
    return blocks


def tutors_of(rows: pd.DataFrame) -> Int64:
    """The tutor of each row (n,), numbered from 0: the blocks of a window, in which a tutor is one all along."""
    tutors: Int64 = np.unique(rows["tutor"].to_numpy(), return_inverse=True)[1].astype(np.int64)
    return tutors


def normed_wasserstein(reference: Float64, current: Float64) -> float:
    """∫ |F − G| over the reference's standard deviation, of two samples of finite numbers (m,) and (n,).

    The same number as Evidently's method "wasserstein".
    """
    values = np.sort(np.concatenate([reference, current]))
    steps = np.diff(values)
    below = [np.searchsorted(np.sort(side), values[:-1], "right") / len(side) for side in (reference, current)]
    spread = max(float(np.std(reference)), SMALLEST_SPREAD)
    return float(np.sum(np.abs(below[0] - below[1]) * steps) / spread)


def chance_effects(X: Float64, blocks: Int64, rows: int, *, alpha: float, seed: int) -> Float64:
    """The effect of each column (k,) that chance exceeds in any column with probability `alpha` at the most.

    Parameters
    ----------
    X: the reference, (n, k) finite numbers; blocks: of each row, (n,), from `blocks_of`.
    rows: how many rows are compared with it. The draws have rows·n / (rows + n) of them, beside the whole reference:
        as far apart as `rows` and n rows of one population are.

    Columns are put on one scale by the mean and the deviation of the square root of their effects.
    """
    n = len(X)
    sizes = np.bincount(blocks)
    drawn = max(1, round(rows * n / (rows + n) / sizes.mean()))
    rng = np.random.default_rng(seed)
    picks = rng.integers(0, len(sizes), (DRAWS, drawn))
    owner = np.repeat(np.arange(DRAWS), drawn)
    counts = csr_matrix((np.ones(picks.size), (owner, picks.ravel())), shape=(DRAWS, len(sizes)))
    totals = counts @ sizes
    effects = np.stack([_effects_of_draws(column, blocks, counts, totals) for column in X.T])
    roots = np.sqrt(effects)
    centre, scale = roots.mean(axis=1), np.maximum(roots.std(axis=1), 1e-9)
    largest = ((roots - centre[:, None]) / scale[:, None]).max(axis=0)
    limit = np.quantile(largest, 1 - alpha)
    effects_by_chance: Float64 = np.square(np.maximum(centre + limit * scale, 0))
    return effects_by_chance


def usual_effects(X: Float64, days: Int64) -> Float64:
    """The largest effect of each column (k,) that any four weeks of the reference have beside all of it.

    It is what seasons and growth make, of which the reference (n, k) itself tells; days: of each row, (n,). Periods of
    fewer than 500 rows tell nothing.
    """
    _, period = np.unique(days // PERIOD_DAYS, return_inverse=True)
    sizes = np.bincount(period)
    told = np.flatnonzero(sizes >= FEWEST_OF_A_PERIOD)
    if len(told) == 0:
        return np.zeros(X.shape[1])
    each = csr_matrix((np.ones(len(told)), (np.arange(len(told)), told)), shape=(len(told), len(sizes)))
    return np.array([_effects_of_draws(column, period, each, each @ sizes).max() for column in X.T])


def _effects_of_draws(column: Float64, blocks: Int64, counts: csr_matrix, totals: Float64) -> Float64:
    """The effect of each draw (draws,) beside the whole column (n,), values rounded to the means of up to 256 bins."""
    edges = np.unique(np.quantile(column, _TAILED))
    codes = np.searchsorted(edges, column)
    filled, codes = np.unique(codes, return_inverse=True)
    inside = np.bincount(codes)
    centres = np.bincount(codes, column) / inside
    shape = (counts.shape[1], len(filled))
    histogram = counts @ csr_matrix((np.ones(len(column)), (blocks, codes)), shape=shape)
    apart = np.cumsum(histogram.toarray() / totals[:, None] - inside / len(column), axis=1)[:, :-1]
    effects: Float64 = np.abs(apart) @ np.diff(centres) / max(float(np.std(column)), SMALLEST_SPREAD)
    return effects


def _spread(rows: Int64, count: int) -> Int64:
    """`count` of the rows (n,), at most all, evenly over their order."""
    count = min(count, len(rows))
    return rows[(np.arange(count) * len(rows) // max(count, 1)).astype(np.int64)]


# Bins of equal mass, finer in the tails, where the way between values is long.
_TAILED: Final = 0.5 - 0.5 * np.cos(np.linspace(0, np.pi, BINS))
