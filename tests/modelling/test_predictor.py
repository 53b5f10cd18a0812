from __future__ import annotations

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import xgboost

from modelling import predictor as predictor_module
from modelling.artifact import digest_artifact, read_artifact
from modelling.booster_call import BoosterCall
from modelling.calibrator import Calibrator
from modelling.predictor import Predictor
from modelling.risk import RiskThresholds
from tqs.errors import ModelError

from .conftest import FEATURES, make_artifact


@pytest.fixture(scope="module")
def predictor(artifact):
    return Predictor.from_artifact(artifact, threads=2)


def walk(tree: dict, row: np.ndarray) -> float:
    """The leaf value of one row in a tree of XGBoost's JSON model: a second reading of the same file."""
    node = 0
    while tree["left_children"][node] != -1:
        goes_left = row[tree["split_indices"][node]] < np.float32(tree["split_conditions"][node])
        node = tree["left_children"][node] if goes_left else tree["right_children"][node]
    return tree["split_conditions"][node]


def test_probabilities_are_those_of_the_trees_walked_by_hand(predictor, fitted, problem):
    X = problem[0][:50]
    model = json.loads(fitted.booster.save_raw("json"))["learner"]
    base = float(model["learner_model_param"]["base_score"].strip("[]"))
    scaled = ((X - np.array(fitted.scaler.mean)) / np.array(fitted.scaler.scale)).astype(np.float32)
    trees = model["gradient_booster"]["model"]["trees"]
    margins = np.log(base / (1 - base)) + np.array([sum(walk(t, row) for t in trees) for row in scaled])
    np.testing.assert_allclose(predictor.predict(X), 1 / (1 + np.exp(-margins)), atol=1e-6)


def test_a_row_alone_in_a_crowd_and_across_blocks_gets_the_same_bits(artifact, problem, monkeypatch):
    predictor = Predictor.from_artifact(artifact, threads=2)
    X = problem[0][:1000]
    together = predictor.predict(X)
    assert [predictor.predict(X[i : i + 1])[0] for i in range(20)] == together[:20].tolist()
    monkeypatch.setattr(predictor_module, "BLOCK_ROWS", 300)
    np.testing.assert_array_equal(predictor.predict(X), together)


def test_threads_share_one_predictor(predictor, problem):
    X = problem[0]
    expected = predictor.predict(X)
    with ThreadPoolExecutor(4) as pool:
        for got in pool.map(predictor.predict, [X] * 16):
            np.testing.assert_array_equal(got, expected)


def test_the_calibrator_is_applied(fitted, problem):
    X, y, _ = problem
    flat = Calibrator(kind="isotonic", knots_log_odds=(0.0,), knots_probability=(0.25,), lowest=0.01, highest=0.99)
    predictor = Predictor.from_artifact(make_artifact(fitted, X, y, calibrator=flat))
    assert set(predictor.predict(X[:100])) == {0.25}


def test_contributions_add_up_to_the_log_odds(predictor, problem):
    X = problem[0][:40]
    parts = predictor.contributions(X)
    assert parts.shape == (40, 5)
    p = predictor.predict(X)
    np.testing.assert_allclose(parts.sum(axis=1), np.log(p / (1 - p)), atol=1e-5)
    assert np.abs(parts[:, 0]).mean() > 10 * np.abs(parts[:, 3]).mean()


def test_no_rows_are_no_predictions(predictor):
    assert predictor.predict(np.empty((0, 4))).shape == (0,)
    assert predictor.contributions(np.empty((0, 4))).shape == (0, 5)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
def test_a_number_that_is_not_finite_is_named(predictor, problem, value):
    X = problem[0][:10].copy()
    X[3, 2] = value
    with pytest.raises(ModelError, match=r"feature gamma is .* in row 3"):
        predictor.predict(X)


@pytest.mark.parametrize(
    "X", [np.zeros((3, 5)), np.zeros(4), np.zeros((2, 4), dtype=int), np.zeros((2, 4), dtype=object)]
)
def test_a_matrix_of_another_shape_or_type_is_refused(predictor, X):
    with pytest.raises(ModelError, match="float matrix of 4 columns"):
        predictor.predict(X)


