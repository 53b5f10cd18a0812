from __future__ import annotations

import numpy as np

from modelling.pipeline import TreeParameters, booster_bytes, booster_parameters, fit_pipeline, fit_scaler, scale


def test_scaling_gives_mean_zero_and_deviation_one_and_leaves_a_constant_alone():
    X = np.array([[1.0, 10.0, 7.0], [3.0, 30.0, 7.0]])
    scaler = fit_scaler(X)
    assert (scaler.mean, scaler.scale) == ((2.0, 20.0, 7.0), (1.0, 10.0, 1.0))
    assert scale(X, scaler).tolist() == [[-1, -1, 0], [1, 1, 0]]


def test_a_constant_that_rounding_makes_wobble_is_still_a_constant():
    X = np.full((1000, 1), 0.1)
    assert fit_scaler(X).scale == (1.0,)


def test_one_thread_and_a_seed_give_the_same_bytes_another_seed_others(problem):
    X, y, _ = problem
    parameters = TreeParameters(subsample=0.7, colsample_bytree=0.7)
    first, again, other = (
        booster_bytes(fit_pipeline(X, y, parameters, trees=20, seed=seed, threads=1).booster) for seed in (3, 3, 4)
    )
    assert first == again
    assert first != other


def test_no_class_is_weighted():
    parameters = booster_parameters(TreeParameters(), seed=1, threads=1)
    assert "scale_pos_weight" not in parameters
    assert (parameters["seed"], parameters["nthread"], parameters["objective"]) == (1, 1, "binary:logistic")


def test_the_mean_prediction_on_the_training_rows_is_the_base_rate(fitted, problem):
    X, y, _ = problem
    p = 1 / (1 + np.exp(-fitted.log_odds(X).astype(float)))
    assert abs(p.mean() - y.mean()) < 0.01
