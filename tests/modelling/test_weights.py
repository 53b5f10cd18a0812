"""Rows that count for more: a row of weight k is k rows, and where all count 1 nothing is what it was not before."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest
import xgboost
from hypothesis import given
from hypothesis import strategies as st

from modelling import recipe
from modelling.calibration import fit_calibrator
from modelling.evaluation import evaluate, evaluate_groups
from modelling.gate import compare_losses
from modelling.label_check import doubt_ranking
from modelling.leakage import single_feature_auc
from modelling.pipeline import TreeParameters, booster_bytes, booster_parameters, fit_pipeline, fit_scaler, scale
from modelling.recipe import train_model
from modelling.reliability import measure_reliability
from modelling.risk import RiskThresholds
from modelling.split import RowTimes, expanding_folds
from modelling.weights import effective_rows, mean_of, standard_error, weighted_rows, weights_of

from .table import GAP, make_table

THRESHOLDS = RiskThresholds(0.15, 0.35)
GIVEN = {"gap": GAP, "thresholds": THRESHOLDS, "trials": 1, "seed": 1, "threads": 1}
NOISE = {"ece_noise_floor", "ece_low", "ece_high", "rows"}  # drawn row by row, and the number of rows itself


def judged_rows(n: int = 600, seed: int = 2) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Probabilities of which none occurs twice, labels, and whole weights of 1 to 4."""
    rng = np.random.default_rng(seed)
    p = rng.permutation(np.linspace(0.01, 0.95, n))
    return p, (rng.random(n) < p).astype(np.int8), rng.integers(1, 5, n)


def test_metrics_of_weighted_rows_are_those_of_as_many_rows():
    p, y, times = judged_rows()
    weighted = asdict(evaluate(y, p, THRESHOLDS, weights=times.astype(float)))
    repeated = asdict(evaluate(np.repeat(y, times), np.repeat(p, times), THRESHOLDS))
    assert weighted["rows"] == 600
    for name in weighted.keys() - NOISE - {"ece"}:
        assert weighted[name] == pytest.approx(repeated[name], rel=1e-12), name


def test_the_calibration_error_of_weighted_rows_by_hand():
    """Two bins of two rows each: (3 · 0.1 + 1 · 0.3) / 4 against 1 / 4, then (1 · 0.6 + 1 · 0.8) / 2 against 1."""
    p, y, w = np.array([0.1, 0.3, 0.6, 0.8]), np.array([0, 1, 1, 1], dtype=np.int8), np.array([3.0, 1.0, 1.0, 1.0])
    measured = measure_reliability(y, p, bins=2, weights=w)
    np.testing.assert_allclose(measured.predicted, [0.15, 0.7])
    np.testing.assert_allclose(measured.observed, [0.25, 1.0])
    assert measured.ece == pytest.approx((4 * 0.1 + 2 * 0.3) / 6)
    assert measured.rows.tolist() == [2, 2]


def test_the_noise_floor_of_few_heavy_rows_is_higher():
    p = np.full(2000, 0.2)
    y = (np.arange(2000) % 5 == 0).astype(np.int8)
    heavy = np.where(np.arange(2000) % 10 == 0, 20.0, 1.0)
    effective = heavy.sum() ** 2 / (heavy**2).sum()  # L. Kish, Survey sampling, 1965
    floors = [measure_reliability(y, p, weights=w).noise_floor for w in (None, heavy)]
    assert floors[1] / floors[0] == pytest.approx(np.sqrt(2000 / effective), rel=0.15)


@given(st.lists(st.tuples(st.floats(-5, 5), st.integers(1, 5)), min_size=2, max_size=40))
def test_the_weighted_mean_is_that_of_as_many_rows_and_unit_weights_change_no_bit(rows):
    values, times = np.array([value for value, _ in rows]), np.array([n for _, n in rows])
    assert mean_of(values, times.astype(float)) == pytest.approx(np.repeat(values, times).mean(), abs=1e-12)
    ones = np.ones(len(values))
    assert mean_of(values, ones) == mean_of(values, None)
    assert standard_error(values, ones) == standard_error(values, None)
    scaled = standard_error(values, 7.0 * times)
    assert scaled == pytest.approx(standard_error(values, 1.0 * times), rel=1e-9, abs=1e-15)


def test_the_standard_error_of_a_weighted_mean_is_what_repeated_draws_show():
    rng = np.random.default_rng(4)
    weights = rng.choice([1.0, 5.0], 400, p=[0.8, 0.2])
    draws = rng.normal(0, 1, (3000, 400)) * np.where(weights > 1, 2.0, 1.0)
    means = np.average(draws, axis=1, weights=weights)
    assert standard_error(draws[0], weights) == pytest.approx(means.std(), rel=0.15)


