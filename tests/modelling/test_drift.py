"""The looks of a day together: what is reported, what is not, and what carries no verdict."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pytest

from modelling.drift import Finding, Window, sum_up, windows_up_to, worst_of
from modelling.drift_effect import normed_wasserstein
from modelling.drift_judge import Watched, judge_rows
from modelling.risk import RiskThresholds

from .drift_rows import THURSDAY, make_rows

REFERENCE = make_rows(THURSDAY - 120, 112, 200, seed=1)
TODAY = THURSDAY + 6
TESTED = {"log_loss": 0.36, "rows": 13_000.0}


def measure(window: Window, thresholds: Mapping[str, float]) -> dict[str, float]:
    return {name: normed_wasserstein(*(side[name].to_numpy() for side in sides(window))) for name in thresholds}


def sides(window: Window) -> tuple[pd.DataFrame, pd.DataFrame]:
    return window.reference, window.current


def judge(current: pd.DataFrame, reference: pd.DataFrame = REFERENCE, days: int = 7) -> dict[str, Finding]:
    watched = Watched(
        "reschedule", current, reference, ("alpha", "beta"), TODAY, days, RiskThresholds(0.15, 0.35), TESTED
    )
    return {finding.subject: finding for finding in judge_rows(watched, measure)}


@pytest.fixture
def rows() -> pd.DataFrame:
    return make_rows(THURSDAY, 7, 200, seed=2)


def test_a_stationary_week_is_stable_in_every_look(rows):
    found = judge(rows)
    assert {finding.verdict for finding in found.values()} == {"stable"}
    assert list(found) == [
        "alpha", "beta", "prediction", "mean_prediction", "score_shift", "rate", "performance", "calibration",
    ]  # fmt: skip
    overall = sum_up(list(found.values()))
    assert (overall.verdict, overall.reason) == ("stable", "none of 8 looks found a shift")
    assert (overall.n_current, overall.n_reference) == (1400, 22_400)


def test_a_shift_of_the_last_day_is_reported_with_its_feature_and_window(rows):
    rows.loc[rows["day"] == TODAY, "beta"] += 10  # half a standard deviation
    found = judge(rows)
    assert {name for name, finding in found.items() if finding.verdict == "drift"} == {"beta"}
    assert found["beta"].window_days == 1
    assert found["beta"].statistic == pytest.approx(0.5, abs=0.15)
    assert found["beta"].n_current == 200
    overall = sum_up(list(found.values()))
    assert overall.verdict == "drift"
    assert overall.reason.startswith("beta over 1 day lies 0.")


def test_a_rate_that_went_from_12_to_18_is_reported(rows):
    events = np.random.default_rng(3).random(len(rows)) < 1.5 * rows["prediction"]
    found = judge(rows.assign(label=events.astype(np.int8)))
    assert found["rate"].verdict == "drift"
    assert found["rate"].window_days == 7
    assert {found["alpha"].verdict, found["prediction"].verdict} == {"stable"}


def test_a_column_without_values_is_reported_and_fatal_to_none(rows):
    found = judge(rows.assign(alpha=np.nan))
    assert found["alpha"].verdict == "no verdict"
    assert found["alpha"].reason == "empty column: alpha has no value in the watched rows of 7 days"
    assert found["beta"].verdict == "stable"
    overall = sum_up(list(found.values()))
    assert overall.reason == "none of 7 looks found a shift; no verdict on alpha"


def test_a_column_with_gaps_is_reported_and_fatal_to_none(rows):
    rows.loc[rows.index[-1], "alpha"] = np.nan
    found = judge(rows)
    assert found["alpha"].verdict == "no verdict"
    assert found["alpha"].reason == "alpha has no value in 1 of 1,400 watched rows: a feature has one in each"


def test_a_constant_feature(rows):
    found = judge(rows.assign(alpha=0.0))
    assert found["alpha"].verdict == "drift"  # it varied
    always = REFERENCE.assign(alpha=3.0)
    found = judge(rows.assign(alpha=np.where(np.arange(len(rows)) % 50 == 0, 4.0, 3.0)), always)
    assert found["alpha"].verdict == "no verdict"
    assert found["alpha"].reason == "constant: alpha is 3 in all reference rows of the same weekdays"
    found = judge(rows.assign(alpha=np.where(np.arange(len(rows)) % 10 == 0, 4.0, 3.0)), always)
    assert (found["alpha"].verdict, found["alpha"].statistic) == ("drift", 0.1)
    assert found["alpha"].reason.endswith("of the same weekdays, and is not in 10% of the rows of 7 days")


def test_a_season_that_the_reference_had_is_no_drift_and_one_that_it_never_had_is(rows):
    """A feature that lies 0.4 higher in some four weeks and 0.4 lower in the others."""
    season = np.where(REFERENCE["day"] // 28 % 2 == 0, 0.4, -0.4)
    cyclic = REFERENCE.assign(alpha=REFERENCE["alpha"] + season)
    for moved, verdict in ((0.3, "stable"), (-0.3, "stable"), (0.8, "drift")):
        assert judge(rows.assign(alpha=rows["alpha"] + moved), cyclic)["alpha"].verdict == verdict
    assert judge(rows.assign(alpha=rows["alpha"] + 0.3))["alpha"].verdict == "drift"  # without a season


def test_few_rows_few_tutors_and_no_rows_carry_no_verdict(rows):
    few = rows.iloc[::15]
    said = f"94 rows of {few['tutor'].nunique()} tutors in 7 days, a verdict needs at least 100 rows of 10 tutors"
    assert judge(few)["beta"].reason == said
    for current, reference in ((rows.assign(tutor=1), REFERENCE), (rows, REFERENCE.iloc[:400]), (rows[:0], REFERENCE)):
        found = judge(current, reference)
        assert {finding.verdict for finding in found.values()} == {"no verdict"}
        assert sum_up(list(found.values())).verdict == "no verdict"


def test_the_windows_of_a_look_back():
    assert [windows_up_to(days) for days in (1, 2, 3, 7, 30)] == [(1,), (1, 2), (1, 2, 3), (1, 2, 7), (1, 2, 7, 30)]


def test_of_several_windows_drift_is_told_first_then_the_nearest_to_it():
    quiet, near = (Finding("x", "stable", "", days, "d", size, 0.2) for days, size in ((1, 0.1), (2, 0.19)))
    drift = Finding("x", "drift", "", 7, "d", 0.21, 0.2)
    silent = Finding("x", "no verdict", "", 7)
    assert worst_of([quiet, near, silent]) is near
    assert worst_of([near, drift, quiet]) is drift
    assert worst_of([silent]) is silent
