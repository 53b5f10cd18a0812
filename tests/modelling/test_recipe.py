from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from modelling.evaluation import log_losses
from modelling.pictures import draw_run
from modelling.predictor import Predictor
from modelling.recipe import TrainedModel, train_model
from modelling.risk import RiskThresholds
from tqs.errors import UnfitDataError

from .table import GAP, make_table

GIVEN = {"gap": GAP, "thresholds": RiskThresholds(0.15, 0.35), "trials": 2, "seed": 1, "threads": 1}


@pytest.fixture(scope="module")
def table():
    return make_table()


@pytest.fixture(scope="module")
def trained(table) -> TrainedModel:
    return train_model(table[0], "reschedule", snapshot_sha256="ab" * 32, **GIVEN)


def test_the_model_wins_most_of_what_the_truth_has_over_the_base_rate(trained, table):
    frame, p = table
    newest = (frame["part"] == "test").to_numpy()
    labels = frame.loc[newest, "label"].to_numpy()
    truth = log_losses(labels, p[newest]).mean()
    base = log_losses(labels, np.full(newest.sum(), frame.loc[~newest, "label"].mean())).mean()
    assert (base - trained.evaluation.log_loss) / (base - truth) > 0.6
    assert np.abs(trained.test.challenger - p[newest]).mean() < 0.05
    assert trained.verdict.decision == "promote"
    assert trained.test.log_losses()["base_rate"] == pytest.approx(base)


def test_the_artifact_tells_what_it_is_made_of(trained, table):
    development = table[0][table[0]["part"] == "development"]
    manifest = trained.artifact.manifest
    assert manifest.training.rows == len(development)
    assert manifest.training.positives == development["label"].sum()
    assert manifest.training.snapshot_sha256 == "ab" * 32
    assert manifest.training.last_scheduled == development["scheduled_time"].max().isoformat()
    assert manifest.metrics["log_loss"] == trained.evaluation.log_loss
    assert manifest.metrics["base_rate_log_loss"] > manifest.metrics["log_loss"]
    assert manifest.thresholds.high == 0.35
    assert manifest.bands is not None
    assert sum(manifest.bands.rows) == len(trained.test.labels)
    assert np.dot(manifest.bands.rows, manifest.bands.happened) == pytest.approx(trained.test.labels.sum())
    assert np.dot(manifest.bands.rows, manifest.bands.predicted) == pytest.approx(trained.test.challenger.sum())
    assert manifest.booster.trees == trained.search.trees


def test_the_artifact_answers_what_was_evaluated(trained, table):
    frame = table[0]
    predictor = Predictor.from_artifact(trained.artifact)
    X = frame.loc[frame["part"] == "test", list(predictor.features)].to_numpy()
    np.testing.assert_array_equal(predictor.predict(X), trained.test.challenger)


def test_no_golden_row_is_a_row_of_the_table(trained, table):
    golden = np.array(trained.artifact.manifest.golden.rows)
    X = table[0][list(trained.artifact.manifest.features)].to_numpy()
    assert not (golden[:, None, :] == X[None, :, :]).all(axis=2).any()


def test_one_thread_and_a_seed_give_the_same_model_but_for_its_date(trained, table):
    again = train_model(table[0], "reschedule", snapshot_sha256="ab" * 32, **GIVEN)
    assert again.artifact.booster == trained.artifact.booster
    same_day = {"created_at": ""}
    assert again.artifact.manifest.model_copy(update=same_day) == trained.artifact.manifest.model_copy(update=same_day)


def test_labels_of_the_test_part_do_not_reach_the_model(trained, table):
    frame = table[0].copy()
    newest = (frame["part"] == "test").to_numpy()
    frame.loc[newest, "label"] = 1 - frame.loc[newest, "label"]
    again = train_model(frame, "reschedule", **GIVEN)
    assert again.artifact.booster == trained.artifact.booster
    assert again.calibration.calibrator == trained.calibration.calibrator
    assert again.verdict.decision == "refuse"


def test_shuffled_labels_are_refused_by_the_gate(table):
    frame = table[0].copy()
    frame["label"] = np.random.default_rng(9).permutation(frame["label"].to_numpy())
    verdict = train_model(frame, "reschedule", **GIVEN).verdict
    assert verdict.decision == "refuse"
    assert "nothing was learned" in verdict.reason