def test_paired_differences_and_groups_count_rows_by_their_weight():
    p, y, times = judged_rows(200)
    own, other = np.abs(y - p), np.full(200, 0.4)
    found = compare_losses(own, other, times.astype(float))
    assert found.mean == pytest.approx((np.repeat(own, times) - 0.4).mean())
    [group] = evaluate_groups(y, p, {"all": np.array(["one"] * 200)}, times.astype(float))
    assert group["base_rate"] == pytest.approx(np.repeat(y, times).mean())
    assert group["rows"] == 200
    # as far apart as labels drawn from these probabilities and weighed so lie
    drawn = (np.random.default_rng(3).random((4000, 200)) < p) @ times / times.sum()
    assert group["chance_error"] == pytest.approx(drawn.std(), rel=0.05)


def test_weighted_rows_tell_as_much_as_fewer_that_count_alike():
    weights = np.array([1.0, 1, 2, 9])
    assert effective_rows(np.array([True, True, True, False]), weights) == pytest.approx(16 / 6)
    assert effective_rows(np.array([True, False, True, False]), None) == 2
    assert effective_rows(np.zeros(4, dtype=np.bool_), weights) == 0


def test_a_champion_is_contradicted_by_what_counts_alone():
    rng = np.random.default_rng(3)
    p = rng.beta(1, 6, 4000)
    y = (rng.random(4000) < p).astype(np.int8)
    turned = np.arange(4000) < 1000
    mixed = np.where(turned, 1 - y, y)
    assert doubt_ranking(mixed, p) == []
    assert len(doubt_ranking(mixed, p, np.where(turned, 20.0, 1.0))) == 1
    # the same verdict of two dozen rows, among many that count for next to nothing, is chance
    few = np.where(np.arange(4000) < 24, 1.0, 1e-9)
    assert doubt_ranking(mixed, p, few) == []


def test_a_feature_ranks_rows_by_their_weight():
    x, y = np.array([[1.0], [2.0], [3.0], [4.0]]), np.array([0, 1, 0, 1], dtype=np.int8)
    # of 4 · 2 weighted pairs all are in order but the one of the second row and the third
    assert single_feature_auc(x, y, ["x"], np.array([1.0, 1, 1, 3]))["x"] == pytest.approx(7 / 8)
    assert single_feature_auc(x, y, ["x"])["x"] == pytest.approx(3 / 4)


def test_the_rate_of_a_features_values_is_that_of_the_weighted_rows():
    """Values 1 and 3 happen, 2 does not, among the tenth of the rows that counts; the others know nothing."""
    rng = np.random.default_rng(2)
    x = rng.integers(1, 4, 6000).astype(float)
    counts = rng.random(6000) < 0.1
    y = np.where(counts, x != 2, rng.random(6000) < 0.5).astype(np.int8)
    assert single_feature_auc(x[:, None], y, ["x"])["x"] < 0.6
    assert single_feature_auc(x[:, None], y, ["x"], np.where(counts, 1.0, 1e-6))["x"] > 0.99


@pytest.mark.parametrize("kind", ["platt", "isotonic"])
def test_a_calibrator_of_weighted_rows_is_that_of_as_many_rows(kind):
    rng = np.random.default_rng(1)
    x = [np.sort(rng.normal(-1, 1.5, 300)) for _ in range(2)]
    y = [(rng.random(300) < 1 / (1 + np.exp(-z))).astype(np.int8) for z in x]
    times = [rng.integers(1, 4, 300) for _ in range(2)]
    weighted = fit_calibrator(kind, x, y, [1, 1], [n.astype(float) for n in times])
    many = fit_calibrator(kind, [np.repeat(*z) for z in zip(x, times, strict=True)],
                          [np.repeat(*z) for z in zip(y, times, strict=True)], [1, 1])  # fmt: skip
    assert weighted.slope == pytest.approx(many.slope, rel=1e-6)
    assert weighted.intercept == pytest.approx(many.intercept, rel=1e-6)
    np.testing.assert_allclose(weighted.knots_probability, many.knots_probability, rtol=1e-9)
    np.testing.assert_allclose(weighted.knots_log_odds, many.knots_log_odds)


def test_trees_of_weighted_rows_are_those_of_as_many_rows():
    """On few distinct values, whose bins do not depend on how often each occurs, and without drawing rows."""
    rng = np.random.default_rng(6)
    X = rng.integers(0, 8, (800, 3)).astype(float)
    y = (rng.random(800) < 0.1 + 0.1 * X[:, 0]).astype(np.int8)
    times = rng.integers(1, 4, 800)
    plain = TreeParameters(max_depth=3, subsample=1.0, colsample_bytree=1.0)
    weighted = fit_pipeline(X, y, plain, trees=10, seed=1, threads=1, weights=times.astype(float))
    many = fit_pipeline(np.repeat(X, times, axis=0), np.repeat(y, times), plain, trees=10, seed=1, threads=1)
    np.testing.assert_allclose(weighted.log_odds(X), many.log_odds(X), atol=1e-4)
    alike = fit_pipeline(X, y, plain, trees=10, seed=1, threads=1)
    assert np.abs(weighted.log_odds(X) - alike.log_odds(X)).max() > 0.05


@pytest.fixture(scope="module")
def table():
    return make_table(3000)[0]


