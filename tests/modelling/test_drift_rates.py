"""Rates and means against hand calculation, and what raises an alarm."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from modelling.drift_rates import judge_mean_prediction, judge_rate, judge_score_shift, usual_swing
from modelling.risk import RiskThresholds

from .drift_rows import THURSDAY, make_window, ones

LEVELS = RiskThresholds(0.15, 0.35)


def test_the_threshold_is_that_of_two_proportions():
    window = make_window(ones(252, 1400), ones(2400, 20_000))
    found = judge_rate(window, "reschedules", alpha=0.01)
    own, usual = np.sqrt(0.18 * 0.82 / 1400), np.sqrt(0.12 * 0.88 / 20_000)
    expected = norm.ppf(0.995) * np.hypot(own, usual) + 0.5 / 1400
    assert found.verdict == "drift"
    assert found.statistic == pytest.approx(0.06)
    assert found.threshold == pytest.approx(expected, rel=1e-3)
    assert (found.low, found.high) == pytest.approx((0.18 - 1.96 * own, 0.18 + 1.96 * own), rel=1e-3)
    assert (found.n_current, found.n_reference) == (1400, 20_000)
    assert found.reason == (
        f"the rate of reschedules of 7 days is 18.0%, 12.0% in the reference: beyond {expected * 100:.1f} points of it "
        "(1,400 rows)"
    )


@pytest.mark.parametrize(
    ("happened", "rows", "verdict"),
    [
        (168, 1400, "stable"),  # as ever
        (24_000 + 4700, 200_000, "stable"),  # 14.35 %: beyond chance, and not worth a word
        (24_000 + 5000, 200_000, "drift"),  # 14.5 %
        (18, 100, "stable"),  # 18 % of 100 may be chance
        (0, 1400, "drift"),
    ],
)
def test_both_chance_and_the_least_change_must_be_exceeded(happened, rows, verdict):
    assert judge_rate(make_window(ones(happened, rows), ones(2400, 20_000)), "x", alpha=0.001).verdict == verdict


def test_no_event_in_the_reference_is_no_division_by_nothing():
    assert judge_rate(make_window(ones(1, 200), ones(0, 2000)), "x", alpha=0.001).verdict == "stable"
    assert judge_rate(make_window(ones(0, 200), ones(0, 2000)), "x", alpha=0.001).verdict == "stable"
    assert judge_rate(make_window(ones(40, 200), ones(0, 2000)), "x", alpha=0.001).verdict == "drift"


def test_one_busy_tutor_is_no_shift_of_the_rate():
    window = make_window(ones(168 + 84, 1400), ones(2400, 20_000))
    window.current.loc[:, "tutor"] = np.where(ones(84, 1400), 0, np.arange(1400))  # 84 of the 252 are one tutor's
    assert judge_rate(window, "x", alpha=0.001).verdict == "stable"


def test_outcomes_that_are_still_to_be_told_are_waited_for():
    window = make_window(ones(10, 200), ones(240, 2000))
    window.current.loc[:, "told"] = ~ones(16, 200)
    found = judge_rate(window, "x", alpha=0.001)
    assert found.verdict == "no verdict"
    assert found.reason == "the outcomes of 8% of the sessions of 7 days are not told yet (0% in the reference)"
    window.reference.loc[:, "told"] = ~ones(100, 2000)  # so it always was
    assert judge_rate(window, "x", alpha=0.001).verdict == "stable"


def test_the_mean_prediction_is_compared_likewise():
    rng = np.random.default_rng(0)
    window = make_window(ones(0, 1400), ones(0, 20_000))
    window.reference.loc[:, "prediction"] = rng.uniform(0, 0.24, 20_000)
    window.current.loc[:, "prediction"] = rng.uniform(0, 0.24, 1400)
    assert judge_mean_prediction(window, alpha=0.001).verdict == "stable"
    window.current.loc[:, "prediction"] = rng.uniform(0.03, 0.27, 1400)
    found = judge_mean_prediction(window, alpha=0.001)
    assert found.verdict == "drift"
    assert found.statistic == pytest.approx(0.03, abs=0.006)


def predicted(window, current, reference):
    window.current.loc[:, "prediction"], window.reference.loc[:, "prediction"] = current, reference
    return window


def test_risk_levels_of_other_shares():
    usual = np.where(ones(1400, 2000), 0.05, np.where(ones(1800, 2000), 0.2, 0.5))  # 70, 20 and 10 %
    window = make_window(ones(0, 200), ones(0, 2000))
    same = np.where(ones(136, 200), 0.05, np.where(ones(180, 200), 0.2, 0.5))
    found = judge_score_shift(predicted(window, same, usual), LEVELS, alpha=0.001)
    assert (found.verdict, found.threshold) == ("stable", 0.25)
    assert found.statistic == pytest.approx(0.02)
    moved = np.where(ones(80, 200), 0.05, np.where(ones(160, 200), 0.2, 0.5))  # 40, 40 and 20 %
    found = judge_score_shift(predicted(window, moved, usual), LEVELS, alpha=0.001)
    assert found.verdict == "drift"
    assert found.statistic == pytest.approx(0.3)
    assert found.reason.endswith("40% low (70%), 40% medium (20%), 20% high (10%)")


def test_all_predictions_of_one_level_are_an_alarm_unless_they_always_were():
    window = make_window(ones(0, 200), ones(0, 2000))
    usual = np.where(ones(1800, 2000), 0.05, 0.2)  # 90 % low
    found = judge_score_shift(predicted(window, 0.05, usual), LEVELS, alpha=0.001)
    assert found.verdict == "drift"
    assert found.reason.startswith("all predictions of 7 days are of low risk")
    assert judge_score_shift(predicted(window, 0.05, 0.05), LEVELS, alpha=0.001).verdict == "stable"
    nearly = np.where(ones(1940, 2000), 0.05, 0.2)  # 97 % low: 0.97²⁰⁰ is 0.002, which chance may make
    assert judge_score_shift(predicted(window, 0.05, nearly), LEVELS, alpha=0.001).verdict == "stable"


def test_a_rate_that_the_reference_had_in_some_weeks_is_no_drift():
    rng = np.random.default_rng(5)
    days = THURSDAY - THURSDAY % 28 - 84 + np.repeat(np.arange(84), 400)
    window = make_window(rng.random(1400) < 0.165, rng.random(33_600) < 0.12)
    window.reference.loc[:, "day"] = days
    assert judge_rate(window, "x", alpha=0.001).verdict == "drift"
    summer = days // 28 == days[0] // 28 + 1
    window.reference.loc[:, "label"] = (rng.random(33_600) < np.where(summer, 0.18, 0.09)).astype(np.int8)
    swing = usual_swing(window.reference["label"].to_numpy(dtype=float), window.reference)
    assert swing == pytest.approx(0.06 - 2 * np.sqrt(0.18 * 0.82 / 11_200), abs=0.01)
    assert judge_rate(window, "x", alpha=0.001).verdict == "stable"
