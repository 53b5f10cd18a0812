"""The drift watch on simulated months, whose truth is known: how often it sees a shift, and how often where is none.

A company is a population of tutors with sessions on all days; a tutor's features stay the same in all its sessions of
a week. Of its 24 features some are skewed, some counted, some rare; its outcomes are drawn from its predictions, which
differ from tutor to tutor. Each look of `modelling.drift_judge` is taken as on any day; only what chance gives is drawn
once a company, weekday and window instead of every day, and the effects are computed without Evidently's pages, which
hold the same numbers (`tests/modelling/test_drift_report.py`).
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd

from benchmarks.http_api import row
from features.sample import uniform_of
from modelling.drift import Finding, Window
from modelling.drift_effect import normed_wasserstein
from modelling.drift_judge import Watched, draw_chance, judge_columns, judge_outcomes, judge_rows
from modelling.evaluation import log_losses
from modelling.risk import RiskThresholds
from modelling.watch import MOST_ROWS
from records.columns import Float64

FEW, MANY = 200, 200_000  # sessions a day
SESSIONS_A_TUTOR: Final = 4  # in a week
COMPANIES, FULL_COMPANIES = 3, 40
LARGE_COMPANIES, FULL_LARGE_COMPANIES = 1, 4
EVERY: Final = 7  # of the days of a large company, unless in full
MONTH: Final = 28
REFERENCE_DAYS: Final = 105
START: Final = 20_468  # a Thursday, in days since 1970
OF_TUTOR: Final = 9
FEATURES: Final = tuple(f"feature_{number}" for number in range(24))
BASE_RATE, RAISED_RATE = 0.12, 0.18
SHIFT: Final = 0.5  # standard deviations
DAYS_TO_SHIFT, DAYS_TO_RATE = 2, 7
FALSE_ALARMS, SEEN = 0.05, 0.9
THRESHOLDS: Final = RiskThresholds(0.15, 0.35)
Row = dict[str, Any]


def run(full: bool = False) -> list[Row]:
    """Rows of results; `full` watches more companies."""
    companies = [Company(seed, FEW) for seed in range(FULL_COMPANIES if full else COMPANIES)]
    large = [Company(seed, MANY) for seed in range(FULL_LARGE_COMPANIES if full else LARGE_COMPANIES)]
    seen, runs = np.sum([count_shifts(company) for company in companies], axis=0)
    higher, tries = np.sum([count_raised_rates(company) for company in companies], axis=0)
    name = f"drift, {FEW} sessions a day"
    return [
        at_least(f"{name}: a shift of {SHIFT} sd seen within {DAYS_TO_SHIFT} days, {runs} runs", float(seen / runs)),
        at_least(f"{name}: rate of 12 → 18 % seen within {DAYS_TO_RATE} days, {tries} runs", float(higher / tries)),
        count_false_alarms(companies),
        count_false_alarms(large, 1 if full else EVERY),
    ]


def count_shifts(company: Company) -> tuple[int, int]:
    """Runs in which a shifted feature was reported within two days, and runs: one a feature, from another day each."""
    seen = 0
    for number, column in enumerate(FEATURES):
        first = MONTH // 2 + number % 7
        shifted = company.shift(column, first)
        days = range(first, first + DAYS_TO_SHIFT)
        seen += any(column in drifted(company.judge_columns(shifted, day)) for day in days)
    return seen, len(FEATURES)


def count_raised_rates(company: Company) -> tuple[int, int]:
    """Runs in which a raised rate was reported within seven days of outcomes, and runs: from each day of a week."""
    seen = 0
    for first in range(MONTH // 2, MONTH // 2 + 7):
        raised = company.raise_rate(first)
        days = range(first, first + DAYS_TO_RATE)
        seen += any("rate" in drifted(company.judge_outcomes(raised, day)) for day in days)
    return seen, 7


def count_false_alarms(companies: Sequence[Company], every: int = 1) -> Row:
    """The share of every so-manieth day of a month on which any look reports anything, nothing having changed."""
    alarms = [bool(drifted(company.judge(day))) for company in companies for day in range(0, MONTH, every)]
    name = f"drift, {companies[0].sessions:,} sessions a day: stationary days with an alarm, {len(alarms)} days"
    return row(name, float(np.mean(alarms)), FALSE_ALARMS, "share", 1.0)


def drifted(findings: Sequence[Finding]) -> set[str]:
    return {finding.subject for finding in findings if finding.verdict == "drift"}


class Company:
    """A reference, and a month of days with a week before it on which nothing changes."""

    def __init__(self, seed: int, sessions: int) -> None:
        self.sessions = sessions
        self._rng = np.random.default_rng(seed)
        self._tutors = make_tutors(self._rng, 7 * sessions // SESSIONS_A_TUTOR)
        share = min(1.0, MOST_ROWS / (REFERENCE_DAYS * sessions))
        reference = self._make_days(START, REFERENCE_DAYS, share)
        start = START + REFERENCE_DAYS + 14
        current = self._make_days(start, MONTH + 6, min(1.0, MOST_ROWS / (7 * sessions)))
        tested = log_losses(reference["label"].to_numpy(), reference["prediction"].to_numpy())
        self._first = start + 6
        self._watched = Watched(
            "reschedule", current, reference, FEATURES, self._first, 7, THRESHOLDS,
            {"log_loss": float(tested.mean()), "rows": float(len(tested))},
        )  # fmt: skip
        self._usual = self._watched.usual_effects()
        self._chance: dict[tuple[int, ...], Float64] = {}

    def judge(self, day: int) -> list[Finding]:
        return judge_rows(self._on(self._watched.current, day), measure, self._draw_chance)

    def judge_columns(self, rows: pd.DataFrame, day: int) -> list[Finding]:
        return judge_columns(self._on(rows, day).windows(), self._usual, measure, self._draw_chance)

    def judge_outcomes(self, rows: pd.DataFrame, day: int) -> list[Finding]:
        watched = self._on(rows, day)
        return judge_outcomes(watched, watched.windows())

    def shift(self, column: str, day: int) -> pd.DataFrame:
        """The month with half a standard deviation added to a feature from a day on."""
        rows = self._watched.current
        moved = rows[column] + SHIFT * self._watched.reference[column].std() * (rows["day"] >= self._first + day)
        return rows.assign(**{column: moved})

    def raise_rate(self, day: int) -> pd.DataFrame:
        """The month with half as many events again from a day on, as no prediction knows."""
        rows = self._watched.current
        raised = np.minimum(rows["prediction"] * RAISED_RATE / BASE_RATE, 1.0)
        later = rows["day"] >= self._first + day
        return rows.assign(label=np.where(later, self._rng.random(len(rows)) < raised, rows["label"]).astype(np.int8))

    def _on(self, rows: pd.DataFrame, day: int) -> Watched:
        until = self._first + day
        window = rows[(rows["day"] <= until) & (rows["day"] > until - 7)]
        return replace(self._watched, current=window, day=until)

    def _draw_chance(self, window: Window, columns: Sequence[str], alpha: float) -> Float64:
        """What chance gives, once for each window and mix of weekdays: days have the same number of sessions."""
        key = (window.days, *sorted({int(day) % 7 for day in window.current["day"]}))
        if key not in self._chance:
            self._chance[key] = draw_chance(window, columns, alpha)
        return self._chance[key]

    def _make_days(self, first: int, days: int, share: float) -> pd.DataFrame:
        """Days from one on, which begins a week of tutors' features."""
        made = []
        for day in range(first, first + days):
            if (day - first) % 7 == 0:
                passing = self._rng.normal(size=self._tutors.lasting.shape)
            made.append(self._make_day(day, passing, share))
        return pd.concat(made, ignore_index=True)

    def _make_day(self, day: int, passing: Float64, share: float) -> pd.DataFrame:
        """The sessions of a day; of many about `share`, whole weeks of a tutor drawn by a hash, as the watch draws."""
        rng = self._rng
        tutor = rng.choice(len(self._tutors.activity), self.sessions, p=self._tutors.activity)
        if share < 1:
            keys = np.stack([tutor, np.full(len(tutor), day // 7)], axis=1)
            tutor = tutor[uniform_of(keys.view(np.uint8)) < share]
        n = len(tutor)
        X = np.empty((n, len(FEATURES)))
        X[:, :OF_TUTOR] = (self._tutors.lasting[tutor] + 0.7 * passing[tutor]) / np.hypot(1, 0.7)
        X[:, 4], X[:, 5], X[:, 6] = np.exp(X[:, 4]), X[:, 5] > 1.8, np.round(np.maximum(5 + 3 * X[:, 6], 0))
        X[:, 9], X[:, 10] = (day + 3) % 7, rng.integers(8, 20, n)
        X[:, 11], X[:, 12] = X[:, 10] // 5, X[:, 9] > 4
        X[:, 13] = rng.uniform(0, 14, n)
        X[:, 14], X[:, 15] = 24 * X[:, 13], rng.choice([30.0, 60.0, 90.0], n)
        X[:, 16], X[:, 17:20] = np.exp(1.2 * rng.normal(size=n)), rng.normal(size=(n, 3))
        X[:, 20], X[:, 21] = rng.poisson(1, n), rng.random(n) < 0.02
        X[:, 22], X[:, 23] = rng.poisson(10, n), rng.exponential(size=n)
        p = np.clip(self._tutors.rate[tutor] * np.exp(0.5 * X[:, 17] - 0.125), 0.005, 0.95)
        frame = pd.DataFrame(X, columns=list(FEATURES))
        label = (rng.random(n) < p).astype(np.int8)
        return frame.assign(tutor=tutor, day=day, label=label, told=True, prediction=p)


@dataclass(frozen=True, slots=True)
class Tutors:
    """activity: share of all sessions, (n,). lasting: what stays of its features, (n, 9). rate: of events, (n,)."""

    activity: Float64
    lasting: Float64
    rate: Float64


def make_tutors(rng: np.random.Generator, count: int) -> Tutors:
    activity = rng.gamma(2.0, size=count)
    rate = BASE_RATE * rng.gamma(3.0, 1 / 3, size=count)
    return Tutors(activity / activity.sum(), rng.normal(size=(count, OF_TUTOR)), rate)


def measure(window: Window, thresholds: Mapping[str, float]) -> dict[str, float]:
    return {
        name: normed_wasserstein(window.reference[name].to_numpy(), window.current[name].to_numpy())
        for name in thresholds
    }


def at_least(name: str, share: float) -> Row:
    """A share that is to be 0.9 at least."""
    ratio = share / SEEN
    return {
        "name": name, "ours": round(share, 3), "limit": SEEN, "unit": "share",
        "ratio": round(ratio, 3), "target": ">= 1", "ok": bool(ratio >= 1),
    }  # fmt: skip


if __name__ == "__main__":
    for result in run(full="--full" in sys.argv):
        print(result)
