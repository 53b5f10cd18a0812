"""Expected calibration error, what chance alone gives it, and how sure we are of it.

Source: C. Guo, G. Pleiss, Y. Sun, K. Weinberger, On calibration of modern neural networks, 2017; bins of equal mass as
in M. Nguyen and B. O'Connor, Posterior calibration and exploratory analysis, 2015.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from modelling.weights import take_weights

Float64 = NDArray[np.float64]
Int8 = NDArray[np.int8]

BINS: Final = 15
DRAWS: Final = 400
LEVEL: Final = 0.95


@dataclass(frozen=True, slots=True)
class Reliability:
    """Bins of equal mass by predicted probability, and the calibration error over them.

    predicted, observed, rows: (bins,) mean prediction, share that happened, and number of rows of each bin; where rows
    have weights, means, shares and the ECE count each by its own.
    observed_low, observed_high: bootstrap interval of the share that happened, 95 %.
    ece: Σ rows / n × |predicted − observed|.
    noise_floor: 95 % quantile of the ECE of the same predictions on outcomes drawn from them, i.e. were they perfect.
    low, high: bootstrap interval of the ECE, 95 %. Resampling adds noise, so it leans upwards.
    """

    predicted: Float64
    observed: Float64
    rows: NDArray[np.int64]
    observed_low: Float64
    observed_high: Float64
    ece: float
    noise_floor: float
    low: float
    high: float


def measure_reliability(
    labels: Int8,
    probabilities: Float64,
    *,
    bins: int = BINS,
    draws: int = DRAWS,
    seed: int = 0,
    weights: Float64 | None = None,
) -> Reliability:
    """Reliability of (n,) probabilities against (n,) labels 0 or 1; fewer bins where there are fewer rows.

    weights: how much each row counts, (n,); alike where not given.
    """
    order = np.argsort(probabilities, kind="stable")
    p, y = probabilities[order], labels[order].astype(np.float64)
    own = take_weights(weights, order)
    n = len(p)
    starts = np.unique(np.linspace(0, n, min(bins, n) + 1).astype(np.int64)[:-1])
    rows = np.diff(np.append(starts, n))
    values = np.stack([y, p] if own is None else [y * own, p * own, own])
    happened, expected = np.add.reduceat(values[:2], starts, axis=1)
    mass = rows if own is None else np.add.reduceat(own, starts)
    total = mass.sum()
    rng = np.random.default_rng(seed)
    chance = np.array([_draw_outcomes(rng, p, own, starts) for _ in range(draws)])
    resampled = np.array([_resample_bins(rng, values, starts, rows) for _ in range(draws)])
    drawn_mass = mass if own is None else resampled[:, 2]
    tail = (1 - LEVEL) / 2
    share_low, share_high = np.quantile(resampled[:, 0] / drawn_mass, [tail, 1 - tail], axis=0)
    gaps = np.abs(resampled[:, 1] - resampled[:, 0]).sum(axis=1) / (total if own is None else drawn_mass.sum(axis=1))
    low, high = np.quantile(gaps, [tail, 1 - tail])
    return Reliability(
        predicted=expected / mass,
        observed=happened / mass,
        rows=rows,
        observed_low=share_low,
        observed_high=share_high,
        ece=float(np.abs(expected - happened).sum() / total),
        noise_floor=float(np.quantile(np.abs(chance - expected).sum(axis=1) / total, LEVEL)),
        low=float(low),
        high=float(high),
    )


def _draw_outcomes(rng: np.random.Generator, p: Float64, weights: Float64 | None, starts: NDArray[np.int64]) -> Float64:
    """Number (or weight) of outcomes in each bin, drawn from the predictions themselves."""
    drawn = rng.random(len(p), dtype=np.float32) < p
    return np.add.reduceat(drawn if weights is None else drawn * weights, starts, dtype=np.float64)


def _resample_bins(
    rng: np.random.Generator, values: Float64, starts: NDArray[np.int64], rows: NDArray[np.int64]
) -> Float64:
    """Sums (k, bins) of k columns of values (k, n) after drawing each bin's rows with replacement from that bin."""
    n = values.shape[1]
    within = (rng.random(n) * np.repeat(rows, rows)).astype(np.int64)
    return np.add.reduceat(values[:, np.repeat(starts, rows) + within], starts, axis=1)
