"""Expected calibration error, what chance alone gives it, and how sure we are of it.

Source: C. Guo, G. Pleiss, Y. Sun, K. Weinberger, On calibration of modern neural networks, 2017; bins of equal mass as
in M. Nguyen and B. O'Connor, Posterior calibration and exploratory analysis, 2015.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Float64 = NDArray[np.float64]
Int8 = NDArray[np.int8]

BINS: Final = 15
DRAWS: Final = 400
LEVEL: Final = 0.95


@dataclass(frozen=True, slots=True)
class Reliability:
    """Bins of equal mass by predicted probability, and the calibration error over them.

    predicted, observed, rows: (bins,) mean prediction, share that happened, and number of rows of each bin.
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
    labels: Int8, probabilities: Float64, *, bins: int = BINS, draws: int = DRAWS, seed: int = 0
) -> Reliability:
    """Reliability of (n,) probabilities against (n,) labels 0 or 1; fewer bins where there are fewer rows."""
    order = np.argsort(probabilities, kind="stable")
    p, y = probabilities[order], labels[order].astype(np.float64)
    n = len(p)
    starts = np.unique(np.linspace(0, n, min(bins, n) + 1).astype(np.int64)[:-1])
    rows = np.diff(np.append(starts, n))
    expected, happened = np.add.reduceat(p, starts), np.add.reduceat(y, starts)
    rng = np.random.default_rng(seed)
    chance = np.array([_draw_outcomes(rng, p, starts) for _ in range(draws)])
    resampled = np.array([_resample_bins(rng, np.stack([y, p]), starts, rows) for _ in range(draws)])
    tail = (1 - LEVEL) / 2
    share_low, share_high = np.quantile(resampled[:, 0], [tail, 1 - tail], axis=0)
    gaps = np.abs(resampled[:, 1] - resampled[:, 0]).sum(axis=1) / n
    low, high = np.quantile(gaps, [tail, 1 - tail])
    return Reliability(
        predicted=expected / rows,
        observed=happened / rows,
        rows=rows,
        observed_low=share_low / rows,
        observed_high=share_high / rows,
        ece=float(np.abs(expected - happened).sum() / n),
        noise_floor=float(np.quantile(np.abs(chance - expected).sum(axis=1) / n, LEVEL)),
        low=float(low),
        high=float(high),
    )


def _draw_outcomes(rng: np.random.Generator, p: Float64, starts: NDArray[np.int64]) -> Float64:
    """Number of outcomes in each bin, drawn from the predictions themselves."""
    drawn = rng.random(len(p), dtype=np.float32) < p
    return np.add.reduceat(drawn, starts, dtype=np.float64)


def _resample_bins(
    rng: np.random.Generator, values: Float64, starts: NDArray[np.int64], rows: NDArray[np.int64]
) -> Float64:
    """Sums (k, bins) of k columns of values (k, n) after drawing each bin's rows with replacement from that bin."""
    n = values.shape[1]
    within = (rng.random(n) * np.repeat(rows, rows)).astype(np.int64)
    return np.add.reduceat(values[:, np.repeat(starts, rows) + within], starts, axis=1)