def test_levels_use_the_given_thresholds_else_those_of_the_training(artifact):
    p = np.array([0.1, 0.2, 0.5])
    assert Predictor.from_artifact(artifact).risk_levels(p).tolist() == ["low", "medium", "high"]
    strict = Predictor.from_artifact(artifact, RiskThresholds(0.05, 0.15))
    assert strict.risk_levels(p).tolist() == ["medium", "high", "high"]


def with_booster(artifact, booster: bytes, **named):
    """The artifact with other booster bytes under an honest hash."""
    manifest = json.loads(artifact.manifest_bytes)
    manifest["booster"].update(bytes=len(booster), sha256=hashlib.sha256(booster).hexdigest(), **named)
    data = json.dumps(manifest).encode()
    return read_artifact(data, booster, sha256=digest_artifact(data, booster), features=FEATURES)


def test_a_booster_that_xgboost_cannot_read_is_a_model_error(artifact):
    with pytest.raises(ModelError, match="cannot be read by XGBoost"):
        Predictor.from_artifact(with_booster(artifact, b"{not a booster"))


def test_a_booster_of_another_size_than_its_manifest_says_is_refused(artifact):
    with pytest.raises(ModelError, match="has 30 trees over 4 features, its manifest says 29"):
        Predictor.from_artifact(with_booster(artifact, artifact.booster, trees=29))


@pytest.mark.parametrize("rows", [1, 8, 300, 2000])
def test_the_short_way_to_the_booster_gives_bit_for_bit_what_the_long_one_gives(artifact, problem, rows):
    booster = xgboost.Booster({"nthread": 1}, model_file=bytearray(artifact.booster))
    X = np.random.default_rng(rows).normal(0, 2, (rows, 4)).astype(np.float32)
    call = BoosterCall(booster)
    np.testing.assert_array_equal(call.log_odds(X), booster.inplace_predict(X, predict_type="margin"))
    parts = booster.predict(xgboost.DMatrix(X, nthread=1), pred_contribs=True)
    np.testing.assert_array_equal(call.contributions(X), parts)
    assert parts.shape == (rows, 5)


@pytest.mark.parametrize("columns", [3, 5, 90])
def test_rows_of_another_width_are_a_model_error_before_xgboost_sees_them(artifact, columns):
    booster = xgboost.Booster({"nthread": 1}, model_file=bytearray(artifact.booster))
    call, rows = BoosterCall(booster), np.zeros((2, columns), dtype=np.float32)
    for answer in (call.log_odds, call.contributions):
        with pytest.raises(ModelError, match=f"takes rows of 4 features, not 2 of {columns}"):
            answer(rows)


def test_what_xgboost_refuses_is_a_model_error(artifact):
    booster = xgboost.Booster({"nthread": 1}, model_file=bytearray(artifact.booster))
    with pytest.raises(ModelError, match=r"XGBoost did not answer: .*inf"):
        BoosterCall(booster).contributions(np.full((1, 4), np.inf, dtype=np.float32))


def test_a_booster_of_three_classes_is_a_model_error():
    X = np.random.default_rng(5).normal(size=(90, 4)).astype(np.float32)
    matrix = xgboost.DMatrix(X, label=np.arange(90) % 3)
    call = BoosterCall(xgboost.train({"objective": "multi:softprob", "num_class": 3, "nthread": 1}, matrix, 2))
    for answer, shape in (
        (call.log_odds, r"\(90, 3\), not \(90,\)"),
        (call.contributions, r"\(90, 3, 5\), not \(90, 5\)"),
    ):
        with pytest.raises(ModelError, match=f"numbers of shape {shape}"):
            answer(X)


def test_threads_that_share_a_booster_take_nothing_from_each_other(predictor, problem):
    X = problem[0][:64]
    expected = predictor.contributions(X)
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda row: predictor.contributions(X[row : row + 1])[0], range(64)))
    np.testing.assert_array_equal(np.array(found), expected)
