"""How often rows scored alike came to happen: a band for the rate of each bin of scores, with its width.

The bins hold equally many rows of the model's test part, which it never saw. A bin's band is the interval of Clopper
and Pearson (C. Clopper and E. Pearson, Biometrika 26, 1934), which covers the rate at least as often as it says. Rows
of one week may share what moved them, and then say less than as many rows of their own: they count for fewer by the
dispersion of the weeks' counts around the rates of the bins, relative to what chance alone gives (P. McCullagh and
J. Nelder, Generalized linear models, 1989, 4.5), over all bins together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator
from scipy.special import betaincinv

Float64 = NDArray[np.float64]
Int64 = NDArray[np.int64]

LEVEL: Final = 0.9
FEWEST_ROWS: Final = 200  # of a bin; with fewer there is no band
MOST_BINS: Final = 20
WEEK_US: Final = 7 * 86_400_000_000


class Bands(BaseModel):
    """Bins of scores in ascending order and what happened in each on the test part.

    edges: scores at which the bins after the first begin. rows, predicted, happened: of each bin the number of rows,
    their mean score and the share that happened, by weight where rows have one. low, high: the band of that share; None
    in a bin of fewer than FEWEST_ROWS rows. dispersion: how many rows count as one, at least 1.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    level: float = Field(gt=0, lt=1)
    dispersion: float = Field(ge=1)
    edges: tuple[float, ...]
    rows: tuple[int, ...] = Field(min_length=1)
    predicted: tuple[float, ...]
    happened: tuple[float, ...]
    low: tuple[float | None, ...]
    high: tuple[float | None, ...]

    @model_validator(mode="after")
    def _check(self) -> Self:
        bins = len(self.rows)
        if len(self.edges) != bins - 1 or (np.diff(self.edges) <= 0).any():
            raise ValueError(f"{bins} bins need {bins - 1} ascending edges between them, got {len(self.edges)}")
        if any(len(column) != bins for column in (self.predicted, self.happened, self.low, self.high)):
            raise ValueError(f"each of {bins} bins needs what was predicted, what happened and a band")
        for low, high in zip(self.low, self.high, strict=True):
            if (low is None) != (high is None) or (low is not None and high is not None and not 0 <= low < high <= 1):
                raise ValueError(f"a band must have 0 <= low < high <= 1, or no bounds, got {low}, {high}")
        return self


@dataclass(frozen=True, slots=True)
class BandColumns:
    """The bands of n scores (n,): low and high, NaN where there is none.

    rows, begins, ends: of the bin that it comes from, its rows and its scores, which begin at 0 in the first bin and
    end at 1 in the last.
    """

    low: Float64
    high: Float64
    rows: Int64
    begins: Float64
    ends: Float64


def measure_bands(
    labels: NDArray[np.int8], probabilities: Float64, scheduled: Int64, weights: Float64 | None = None
) -> Bands:
    """The bands of n rows that the model did not learn from.

    labels: (n,) 0 or 1. scheduled: (n,) µs since 1970, whose weeks are the blocks. Rows of the same score share a bin.
    weights: (n,) above 0, how much each row counts in means and shares; None where all count alike. An interval then is
    that of the effective number of rows, (Σw)² / Σw² (L. Kish, Survey sampling, 1965, 11.7).
    """
    edges = _cut_bins(probabilities)
    member = np.searchsorted(edges, probabilities, side="right")
    y = labels.astype(np.float64)
    w = np.ones_like(y) if weights is None else weights
    rows = np.bincount(member, minlength=len(edges) + 1)
    mass = np.bincount(member, w)
    happened = np.bincount(member, w * y) / mass
    effective = mass**2 / np.bincount(member, w**2)
    _, week = np.unique(scheduled // WEEK_US, return_inverse=True)
    dispersion = _measure_dispersion(y, w, member, week, happened)
    low, high = interval_of_share(happened * effective / dispersion, effective / dispersion)
    enough = rows >= FEWEST_ROWS
    return Bands(
        level=LEVEL,
        dispersion=dispersion,
        edges=tuple(edges.tolist()),
        rows=tuple(rows.tolist()),
        predicted=tuple((np.bincount(member, w * probabilities) / mass).tolist()),
        happened=tuple(happened.tolist()),
        low=tuple(bound if told else None for bound, told in zip(low.tolist(), enough, strict=True)),
        high=tuple(bound if told else None for bound, told in zip(high.tolist(), enough, strict=True)),
    )


def band_of(bands: Bands, probabilities: NDArray[np.floating]) -> BandColumns:
    """The band of each of (n,) probabilities: that of the bin it falls in, also beyond the scores that were seen."""
    member = np.searchsorted(bands.edges, probabilities, side="right")
    low, high = (np.array(column, dtype=np.float64)[member] for column in (bands.low, bands.high))
    bounds = np.array([0.0, *bands.edges, 1.0])
    return BandColumns(low, high, np.array(bands.rows, dtype=np.int64)[member], bounds[member], bounds[member + 1])


def interval_of_share(happened: Float64, rows: Float64) -> tuple[Float64, Float64]:
    """Clopper and Pearson's bounds (n,) of the share behind `happened` of `rows`, neither of them a whole number."""
    tail = (1 - LEVEL) / 2
    missed = rows - happened
    with np.errstate(invalid="ignore"):  # of none and of all there is no quantile: the bound is 0 or 1
        low, high = betaincinv(happened, missed + 1, tail), betaincinv(happened + 1, missed, 1 - tail)
    return np.where(happened > 0, low, 0.0), np.where(missed > 0, high, 1.0)


def _cut_bins(probabilities: Float64) -> Float64:
    """Scores at which the bins after the first begin; none where there are too few rows for two."""
    ascending = np.sort(probabilities)
    bins = min(MOST_BINS, len(ascending) // FEWEST_ROWS)
    starts = np.unique(ascending[(np.arange(1, bins) * len(ascending)) // max(bins, 1)])
    edges: Float64 = starts[starts > ascending[0]]
    return edges


def _measure_dispersion(y: Float64, w: Float64, member: Int64, week: Int64, happened: Float64) -> float:
    """Squared distance of the cells (bin × week) from the rates of their bins over its expectation by chance.

    With weights a cell's distance is Σw(y − rate), of which the rate holds its part: by chance its variance is
    rate · (1 − rate) · (s − 2·s·m/M + S·m²/M²), m and s the sums of w and w² in the cell, M and S those of the bin.
    """
    cell = member * (week.max() + 1) + week
    found, place = np.unique(cell, return_inverse=True)
    mass, squares, counts = np.bincount(place, w), np.bincount(place, w**2), np.bincount(place, w * y)
    bin_of_cell = found // (week.max() + 1)
    rate = happened[bin_of_cell]
    total, all_squares = np.bincount(bin_of_cell, mass)[bin_of_cell], np.bincount(bin_of_cell, squares)[bin_of_cell]
    chance = rate * (1 - rate)
    uneven = mass * all_squares / total - squares  # 0 where all count alike
    expected = (chance * squares * (1 - mass / total) + chance * mass / total * uneven).sum()
    if expected == 0:  # one week, or nothing that varies
        return 1.0
    return max(1.0, float(np.square(counts - rate * mass).sum() / expected))
