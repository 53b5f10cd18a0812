"""Are the labels to be trusted: what a champion that learned from others says against them.

A model fitted on labels that were turned round agrees with them, and so does every figure of its own. Only what was
learned before can contradict.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from modelling.weights import effective_rows

Float64 = NDArray[np.float64]
Int8 = NDArray[np.int8]

LARGEST_ODDS_RATIO: Final = 5.0  # of positives now and when the champion learned
LOWEST_AUC: Final = 0.45  # of the champion; a model that has merely gone stale ranks no worse than chance, 0.5
STANDARD_ERRORS: Final = 2.0


def doubt_base_rate(now: float, then: float) -> list[str]:
    """Why a share of positives in (0, 1) that was `then` and is `now` is not to be trusted; empty where it is."""
    ratio = (now / (1 - now)) / (then / (1 - then))
    factor = max(ratio, 1 / ratio)
    if factor <= LARGEST_ODDS_RATIO:
        return []
    return [
        f"{now:.1%} of the rows are positive, {then:.1%} were when the champion learned: the odds changed by a factor "
        f"of {factor:.1f} (allowed is {LARGEST_ODDS_RATIO:g}). Were labels turned round, or outcomes told in another "
        "way? If so much did change, promote this version by hand with tqs models promote."
    ]


def doubt_ranking(labels: Int8, champion: Float64, weights: Float64 | None = None) -> list[str]:
    """Why (n,) labels that a champion has not learned from, and probabilities by it, do not belong together.

    weights: how much each row counts, (n,); alike where not given.
    """
    positives, negatives = (effective_rows(labels == label, weights) for label in (1, 0))
    if not positives or not negatives:
        return []
    auc = float(roc_auc_score(labels, champion, sample_weight=weights))
    error = np.sqrt((positives + negatives + 1) / (12 * positives * negatives))
    if auc >= LOWEST_AUC or auc >= 0.5 - STANDARD_ERRORS * error:
        return []
    return [
        f"The champion ranks the newest rows the wrong way round (ROC AUC {auc:.3f}, {LOWEST_AUC:g} is the least): "
        "labels that were turned round look like this. Look at how outcomes are told; if they are right, promote this "
        "version by hand with tqs models promote."
    ]
