from __future__ import annotations

import numpy as np
import pytest

from modelling.leakage import HIGHEST_AUC, single_feature_auc


def test_auc_of_six_rows_by_hand_in_either_direction():
    x = np.array([1.0, 2, 3, 4, 5, 6])
    y = np.array([0, 0, 1, 0, 1, 1], np.int8)
    assert single_feature_auc(x[:, None], y, ["up"])["up"] >= 8 / 9
    assert single_feature_auc(-x[:, None], y, ["down"])["down"] >= 8 / 9


def test_honest_features_pass_and_come_largest_first(problem):
    X, y, _ = problem
    found = single_feature_auc(X, y, ["alpha", "beta", "gamma", "delta"])
    assert list(found)[:2] == ["alpha", "beta"]
    assert 0.65 < found["alpha"] < 0.85
    assert max(found["gamma"], found["delta"]) < 0.56


@pytest.mark.parametrize("share", [0.5, 0.03])
def test_the_outcome_in_disguise_is_found(share):
    rng = np.random.default_rng(5)
    y = (rng.random(6000) < share).astype(np.int8)
    noise = rng.normal(size=6000)
    length = np.where(y == 1, rng.choice([59.0, 61.0], 6000), 60.0)  # not monotone: its own AUC is about 0.5
    band = np.where(y == 1, rng.uniform(-0.1, 0.1, 6000), np.sign(noise) * (0.1 + np.abs(noise)))
    found = single_feature_auc(
        np.column_stack([y + 0.2 * rng.random(6000), -y.astype(float), length, band, noise]),
        y,
        ["label", "negated", "length", "band", "noise"],
    )
    assert all(found[name] > HIGHEST_AUC for name in ("label", "negated", "length", "band"))
    assert found["noise"] < 0.6


def test_values_that_no_two_rows_share_do_not_look_like_a_leak():
    rng = np.random.default_rng(6)
    y = (rng.random(4000) < 0.2).astype(np.int8)
    assert single_feature_auc(rng.random((4000, 1)), y, ["id"])["id"] < 0.6