def test_a_table_whose_rows_all_weigh_1_gives_the_model_that_knows_no_weights(table):
    assert weights_of(table) is None
    assert weighted_rows(table) is table
    trained = train_model(table, "reschedule", **GIVEN)
    development = table[table["part"] == "development"]
    X = np.ascontiguousarray(development[list(trained.artifact.manifest.features)].to_numpy())
    matrix = xgboost.QuantileDMatrix(
        scale(X, fit_scaler(X)), label=development["label"].to_numpy(), max_bin=32, nthread=1
    )
    booster = xgboost.train(booster_parameters(trained.search.parameters, 1, 1), matrix, trained.search.trees)
    assert booster_bytes(booster) == trained.artifact.booster
    test = table[table["part"] == "test"]
    assert trained.evaluation.base_rate == test["label"].mean()
    assert trained.test.weights is None


def test_rows_that_weigh_nothing_are_not_looked_at(table):
    """Whatever their labels say."""
    rng = np.random.default_rng(3)
    touched = rng.random(len(table)) < 0.2
    weightless = table.assign(weight=np.where(touched, 0.0, 1.0))
    lying = weightless.assign(label=np.where(touched, 1 - table["label"], table["label"]).astype(np.int8))
    one, other, without = (train_model(frame, "reschedule", **GIVEN) for frame in (weightless, lying, table[~touched]))
    assert one.artifact.booster == other.artifact.booster == without.artifact.booster
    assert one.evaluation == other.evaluation == without.evaluation
    assert one.artifact.manifest.training.rows == ((~touched) & (table["part"] == "development")).sum()


def test_the_hold_out_stands_for_the_reminded_in_every_figure(table):
    """A fifth of the tutors held out, their rows weighing 5: rates and losses are those of the weighted rows."""
    rng = np.random.default_rng(5)
    weights = rng.choice([0.0, 1.0, 5.0], len(table), p=[0.4, 0.5, 0.1])
    frame = table.assign(weight=weights)
    trained = train_model(frame, "reschedule", **GIVEN)
    used = frame[frame["weight"] > 0]
    development, test = (used[used["part"] == part] for part in ("development", "test"))
    rate = np.average(development["label"], weights=development["weight"])
    assert trained.artifact.manifest.training.base_rate == pytest.approx(rate)
    assert trained.test.base_rate[0] == pytest.approx(rate)
    y, p, w = test["label"].to_numpy(), trained.test.challenger, test["weight"].to_numpy()
    losses = -np.where(y == 1, np.log(p), np.log(1 - p))
    assert trained.evaluation.log_loss == pytest.approx((w * losses).sum() / w.sum())
    assert trained.test.log_losses()["challenger"] == pytest.approx(trained.evaluation.log_loss)
    base = -np.where(y == 1, np.log(rate), np.log(1 - rate))
    against = trained.verdict.against_base_rate
    assert against.mean == pytest.approx(np.average(losses - base, weights=w))
    assert against.standard_error > (losses - base).std(ddof=1) / np.sqrt(len(y))  # fewer rows than there seem to be
    bands = trained.artifact.manifest.bands
    assert sum(bands.rows) == len(test)
    bins = [np.searchsorted(bands.edges, p, side="right") == i for i in range(len(bands.rows))]
    assert bands.happened == pytest.approx([np.average(y[own], weights=w[own]) for own in bins])
    alike = train_model(frame.assign(weight=(frame["weight"] > 0).astype(float)), "reschedule", **GIVEN)
    assert alike.artifact.booster != trained.artifact.booster


def test_search_and_calibration_weigh_the_rows_too(table, monkeypatch):
    weights = np.random.default_rng(8).choice([1.0, 5.0], len(table), p=[0.9, 0.1])
    own = weights[(table["part"] == "development").to_numpy()]
    seen = {}

    def spy(name):
        original = getattr(recipe, name)

        def call(*given, **more):
            seen[name] = more.get("weights", given[-1])
            return original(*given, **more)

        monkeypatch.setattr(recipe, name, call)

    weighed = ("tune_trees", "out_of_fold_log_odds", "fit_pipeline", "single_feature_auc")
    for name in (*weighed, "choose_calibration", "evaluate_groups"):
        spy(name)
    trained = train_model(table.assign(weight=weights), "reschedule", **GIVEN)
    np.testing.assert_array_equal(seen["evaluate_groups"], weights[(table["part"] == "test").to_numpy()])
    for name in weighed:
        np.testing.assert_array_equal(seen[name], own)
    times = RowTimes.of_frame(table[table["part"] == "development"])
    labels = table.loc[table["part"] == "development", "label"].to_numpy()
    folds = expanding_folds(times, labels, GAP)
    assert len(seen["choose_calibration"]) == len(folds)
    for found, fold in zip(seen["choose_calibration"], folds, strict=True):
        np.testing.assert_array_equal(found, own[fold.score])
    assert trained.search.log_loss != train_model(table, "reschedule", **GIVEN).search.log_loss
