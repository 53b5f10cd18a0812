"""Has what a model sees, says or gets right moved away from what it learned from? Findings, and the one verdict.

All looks of a day are counted together: each kind of look has its share of five false alarms in a hundred days, divided
among the windows that it looks at (C. Bonferroni), and inside a kind the columns are judged by their largest effect.
Beside chance each look has an effect below which nothing is worth a word, however many rows there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import pandas as pd

Verdict = Literal["drift", "stable", "no verdict"]

OVERALL: Final = "overall"
FEWEST_ROWS: Final = 100
FEWEST_REFERENCE_ROWS: Final = 500
FEWEST_TUTORS: Final = 10
WINDOW_DAYS: Final = (1, 2, 7)
COLUMNS_ALPHA: Final = 0.015  # of the features and the predictions' distribution together
ALPHA: Final = 0.004  # of each other look: rate, mean prediction, risk levels, performance, calibration


@dataclass(frozen=True, slots=True)
class Finding:
    """What one look found.

    subject: a feature, `prediction`, `mean_prediction`, `score_shift`, `rate`, `performance`, `calibration`, `overall`.
    window_days: of how many days up to the watched one the rows are; None where nothing was looked at.
    statistic, threshold: the figure called `statistic_name`, and from where on it is drift; None without a verdict.
    low, high: its 95 % interval, where there is one.
    n_current, n_reference: rows compared.
    """

    subject: str
    verdict: Verdict
    reason: str
    window_days: int | None = None
    statistic_name: str | None = None
    statistic: float | None = None
    threshold: float | None = None
    low: float | None = None
    high: float | None = None
    n_current: int = 0
    n_reference: int = 0

    @property
    def excess(self) -> float:
        """The statistic as a multiple of its threshold; −1 without a verdict."""
        if self.statistic is None or self.threshold is None:
            return -1.0
        return abs(self.statistic) / self.threshold


@dataclass(frozen=True, slots=True)
class Window:
    """The rows of the last `days` days beside reference rows of the same weekdays; frames as in `features.watched`."""

    days: int
    current: pd.DataFrame
    reference: pd.DataFrame

    @property
    def shortage(self) -> str | None:
        """Why the window carries no verdict; None where it does."""
        tutors = self.current["tutor"].nunique()
        if len(self.current) < FEWEST_ROWS or tutors < FEWEST_TUTORS:
            return (
                f"{len(self.current)} rows of {tutors} tutors in {days_in_words(self.days)}, "
                f"a verdict needs at least {FEWEST_ROWS} rows of {FEWEST_TUTORS} tutors"
            )
        if len(self.reference) < FEWEST_REFERENCE_ROWS or self.reference["tutor"].nunique() < FEWEST_TUTORS:
            return (
                f"{len(self.reference)} rows of the same weekdays in the reference, "
                f"a verdict needs at least {FEWEST_REFERENCE_ROWS} rows of {FEWEST_TUTORS} tutors"
            )
        return None


def windows_up_to(days: int) -> tuple[int, ...]:
    """The windows, in days, that a look back over `days` days consists of: 1, 2 and 7 as far as they fit, and all."""
    return (*(window for window in WINDOW_DAYS if window < days), days)


def worst_of(findings: Sequence[Finding]) -> Finding:
    """Of one subject's findings in several windows the one to tell: the largest in multiples of its threshold."""
    return max(findings, key=lambda finding: (finding.verdict == "drift", finding.excess, finding.window_days or 0))


def sum_up(findings: Sequence[Finding]) -> Finding:
    """The overall verdict: drift where any look found it, stable where some had a verdict and none found it."""
    found = [finding for finding in findings if finding.verdict == "drift"]
    silent = [finding for finding in findings if finding.verdict == "no verdict"]
    rows = max((finding.n_current for finding in findings), default=0)
    references = max((finding.n_reference for finding in findings), default=0)
    if found:
        worst = sorted(found, key=lambda finding: -finding.excess)
        others = f", and {len(found) - 1} more: {', '.join(one.subject for one in worst[1:])}" if found[1:] else ""
        verdict: Verdict = "drift"
        reason = f"{worst[0].reason}{others}"
    elif len(silent) < len(findings):
        verdict = "stable"
        without = f"; no verdict on {', '.join(one.subject for one in silent)}" if silent else ""
        reason = f"none of {len(findings) - len(silent)} looks found a shift{without}"
    else:
        verdict, reason = "no verdict", findings[0].reason if findings else "nothing was looked at"
    return Finding(OVERALL, verdict, reason, n_current=rows, n_reference=references)


def days_in_words(days: int) -> str:
    """ "1 day", "7 days"."""
    return f"{days} day" if days == 1 else f"{days} days"
