from __future__ import annotations

import numpy as np
import pytest

from modelling.importance import gain_by_concept, gain_by_feature, permutation_importance
from modelling.predictor import Predictor

from .conftest import FEATURES


def test_gain_and_permutation_name_the_columns_that_matter(artifact, fitted, problem):
    gains = gain_by_feature(fitted.booster, FEATURES)
    assert list(gains)[:2] == ["alpha", "beta"]
    assert sum(gains.values()) == pytest.approx(1)
    assert set(gains) == set(FEATURES)
    costs = permutation_importance(Predictor.from_artifact(artifact), problem[0], problem[1])
    assert list(costs)[:2] == ["alpha", "beta"]
    assert costs["alpha"] > 0.05 > 10 * abs(costs["delta"])


def test_permuting_leaves_the_matrix_as_it_was(artifact, problem):
    X = problem[0].copy()
    permutation_importance(Predictor.from_artifact(artifact), X, problem[1])
    np.testing.assert_array_equal(X, problem[0])


def test_gain_is_summed_by_concept():
    got = gain_by_concept({"a": 0.5, "b": 0.3, "c": 0.2}, {"a": "tutor", "b": "time", "c": "tutor"})
    assert got == {"tutor": pytest.approx(0.7), "time": 0.3}