@pytest.mark.parametrize("disguise", ["rising", "one value"])
def test_a_planted_leak_is_refused_by_name(table, disguise):
    frame = table[0].copy()
    rng = np.random.default_rng(4)
    happened = frame["label"].to_numpy() == 1
    frame["session_duration_minutes"] = (
        np.where(happened, 45.0, 60.0) + rng.random(len(frame))
        if disguise == "rising"
        else np.where(happened, rng.choice([59.0, 61.0], len(frame)), 60.0)
    )
    verdict = train_model(frame, "reschedule", **GIVEN).verdict
    assert verdict.decision == "refuse"
    assert "session_duration_minutes separates the target alone" in verdict.reason


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda frame: frame.iloc[:0], "0 rows for reschedule"),
        (lambda frame: frame.assign(label=np.int8(0)), "0 of them positive"),
        (lambda frame: frame.assign(label=np.int8(1)), "0 negative"),
        (lambda frame: frame[frame["part"] == "development"], "the test part for reschedule holds 0 positive of 0"),
        (
            lambda frame: frame.assign(label=frame["label"].where(frame["part"] == "development", 0)),
            "the test part for reschedule holds 0 positive",
        ),
    ],
)
def test_tables_that_carry_no_model_say_so(table, spoil, said):
    with pytest.raises(UnfitDataError, match=said):
        train_model(spoil(table[0]), "reschedule", **GIVEN)


def test_a_champion_is_judged_on_the_same_rows(trained, table):
    frame = table[0]
    again = train_model(frame, "reschedule", champion=trained.artifact, **GIVEN)
    np.testing.assert_array_equal(again.test.champion, trained.test.challenger)
    assert again.champion_evaluation == trained.evaluation
    assert again.verdict.against_champion is not None
    assert again.verdict.decision == "promote"


def trained_until(artifact, moment):
    training = artifact.manifest.training.model_copy(update={"last_scheduled": moment.isoformat()})
    return replace(artifact, manifest=artifact.manifest.model_copy(update={"training": training}))


def test_a_champion_is_not_compared_on_rows_that_it_learned_from(trained, table):
    newest = table[0][table[0]["part"] == "test"]
    scheduled, labels = newest["scheduled_time"], newest["label"].to_numpy()
    learned_until = scheduled.iloc[700] - pd.Timedelta(GAP, "us")
    again = train_model(table[0], "reschedule", champion=trained_until(trained.artifact, learned_until), **GIVEN)
    assert again.test.comparable.tolist() == (scheduled > scheduled.iloc[700]).tolist()
    assert again.champion_evaluation.rows == len(newest) - 701
    losses = log_losses(labels, again.test.champion)[701:]
    assert again.test.log_losses()["champion"] == pytest.approx(losses.mean())
    assert again.verdict.decision == "keep"  # 499 rows, and no better than itself
    assert "499 rows" in again.verdict.reason


def test_a_champion_that_learned_from_all_of_the_test_part_stays(trained, table):
    newest = table[0]["scheduled_time"].max()
    again = train_model(table[0], "reschedule", champion=trained_until(trained.artifact, newest), **GIVEN)
    assert not again.test.comparable.any()
    assert again.champion_evaluation is None
    assert again.verdict.decision == "keep"
    assert set(draw_run(again)) == {"search", "reliability", "importance", "comparison"}
    assert again.compared_metrics()["champion"] is None


def test_match_has_its_own_features_and_rule():
    frame, _ = make_table(3000, "match")
    trained = train_model(frame, "match", **GIVEN)
    assert len(trained.artifact.manifest.features) == 17
    newest = frame["part"] == "test"
    np.testing.assert_allclose(trained.test.rule, 1 - frame.loc[newest, "compatibility_score"])


def test_what_the_gate_compared_is_plain_numbers(trained):
    metrics = trained.compared_metrics()
    assert metrics["champion"] is None
    assert metrics["challenger"]["log_loss"] < metrics["base_rate"]["log_loss"]
    assert trained.parameters()["trees"] == trained.search.trees
