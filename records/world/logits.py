"""Log-odds and the intercept that gives them a wanted mean probability."""

from __future__ import annotations

import numpy as np

from records.columns import Float64

PROBABILITY_LIMITS = (0.002, 0.85)


def to_probability(log_odds: Float64) -> Float64:
    """Probabilities of log-odds, never surer than the world is: clipped to PROBABILITY_LIMITS."""
    return np.clip(1 / (1 + np.exp(-log_odds)), *PROBABILITY_LIMITS)


def solve_intercept(log_odds: Float64, share: float) -> float:
    """The number that, added to `log_odds`, makes their mean probability `share` (bisection; 0 for no rows)."""
    low, high = -30.0, 30.0
    for _ in range(40 if len(log_odds) else 0):
        middle = (low + high) / 2
        if to_probability(log_odds + middle).mean() < share:
            low = middle
        else:
            high = middle
    return (low + high) / 2
