"""All looks of one day: the watched rows against the reference, in windows of 1, 2 and 7 days."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from modelling.drift import ALPHA, COLUMNS_ALPHA, Finding, Window, days_in_words, windows_up_to, worst_of
from modelling.drift_effect import MINIMUM_EFFECT, blocks_of, chance_effects, match_weekdays, usual_effects
from modelling.drift_quality import judge_calibration, judge_performance
from modelling.drift_rates import judge_mean_prediction, judge_rate, judge_score_shift, no_verdict
from modelling.risk import RiskThresholds

Float64 = NDArray[np.float64]
Measure = Callable[[Window, Mapping[str, float]], Mapping[str, float]]
Chance = Callable[[Window, Sequence[str], float], Float64]

STATISTIC: Final = "Wasserstein distance in standard deviations"
OTHER_VALUES: Final = 0.05  # of rows; 500 reference rows without one make 1 in 200 unlikely
SEASON_MARGIN: Final = 1.25  # a season may go a quarter further than it was seen to go
SEED: Final = 7
OTHER_LOOKS: Final = ("mean_prediction", "score_shift", "rate", "performance", "calibration")


@dataclass(frozen=True, slots=True)
class Watched:
    """What is compared: rows as `features.watched.watched_table` gives them, each with the champion's `prediction`.

    columns: the names of the features. day: the watched day, since 1970-01-01. days: how many up to it are looked at.
    tested: the metrics of the champion's test part.
    """

    target: str
    current: pd.DataFrame
    reference: pd.DataFrame
    columns: tuple[str, ...]
    day: int
    days: int
    thresholds: RiskThresholds
    tested: Mapping[str, float]

    def windows(self) -> list[Window]:
        """The windows up to the watched day, each with its reference of the same weekdays."""
        spans = windows_up_to(self.days)
        return [Window(span, *self._matched(self.current[self.current["day"] > self.day - span])) for span in spans]

    def usual_effects(self) -> dict[str, float]:
        """What seasons make of each feature and of `prediction` in the reference; 0 for one without values."""
        columns = [*self.columns, "prediction"]
        X = self.reference[columns].to_numpy(dtype=np.float64)
        effects = usual_effects(np.nan_to_num(X), self.reference["day"].to_numpy())
        return dict(zip(columns, effects.tolist(), strict=True))

    def _matched(self, rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        reference, current = match_weekdays(self.reference, rows)
        return current, reference


def draw_chance(window: Window, columns: Sequence[str], alpha: float) -> Float64:
    """`chance_effects` of the columns of a window's reference."""
    X = window.reference[list(columns)].to_numpy(dtype=np.float64)
    return chance_effects(X, blocks_of(window.reference), len(window.current), alpha=alpha, seed=SEED)


def judge_rows(watched: Watched, measure: Measure, chance: Chance = draw_chance) -> list[Finding]:
    """A finding on each feature, then on predictions, risk levels, the rate, performance and calibration.

    Parameters
    ----------
    measure: the effect of each column of a window, given the threshold of each: `drift_report.measure_effects`.
    chance: what chance gives those columns; drawn from the reference.
    """
    windows = watched.windows()
    columns = judge_columns(windows, watched.usual_effects(), measure, chance)
    return [*columns, *judge_outcomes(watched, windows)]


def judge_columns(
    windows: Sequence[Window], usual: Mapping[str, float], measure: Measure, chance: Chance = draw_chance
) -> list[Finding]:
    """One finding a column, that of the window where it lies furthest out.

    usual: of each column the effect that seasons make (`usual_effects`). A quarter more of it is allowed, its square
    added to that of what chance gives, since the two come together independently.
    """
    columns = tuple(usual)
    found: dict[str, list[Finding]] = {column: [] for column in columns}
    for window in windows:
        aside = {column: _judge_aside(window, column) for column in columns}
        fit = [column for column in columns if aside[column] is None]
        limits = chance(window, fit, COLUMNS_ALPHA / len(windows)) if fit else np.empty(0)
        thresholds = {
            column: max(MINIMUM_EFFECT, float(np.hypot(limit, SEASON_MARGIN * usual[column])))
            for column, limit in zip(fit, limits, strict=True)
        }
        effects = measure(window, thresholds) if fit else {}
        for column, finding in aside.items():
            found[column].append(finding or _judge_effect(window, column, effects[column], thresholds[column]))
    return [worst_of(findings) for findings in found.values()]


def judge_outcomes(watched: Watched, windows: Sequence[Window]) -> list[Finding]:
    """What is no column: predictions in the mean and by level, the rate, performance and calibration."""
    share = ALPHA / len(windows)
    looks: dict[str, list[Finding]] = {name: [] for name in OTHER_LOOKS}
    for window in windows:
        short = window.shortage
        if short is not None:
            for name, findings in looks.items():
                findings.append(no_verdict(name, window, short))
            continue
        looks["mean_prediction"].append(judge_mean_prediction(window, alpha=share))
        looks["score_shift"].append(judge_score_shift(window, watched.thresholds, alpha=share))
        looks["rate"].append(judge_rate(window, RATES[watched.target], alpha=share))
        if window is windows[-1]:
            looks["performance"].append(judge_performance(window, watched.tested, alpha=ALPHA))
            looks["calibration"].append(judge_calibration(window, alpha=ALPHA))
    return [worst_of(findings) for findings in looks.values()]


def _judge_aside(window: Window, column: str) -> Finding | None:
    """The finding on a column that has no effect to measure in this window; None where it has one."""
    if window.shortage is not None:
        return no_verdict(column, window, window.shortage)
    for name, rows in (("watched", window.current), ("reference", window.reference)):
        missing = int(rows[column].isna().sum())
        if missing == len(rows):
            reason = f"empty column: {column} has no value in the {name} rows of {days_in_words(window.days)}"
            return no_verdict(column, window, reason)
        if missing:
            reason = f"{column} has no value in {missing:,} of {len(rows):,} {name} rows: a feature has one in each"
            return no_verdict(column, window, reason)
    usual = window.reference[column]
    return _judge_constant(window, column, usual.min()) if usual.min() == usual.max() else None


def _judge_constant(window: Window, column: str, value: float) -> Finding:
    """A column of one value in the reference has no spread to measure by: drift where 5 % of the rows have another."""
    others = float((window.current[column] != value).mean())
    reason = f"constant: {column} is {value:g} in all reference rows of the same weekdays"
    if others < OTHER_VALUES:
        return no_verdict(column, window, reason)
    return Finding(
        column, "drift", f"{reason}, and is not in {others:.0%} of the rows of {days_in_words(window.days)}",
        window.days, "share of rows with another value than the reference's", others, OTHER_VALUES,
        n_current=len(window.current), n_reference=len(window.reference),
    )  # fmt: skip


def _judge_effect(window: Window, column: str, effect: float, threshold: float) -> Finding:
    moved = effect >= threshold
    return Finding(
        column,
        "drift" if moved else "stable",
        f"{column} over {days_in_words(window.days)} lies {effect:.2f} standard deviations from the reference: "
        f"{'beyond' if moved else 'within'} {threshold:.2f} ({len(window.current):,} rows)",
        window.days, STATISTIC, effect, threshold,
        n_current=len(window.current), n_reference=len(window.reference),
    )  # fmt: skip


RATES: Final = {"match": "pairs that part", "reschedule": "reschedules", "no_show": "no-shows"}
