"""Performance and calibration of the champion on sessions whose outcomes are in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
from scipy.stats import norm

from modelling.blocks import TWO_SIDED_95, mean_by_blocks
from modelling.drift import Finding, Window, days_in_words
from modelling.drift_effect import blocks_of, tutors_of
from modelling.drift_rates import MINIMUM_CHANGE, MINIMUM_POINTS, no_verdict, untold_share
from modelling.evaluation import log_losses
from modelling.gate import LARGEST_ECE
from modelling.reliability import measure_reliability

WORSE_LOG_LOSS: Final = 0.1  # of the log loss on the test part
NOISE_FLOORS: Final = 1.3  # one noise floor is exceeded by perfect probabilities once in twenty days


def judge_performance(window: Window, tested: Mapping[str, float], *, alpha: float) -> Finding:
    """The log loss against the one on the champion's test part (`log_loss` and `rows` of its metrics); one-sided.

    Drift where it is worse by a tenth, and by more than chance makes of both with probability `alpha`.
    """
    waiting = untold_share(window)
    if waiting is not None:
        return no_verdict("performance", window, waiting)
    if "log_loss" not in tested or "rows" not in tested:
        return no_verdict("performance", window, "the champion's test figures hold no log loss to compare with")
    labels, predictions = (window.current[name].to_numpy() for name in ("label", "prediction"))
    own = mean_by_blocks(log_losses(labels, predictions), tutors_of(window.current))
    usual = float(tested["log_loss"])
    spread = own.error * float(np.sqrt(1 + own.rows / max(tested["rows"], 1.0)))
    limit = max(float(norm.ppf(1 - alpha)) * spread, WORSE_LOG_LOSS * usual)
    difference = own.value - usual
    worse = difference >= limit
    return Finding(
        "performance",
        "drift" if worse else "stable",
        f"log loss of {days_in_words(window.days)} is {own.value:.4f}, {usual:.4f} on the champion's test part: "
        f"{'worse by more than' if worse else 'not worse by'} {limit:.4f}",
        window.days, "log loss minus that of the test part", difference, limit,
        own.value - TWO_SIDED_95 * own.error, own.value + TWO_SIDED_95 * own.error, own.rows, int(tested["rows"]),
    )  # fmt: skip


def judge_calibration(window: Window, *, alpha: float) -> Finding:
    """What happened against what was predicted, in the whole and in bins.

    In the whole: drift where both differ by a fifth of the prediction and by more than chance makes with probability
    `alpha`. In bins: the calibration error is compared with 0.35 of the rate, which is what the gate allows, and with
    1.3 of its noise floors; perfect probabilities pass those about once in a thousand days.
    """
    waiting = untold_share(window)
    if waiting is not None:
        return no_verdict("calibration", window, waiting)
    labels, predictions = (window.current[name].to_numpy() for name in ("label", "prediction"))
    n = len(labels)
    gap = mean_by_blocks(labels - predictions, tutors_of(window.current))
    likeness = _likeness(window)
    expected = float(np.sqrt(np.sum(predictions * (1 - predictions)) * likeness)) / n
    error = max(gap.error, expected)
    mean = float(predictions.mean())
    chance = float(norm.ppf(1 - alpha / 2)) * error + 0.5 / n
    limit = max(chance, MINIMUM_CHANGE * mean, MINIMUM_POINTS)
    reliability = measure_reliability(labels.astype(np.int8), predictions)
    bins_limit = max(
        LARGEST_ECE * float(labels.mean()), NOISE_FLOORS * reliability.noise_floor * float(np.sqrt(likeness))
    )
    told = (
        f"{labels.mean():.1%} happened of {mean:.1%} predicted over {days_in_words(window.days)} ({n:,} rows); "
        f"calibration error {reliability.ece:.4f}, allowed {bins_limit:.4f}"
    )
    if reliability.ece >= bins_limit and abs(gap.value) < limit:
        return Finding(
            "calibration", "drift", told, window.days, "calibration error", reliability.ece, bins_limit,
            reliability.low, reliability.high, n, len(window.reference),
        )  # fmt: skip
    return Finding(
        "calibration", "drift" if abs(gap.value) >= limit else "stable", told, window.days,
        "what happened minus what was predicted", gap.value, limit,
        gap.value - TWO_SIDED_95 * error, gap.value + TWO_SIDED_95 * error, n, len(window.reference),
    )  # fmt: skip


def _likeness(window: Window) -> float:
    """By how much rows of a tutor are more alike in what prediction leaves open than rows of any: 1 where they are not.

    Measured on the reference: the variance of the mean of label − prediction with tutors as blocks over that without.
    """
    left = (window.reference["label"] - window.reference["prediction"]).to_numpy()
    plain = float(left.std() / np.sqrt(len(left)))
    return max((mean_by_blocks(left, blocks_of(window.reference)).error / max(plain, 1e-12)) ** 2, 1.0)
