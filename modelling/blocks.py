"""Means over rows that come in blocks whose rows resemble each other, such as a tutor's sessions.

Source: W. Cochran, Sampling techniques, 1977, ch. 6 and 9A; the same as K.-Y. Liang and S. Zeger, Longitudinal data
analysis using generalized linear models, Biometrika 73, 1986, with the factor for few blocks of A. C. Cameron and
D. Miller, A practitioner's guide to cluster-robust inference, 2015.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

TWO_SIDED_95: Final = float(norm.ppf(0.975))  # standard errors


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of n values, and its standard error with blocks drawn as a whole."""

    value: float
    error: float
    rows: int


def mean_by_blocks(values: NDArray[np.float64], blocks: NDArray[np.integer]) -> Mean:
    """Mean of (n,) values, n at least 1, and its standard error where rows of a block (n,) belong together.

    The error is that of a ratio of block totals: √(B / (B − 1) Σ (Σ (value − mean))²) / n over B blocks. One block has
    no error that could be known: infinite. Of the differences of two models' losses it is their paired comparison:
    with each row a block of its own that of `modelling.gate.compare_losses`.
    """
    n, mean = len(values), float(values.mean())
    _, member = np.unique(blocks, return_inverse=True)
    totals = np.bincount(member, values - mean)
    count = len(totals)
    error = np.sqrt(count / (count - 1) * float(np.square(totals).sum())) / n if count > 1 else np.inf
    return Mean(mean, float(error), n)
