"""Two models' losses on the same rows, where rows come in blocks that resemble each other, such as a tutor's sessions.

Source: K.-Y. Liang and S. Zeger, Longitudinal data analysis using generalized linear models, Biometrika 73, 1986; with
the factor for few blocks of A. C. Cameron and D. Miller, A practitioner's guide to cluster-robust inference, 2015.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from modelling.gate import PairedDifference

Float64 = NDArray[np.float64]


def compare_blocks(own: Float64, other: Float64, block: NDArray[np.integer]) -> PairedDifference:
    """Paired difference of two models' losses (n,) whose rows are of the blocks with these codes (n,).

    Rows of different blocks are taken as independent, rows of one block are not. With each row a block of its own it is
    `modelling.gate.compare_losses`. Of fewer than two blocks nothing is said (0 ± 0).
    """
    _, member = np.unique(block, return_inverse=True)
    blocks = int(member.max(initial=-1)) + 1
    if blocks < 2:
        return PairedDifference(0.0, 0.0)
    difference = own - other
    mean = float(difference.mean())
    sums = np.bincount(member, weights=difference - mean)
    variance = blocks / (blocks - 1) * np.square(sums).sum() / len(difference) ** 2
    return PairedDifference(mean, float(np.sqrt(variance)))
