from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss

from modelling.expected_performance import expect_performance


def test_coins_by_hand():
    """Whatever a fair coin shows, its loss is log 2: nothing but the rate can vary."""
    found = expect_performance(np.full(100, 0.5))
    assert found is not None
    assert found.rows == 100
    assert found.rate.value == 0.5
    assert (found.rate.low, found.rate.high) == pytest.approx((0.5 - 1.644854 * 0.05, 0.5 + 1.644854 * 0.05))
    assert [found.log_loss.low, found.log_loss.value, found.log_loss.high] == pytest.approx([np.log(2)] * 3)
    assert [found.brier.low, found.brier.value, found.brier.high] == pytest.approx([0.25] * 3)


def test_what_is_expected_is_what_draws_of_outcomes_give():
    rng = np.random.default_rng(2)
    p = rng.beta(1, 7, 700)
    found = expect_performance(p)
    assert found is not None
    drawn = (rng.random((3000, 700)) < p).astype(int)
    losses = np.where(drawn, -np.log(p), -np.log(1 - p)).mean(axis=1)
    scores = np.square(drawn - p).mean(axis=1)
    assert losses[0] == pytest.approx(log_loss(drawn[0], p))
    assert scores[0] == pytest.approx(brier_score_loss(drawn[0], p))
    for expected, values in ((found.rate, drawn.mean(axis=1)), (found.log_loss, losses), (found.brier, scores)):
        assert expected.value == pytest.approx(values.mean(), rel=0.01)
        assert np.mean([expected.holds(value) for value in values]) == pytest.approx(0.9, abs=0.02)


def test_no_rate_is_expected_below_none():
    found = expect_performance(np.full(30, 0.01))
    assert found is not None
    assert found.rate.low == 0


def test_too_few_rows_are_not_judged():
    assert expect_performance(np.full(29, 0.2)) is None
    assert expect_performance(np.full(30, 0.2)) is not None
