"""Performance and calibration against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.metrics import log_loss

from modelling.drift import Window
from modelling.drift_quality import judge_calibration, judge_performance

from .drift_rows import THURSDAY, make_rows


@pytest.fixture
def window() -> Window:
    """Outcomes that come as predicted."""
    rows = make_rows(THURSDAY, 7, 200, seed=1)
    return Window(7, rows, make_rows(THURSDAY - 140, 140, 200, seed=2))


def test_log_loss_is_compared_with_that_of_the_test_part(window):
    own = log_loss(window.current["label"], window.current["prediction"])
    usual = {"log_loss": own - 0.001, "rows": 1e12}
    found = judge_performance(window, usual, alpha=0.01)
    assert found.verdict == "stable"
    assert found.statistic == pytest.approx(0.001)
    half = (found.high - found.low) / 2 / norm.ppf(0.975)
    assert found.threshold == pytest.approx(max(norm.ppf(0.99) * half, 0.1 * (own - 0.001)))
    few = judge_performance(window, {"log_loss": own - 0.001, "rows": 1400.0}, alpha=0.01)
    assert few.threshold == pytest.approx(norm.ppf(0.99) * half * np.sqrt(2))  # both sides as unsure


def test_a_model_that_got_worse_is_found_and_one_that_got_better_is_not(window):
    labels = window.current["label"]
    usual = {"log_loss": log_loss(labels, window.current["prediction"]), "rows": 20_000.0}
    wrong = window.current.assign(label=np.where(labels == 1, 0, np.arange(len(labels)) % 5 == 0).astype(np.int8))
    assert judge_performance(Window(7, wrong, window.reference), usual, alpha=0.001).verdict == "drift"
    right = window.current.assign(prediction=np.where(labels == 1, 0.9, 0.02))
    assert judge_performance(Window(7, right, window.reference), usual, alpha=0.001).verdict == "stable"


def test_without_test_figures_there_is_no_verdict_on_performance(window):
    found = judge_performance(window, {"log_loss": 0.4}, alpha=0.001)
    assert found.verdict == "no verdict"
    assert found.reason == "the champion's test figures hold no log loss to compare with"


def test_what_happened_against_what_was_predicted(window):
    found = judge_calibration(window, alpha=0.001)
    gap = window.current["label"].mean() - window.current["prediction"].mean()
    assert found.verdict == "stable"
    assert found.statistic == pytest.approx(gap)
    twice = window.current.assign(prediction=window.current["prediction"] * 2)
    found = judge_calibration(Window(7, twice, window.reference), alpha=0.001)
    assert (found.verdict, found.statistic_name) == ("drift", "what happened minus what was predicted")
    assert found.reason.startswith(f"{window.current['label'].mean():.1%} happened of {twice['prediction'].mean():.1%}")


def test_probabilities_that_are_right_on_average_only_are_found_in_bins(window):
    p = window.current["prediction"].to_numpy()
    mirrored = window.current.assign(prediction=np.clip(2 * p.mean() - p, 0.001, 1))
    spread = mirrored.assign(label=(np.random.default_rng(0).random(len(p)) < 2.5 * np.maximum(p - 0.1, 0)))
    shifted = spread["label"].mean() - spread["prediction"].mean()
    spread = spread.assign(prediction=np.clip(spread["prediction"] + shifted, 0.001, 1))
    found = judge_calibration(Window(7, spread, window.reference), alpha=0.001)
    assert (found.verdict, found.statistic_name) == ("drift", "calibration error")


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_is_judged_without_an_error(window, label):
    rows = window.current.assign(label=np.int8(label))
    one = Window(7, rows, window.reference)
    assert judge_calibration(one, alpha=0.001).verdict == "drift"
    assert judge_performance(one, {"log_loss": 0.36, "rows": 2000.0}, alpha=0.001).verdict == (
        "drift" if label else "stable"
    )
