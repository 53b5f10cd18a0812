"""Rates, mean predictions and risk levels against the reference: a test of proportions with tutors as blocks."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm

from modelling.blocks import TWO_SIDED_95, mean_by_blocks
from modelling.drift import Finding, Window, days_in_words
from modelling.drift_effect import FEWEST_OF_A_PERIOD, PERIOD_DAYS, blocks_of, tutors_of
from modelling.risk import RISK_LEVELS, RiskThresholds, risk_codes

Float64 = NDArray[np.float64]

MINIMUM_CHANGE: Final = 0.2  # of the reference's mean
MINIMUM_POINTS: Final = 0.005
MINIMUM_SHARE_SHIFT: Final = 0.25
COMMON_LEVEL: Final = 0.99  # a level that nearly all reference rows have may be that of all others
UNTOLD_ALLOWANCE: Final = 0.05


def usual_swing(values: Float64, rows: pd.DataFrame) -> float:
    """How far the mean of any four weeks of the reference lies from that of all its values (n,), beyond two errors.

    rows: the reference's, with `tutor` and `day`. Periods of fewer than 500 rows tell nothing.
    """
    mean, blocks = float(values.mean()), blocks_of(rows)
    _, period = np.unique(rows["day"].to_numpy() // PERIOD_DAYS, return_inverse=True)
    swings = [0.0]
    for number in np.flatnonzero(np.bincount(period) >= FEWEST_OF_A_PERIOD):
        inside = period == number
        found = mean_by_blocks(values[inside], blocks[inside])
        swings.append(abs(found.value - mean) - 2 * found.error)
    return max(swings)


def judge_rate(window: Window, name: str, *, alpha: float) -> Finding:
    """What happened (`label`) of the sessions that are over, against the reference; named `name` in the sentence.

    Sessions whose outcome nobody has told count as if nothing had happened, in the reference too. Where more of them
    than there (by 5 in 100) wait for it, the rate would look low: no verdict.
    """
    waiting = untold_share(window)
    if waiting is not None:
        return no_verdict("rate", window, waiting)
    current, reference = (side["label"].to_numpy(dtype=np.float64) for side in (window.current, window.reference))
    return _compare_means("rate", f"the rate of {name}", window, current, reference, alpha=alpha, events=True)


def judge_mean_prediction(window: Window, *, alpha: float) -> Finding:
    """The mean of the predictions against that on the reference rows."""
    current, reference = (side["prediction"].to_numpy() for side in (window.current, window.reference))
    what = "the mean prediction"
    return _compare_means("mean_prediction", what, window, current, reference, alpha=alpha, events=False)


def judge_score_shift(window: Window, thresholds: RiskThresholds, *, alpha: float) -> Finding:
    """Whether the risk levels have other shares: ½ Σ |share − reference share|, from 0.25 and 1½ Σ of the errors on.

    The expected distance by chance is 0.4 Σ of the shares' standard errors, and 1½ Σ lies far above it. An alarm as
    well: all rows of one level where the reference had several, and chance alone makes that less often than `alpha`.
    """
    current, reference = (
        risk_codes(side["prediction"].to_numpy(), thresholds) for side in (window.current, window.reference)
    )
    shares, usual = (np.bincount(codes, minlength=len(RISK_LEVELS)) / len(codes) for codes in (current, reference))
    scale = float(np.sqrt(len(reference) / len(current)))
    blocks = blocks_of(window.reference)
    errors = [mean_by_blocks((reference == level).astype(float), blocks).error * scale for level in range(len(usual))]
    distance = float(np.abs(shares - usual).sum() / 2)
    limit = max(MINIMUM_SHARE_SHIFT, 1.5 * sum(errors))
    level = int(shares.argmax())
    binomial = max(usual[level] * (1 - usual[level]) / len(current), 1e-12)
    likeness = max(errors[level] ** 2 / binomial, 1.0)  # rows of a tutor count as so many fewer
    by_chance = usual[level] ** (len(current) / likeness)
    alone = shares[level] == 1.0 and usual[level] <= COMMON_LEVEL and by_chance < alpha
    told = ", ".join(
        f"{share:.0%} {name} ({before:.0%})" for name, share, before in zip(RISK_LEVELS, shares, usual, strict=True)
    )
    if alone:
        limit = min(limit, distance)
        reason = f"all predictions of {days_in_words(window.days)} are of {RISK_LEVELS[level]} risk: {told}"
    else:
        reason = f"risk levels of {days_in_words(window.days)}, in brackets those of the reference: {told}"
    return Finding(
        "score_shift", "drift" if alone or distance >= limit else "stable", reason, window.days,
        "distance of the shares of risk levels", distance, limit,
        n_current=len(current), n_reference=len(reference),
    )  # fmt: skip


def untold_share(window: Window) -> str | None:
    """Why outcomes are not in yet; None where no more sessions than in the reference lack one."""
    waiting, usual = (1 - float(side["told"].mean()) for side in (window.current, window.reference))
    if waiting <= usual + UNTOLD_ALLOWANCE:
        return None
    return (
        f"the outcomes of {waiting:.0%} of the sessions of {days_in_words(window.days)} are not told yet "
        f"({usual:.0%} in the reference)"
    )


def no_verdict(subject: str, window: Window, reason: str) -> Finding:
    """A look that cannot be taken, with why."""
    return Finding(
        subject,
        "no verdict",
        reason,
        window.days,
        n_current=len(window.current),
        n_reference=len(window.reference),
    )


def _compare_means(
    subject: str, what: str, window: Window, current: Float64, reference: Float64, *, alpha: float, events: bool
) -> Finding:
    """Two-sided test of two means, and the least change that is worth a word; both must be exceeded.

    The current mean's error is the larger of its own and the one that rows of the reference would have: few events
    say little of their own spread. `events`: of 0 and 1, corrected for continuity by half an event.
    """
    own, usual = (
        mean_by_blocks(current, tutors_of(window.current)),
        mean_by_blocks(reference, blocks_of(window.reference)),
    )
    n, m = own.rows, usual.rows
    expected = usual.error * float(np.sqrt(m / n))
    if events:
        pooled = (current.sum() + reference.sum() + 0.5) / (n + m + 1)
        expected = max(expected, float(np.sqrt(pooled * (1 - pooled) / n)))
    spread = float(np.hypot(max(own.error, expected), usual.error))
    chance = float(norm.ppf(1 - alpha / 2)) * spread + (0.5 / n if events else 0.0)
    worth = max(MINIMUM_CHANGE * abs(usual.value), MINIMUM_POINTS)
    seasons = usual_swing(reference, window.reference)
    limit, difference = max(float(np.hypot(chance, seasons)), worth), own.value - usual.value
    half = TWO_SIDED_95 * max(own.error, expected)
    moved = abs(difference) >= limit
    return Finding(
        subject,
        "drift" if moved else "stable",
        f"{what} of {days_in_words(window.days)} is {own.value:.1%}, {usual.value:.1%} in the reference: "
        f"{'beyond' if moved else 'within'} {limit * 100:.1f} points of it ({n:,} rows)",
        window.days, f"{what} minus the reference's", difference, limit,
        max(0.0, own.value - half), min(1.0, own.value + half), n, m,
    )  # fmt: skip
