"""Data that carry no honest model, from the table to the decision: said, written down, and the champion untouched."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from modelling.decisions import list_decisions
from modelling.publishing import apply_verdict, find_champion, unfit_data_recorded
from modelling.recipe import train_model
from modelling.risk import RiskThresholds
from modelling.store import list_models, load_champion, promote, save_challenger
from tqs.errors import UnfitDataError

from .table import GAP, make_table

TARGET = "reschedule"


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return make_table(3000)[0]


@pytest.fixture(scope="module")
def reigning(table):
    return train(table, None).artifact


def train(frame, champion):
    return train_model(
        frame, TARGET, gap=GAP, thresholds=RiskThresholds(0.15, 0.35), trials=1, seed=1, threads=1, champion=champion
    )


def retrain(engine, frame):
    """As 20_train_model does it."""
    champion = find_champion(engine, TARGET)
    with unfit_data_recorded(engine, TARGET, champion, mlflow_run_id="run-2"):
        trained = train(frame, champion.artifact)
    saved = save_challenger(engine, trained.artifact, "run-2")
    return apply_verdict(engine, trained, saved, champion, mlflow_run_id="run-2")


def empty(frame):
    return frame.iloc[:0]


def one_class_only(frame):
    return frame.assign(label=np.int8(0))


def shuffled_labels(frame):
    return frame.assign(label=np.random.default_rng(9).permutation(frame["label"].to_numpy()))


def leaking_feature(frame):
    """The session's length gives its outcome away, by a minute."""
    noise = np.random.default_rng(4).random(len(frame))
    return frame.assign(session_duration_minutes=60.0 + frame["label"] + noise)


def turned_labels(frame):
    """Nine of ten labels say the opposite: a model of them agrees with them, and with nothing learned before."""
    turned = np.random.default_rng(2).random(len(frame)) < 0.9
    return frame.assign(label=np.where(turned, 1 - frame["label"], frame["label"]).astype(np.int8))


@pytest.mark.parametrize(
    ("spoil", "version", "said"),
    [
        (empty, None, "0 rows for reschedule"),
        (one_class_only, None, "0 of them positive"),
        (shuffled_labels, "v2", "nothing was learned that would serve"),
        (leaking_feature, "v2", "session_duration_minutes separates the target alone"),
        (turned_labels, "v2", "the odds changed by a factor"),
        (turned_labels, "v2", "ranks the newest rows the wrong way round"),
    ],
)
def test_unfit_data_are_refused_with_their_reason_and_the_champion_stays(engine, table, reigning, spoil, version, said):
    first = save_challenger(engine, reigning, "run-1")
    promote(engine, TARGET, first.version, expected_champion=None, reason="the first", actor="gate")
    with pytest.raises(UnfitDataError, match=said) as raised:
        retrain(engine, spoil(table))
    newest, before = list_decisions(engine, TARGET)
    assert (newest.decision, newest.version, newest.champion_before) == ("refused", version, "v1")
    assert newest.mlflow_run_id == "run-2"
    assert said in newest.reason
    assert newest.reason in str(raised.value)
    assert before.decision == "promoted"
    assert load_champion(engine, TARGET).sha256 == reigning.sha256
    assert {row.version: row.alias for row in list_models(engine)} == {"v1": "champion"} | (
        {version: None} if version else {}
    )
