from __future__ import annotations

import numpy as np
import pytest

from modelling.fallback import predict_by_rule
from tqs.errors import ModelError


def test_churn_is_one_minus_compatibility():
    X = np.array([[3.0, 0.8], [1.0, -0.1], [0.0, 1.0]])
    np.testing.assert_allclose(predict_by_rule("match", X, ("pace_mismatch", "compatibility_score")), [0.2, 1.0, 0.0])


def test_reschedule_is_the_tutors_rate_of_thirty_days_else_a_tenth():
    names = ("tutor_reschedule_rate_30d", "tutor_total_sessions_30d")
    X = np.array([[0.25, 4.0], [0.0, 7.0], [0.0, 0.0]])
    assert predict_by_rule("reschedule", X, names).tolist() == [0.25, 0.0, 0.1]


def test_no_show_is_the_tutors_rate_of_ninety_days_else_three_in_a_hundred():
    names = ("tutor_total_sessions_90d", "tutor_no_show_rate_90d")
    X = np.array([[10.0, 0.2], [10.0, 0.0], [0.0, 0.0]])
    assert predict_by_rule("no_show", X, names).tolist() == [0.2, 0.0, 0.03]


def test_an_unknown_target_and_a_missing_feature_are_named():
    with pytest.raises(ModelError, match="'weather'"):
        predict_by_rule("weather", np.zeros((1, 1)), ("x",))
    with pytest.raises(ModelError, match="compatibility_score"):
        predict_by_rule("match", np.zeros((1, 1)), ("x",))
