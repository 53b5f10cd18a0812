"""How good probabilities are to be expected to be before any outcome is in, from the probabilities themselves.

Where they are calibrated, each outcome is a coin of known bias: the mean of a rate or a loss follows, and how far
chance carries it (confidence-based estimation; J. Bialek et al., Estimating model performance under covariate shift
without labels, 2024). What lies outside the interval once the outcomes are in says that the probabilities are not
calibrated there, or that outcomes depend on each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

LEVEL: Final = 0.9
FEWEST_ROWS: Final = 30  # with fewer the sums are not nearly normal

Float64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Expected:
    """What a mean over rows is expected to be, and the interval that holds it in LEVEL of all draws of outcomes.

    A rate or a loss is never below 0, nor is the interval.
    """

    value: float
    low: float
    high: float

    def holds(self, found: float) -> bool:
        """Whether what came lies within the interval."""
        return self.low <= found <= self.high


@dataclass(frozen=True, slots=True)
class ExpectedPerformance:
    """Share that will happen, mean log loss (nats) and mean Brier score of `rows` probabilities."""

    rows: int
    rate: Expected
    log_loss: Expected
    brier: Expected


def expect_performance(probabilities: Float64) -> ExpectedPerformance | None:
    """What (n,) calibrated probabilities within (0, 1) let expect; None for fewer than FEWEST_ROWS.

    Outcomes are taken to be independent, and the sums to be normal: each is one of terms with known mean and variance.
    """
    if len(probabilities) < FEWEST_ROWS:
        return None
    p, q = probabilities, 1 - probabilities
    return ExpectedPerformance(
        rows=len(p),
        rate=_expect(p, happened=np.ones_like(p), missed=np.zeros_like(p)),
        log_loss=_expect(p, happened=-np.log(p), missed=-np.log(q)),
        brier=_expect(p, happened=q**2, missed=p**2),
    )


def _expect(p: Float64, *, happened: Float64, missed: Float64) -> Expected:
    """Of the mean of terms that are `happened` with probability p, else `missed`, (n,) each."""
    mean = float((p * happened + (1 - p) * missed).mean())
    deviation = float(np.sqrt((p * (1 - p) * (happened - missed) ** 2).sum())) / len(p)
    margin = float(ndtri((1 + LEVEL) / 2)) * deviation
    return Expected(mean, max(mean - margin, 0.0), mean + margin)
