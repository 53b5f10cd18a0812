from __future__ import annotations

import math

import numpy as np
import pytest

from modelling.evaluation import evaluate, evaluate_groups, log_losses, rule_losses
from modelling.reliability import measure_reliability
from modelling.risk import RiskThresholds

LABELS = np.array([0, 0, 1, 1, 0, 1, 0, 0, 1, 0], dtype=np.int8)
P = np.array([0.1, 0.2, 0.8, 0.4, 0.5, 0.9, 0.05, 0.3, 0.2, 0.1])


def test_metrics_of_ten_rows_worked_out_by_hand():
    got = evaluate(LABELS, P, RiskThresholds(0.15, 0.35))
    losses = [-math.log(p if y else 1 - p) for y, p in zip(LABELS, P, strict=True)]
    assert got.log_loss == pytest.approx(sum(losses) / 10)
    assert got.brier == pytest.approx((0.01 + 0.04 + 0.04 + 0.36 + 0.25 + 0.01 + 0.0025 + 0.09 + 0.64 + 0.01) / 10)
    # pairs (positive, negative) ranked right: 0.8 and 0.9 beat 6 each, 0.4 beats 5, 0.2 beats 3 and ties with 1
    assert got.roc_auc == pytest.approx((6 + 6 + 5 + 3.5) / 24)
    assert (got.rows, got.base_rate, got.mean_prediction) == (10, 0.4, pytest.approx(0.355))
    # flagged at 0.35: rows 2, 3, 4, 5, of which 2, 3, 5 happened; row 8 is missed
    assert (got.precision, got.recall, got.accuracy) == (0.75, 0.75, 0.8)
    assert got.f1 == pytest.approx(0.75)
    assert (got.share_low, got.share_medium, got.share_high) == (0.3, 0.3, 0.4)


def test_nobody_flagged_is_precision_and_f1_of_nought():
    got = evaluate(LABELS, np.full(10, 0.2), RiskThresholds(0.15, 0.35))
    assert (got.precision, got.recall, got.f1, got.accuracy) == (0.0, 0.0, 0.0, 0.6)


def test_a_certain_mistake_costs_much_but_not_infinity():
    assert log_losses(np.array([1], np.int8), np.array([0.0]))[0] == pytest.approx(-math.log(1e-15))


def test_every_metric_is_a_finite_number():
    metrics = evaluate(LABELS, P, RiskThresholds(0.15, 0.35)).as_metrics()
    assert all(isinstance(value, float) and math.isfinite(value) for value in metrics.values())


def test_calibration_error_of_two_bins_by_hand():
    p = np.array([0.1, 0.3, 0.6, 0.8])
    got = measure_reliability(np.array([0, 1, 1, 1], np.int8), p, bins=2)
    np.testing.assert_allclose(got.predicted, [0.2, 0.7])
    np.testing.assert_allclose(got.observed, [0.5, 1.0])
    assert got.rows.tolist() == [2, 2]
    assert got.ece == pytest.approx(0.5 * 0.3 + 0.5 * 0.3)


def test_bins_hold_equal_mass():
    p = np.random.default_rng(0).beta(1, 20, 1501)
    rows = measure_reliability((p > 0.5).astype(np.int8), p).rows
    assert len(rows) == 15
    assert rows.max() - rows.min() <= 1


def test_perfect_probabilities_lie_under_their_noise_floor_nineteen_times_in_twenty():
    rng = np.random.default_rng(3)
    below = 0
    for _ in range(60):
        p = rng.beta(2, 10, 1500)
        got = measure_reliability((rng.random(1500) < p).astype(np.int8), p, draws=200)
        below += got.ece <= got.noise_floor
    assert 52 <= below <= 60


def test_shifted_probabilities_lie_above_the_floor_and_within_their_interval():
    rng = np.random.default_rng(4)
    p = rng.uniform(0.05, 0.5, 20_000)
    got = measure_reliability((rng.random(20_000) < p).astype(np.int8), p + 0.1)
    assert got.ece == pytest.approx(0.1, abs=0.01)
    assert got.ece > 3 * got.noise_floor
    assert got.low < got.ece < got.high
    assert ((got.observed_low <= got.observed) & (got.observed <= got.observed_high)).all()
    # the bootstrap's width is that of a share: ± 1.96 √(p (1 − p) / n)
    half = 1.96 * np.sqrt(got.observed * (1 - got.observed) / got.rows)
    np.testing.assert_allclose((got.observed_high - got.observed_low) / 2, half, rtol=0.25)


def test_groups_have_their_own_figures_and_small_ones_are_left_out():
    names = np.array(["near"] * 60 + ["far"] * 60 + ["lost"] * 5)
    y = np.r_[np.ones(15), np.zeros(45), np.zeros(60), np.ones(5)].astype(np.int8)
    p = np.r_[np.full(60, 0.25), np.full(60, 0.1), np.full(5, 0.5)]
    table = evaluate_groups(y, p, {"lead time": names})
    assert [(row["group"], row["rows"], row["base_rate"], row["mean_prediction"]) for row in table] == [
        ("far", 60, 0.0, pytest.approx(0.1)),
        ("near", 60, 0.25, pytest.approx(0.25)),
    ]
    assert table[0]["log_loss"] == pytest.approx(-math.log(0.9))
    # √(0.25 · 0.75 / 60), and none of 60 where 6 are expected is no certainty
    assert [row["chance_error"] for row in table] == pytest.approx([0.03873, 0.05590], abs=1e-5)


def test_a_rule_that_is_certain_and_wrong_loses_as_one_that_allowed_for_one_in_a_thousand():
    losses = rule_losses(np.array([1, 0, 1], dtype=np.int8), np.array([0.0, 1.0, 0.25]))
    assert losses.tolist() == pytest.approx([6.907755, 6.907755, 1.386294], abs=1e-6)
