"""What is kept of predictions while a session is ahead, and what of it is told."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine

from benchmarks._model import make_artifact
from features.catalogue import names_of
from modelling.artifact import build_artifact
from modelling.bands import Bands
from modelling.predictor import Predictor
from modelling.risk import RiskThresholds
from scoring.explanations import explain_predictions
from scoring.models import ServedModel
from scoring.session_predictions import predict_session
from scoring.sessions import predict_tutors_sessions, predict_upcoming
from scoring.trust import Band, TrustedPrediction, trusted_prediction
from scoring.upkeep import remove_outdated
from tests.scoring.conftest import NOW, Records, days_ago, serve
from tqs.errors import NotFoundError

BANDS = Bands(
    level=0.9,
    dispersion=1.0,
    edges=(0.25,),
    rows=(150, 900),
    predicted=(0.2, 0.5),
    happened=(0.2, 0.5),
    low=(None, 0.45),
    high=(None, 0.56),
)
FORMER = "SELECT session_id::text, day::text, probability, predicted_at, features FROM former_predictions"


def banded(target: str, bands: Bands | None = BANDS, version: str = "v1") -> ServedModel:
    artifact = make_artifact(target)
    artifact = build_artifact(artifact.manifest.model_copy(update={"bands": bands}), artifact.booster)
    return ServedModel(target, RiskThresholds(0.3, 0.7), Predictor.from_artifact(replace(artifact, version=version)))


MODELS = {target: banded(target) for target in ("reschedule", "no_show")}
RULES = {target: serve(target, rule=True) for target in MODELS}


@pytest.fixture
def ahead(records: Records) -> list[str]:
    """Six sessions ahead of a tutor with a past, told lengths and not."""
    tutor = records.tutor(1)
    for i in range(8):
        records.session(tutor, days_ago(1 + 3 * i), "rescheduled" if i < 3 else "completed", student="mia")
    return [
        records.session(
            tutor, NOW + timedelta(days=3 + d), "scheduled", student="mia", duration_minutes=30 + 30 * d if d else None
        )
        for d in range(6)
    ]


def predict(engine: Engine, hours: float = 0, models: Any = MODELS) -> None:
    predict_upcoming(engine, models, NOW + timedelta(hours=hours))


def trust(engine: Engine, key: str, models: Any = MODELS, target: str = "reschedule") -> TrustedPrediction:
    return trusted_prediction(engine, models, uuid.UUID(key), target)


def test_the_first_of_each_day_is_kept_once_another_took_its_place(
    engine: Engine, records: Records, ahead: list[str]
) -> None:
    where = f" WHERE session_id = '{ahead[0]}' AND target = 'no_show' ORDER BY day"
    stored = (
        "SELECT probability, predicted_at, features_json FROM session_reschedule_predictions "
        f"WHERE session_id = '{ahead[0]}' AND target = 'no_show'"
    )
    made = []
    for hours in (0, 1, 5, 23, 24, 40):  # NOW is noon: two on the first day, then three, then one
        predict(engine, hours)
        made += records.rows(stored)

    former = records.rows(FORMER + where)

    assert [(row[1], row[3]) for row in former] == [
        ("2026-03-11", NOW),
        ("2026-03-12", NOW + timedelta(hours=23)),
    ]
    for row, of in zip(former, (made[0], made[3]), strict=True):
        assert row[2] == of[0]
        assert dict(zip(names_of("no_show"), row[4], strict=True)) == of[2]
    assert len(records.rows(FORMER)) == 2 * 2 * len(ahead)


def test_what_stays_as_it_is_leaves_nothing_behind(engine: Engine, records: Records, ahead: list[str]) -> None:
    predict(engine)
    predict(engine)
    predict(engine, -5)  # as of an earlier moment: the later one stays
    assert records.rows(FORMER) == []


def test_every_way_of_predicting_keeps_the_former_one(engine: Engine, records: Records, ahead: list[str]) -> None:
    predict(engine)
    later = NOW + timedelta(days=1)
    predict_session(engine, MODELS, uuid.UUID(ahead[0]), later, actor="ann")
    assert {row[0] for row in records.rows(FORMER)} == {ahead[0]}
    tutors = [row[0] for row in records.rows("SELECT id FROM tutors")]
    with engine.begin() as connection:
        predict_tutors_sessions(connection, MODELS, tutors, later)
    assert {row[0] for row in records.rows(FORMER)} == set(ahead)
    assert {row[3] for row in records.rows(FORMER)} == {NOW}


def test_former_ones_go_a_month_after_the_session(engine: Engine, records: Records, ahead: list[str]) -> None:
    predict(engine)
    predict(engine, 1)
    records.execute(
        f"UPDATE former_predictions SET scheduled_time = CASE session_id WHEN '{ahead[0]}' "
        "THEN now() - interval '29 days' ELSE now() - interval '31 days' END"
    )
    assert remove_outdated(engine) == 10
    assert {row[0] for row in records.rows(FORMER)} == {ahead[0]}


def test_reasons_are_stored_where_the_risk_is_not_low(engine: Engine, records: Records, ahead: list[str]) -> None:
    models = MODELS | {"reschedule": replace(MODELS["reschedule"], thresholds=thresholds_within(engine, records))}
    predict(engine, models=models)
    rows = records.rows(
        "SELECT session_id::text, risk_level, features_json, contributions FROM session_reschedule_predictions "
        "WHERE target = 'reschedule'"
    )
    predictor = models["reschedule"].predictor
    assert predictor is not None
    assert {row[1] for row in rows} == {"low", "medium"}
    for key, level, features, contributions in rows:
        if level == "low":
            assert contributions is None
            continue
        X = np.array([[features[name] for name in names_of("reschedule")]])
        known = np.ones_like(X, dtype=np.bool_)
        known[0, names_of("reschedule").index("session_duration_minutes")] = key != ahead[0]
        expected = explain_predictions(predictor, X, known=known)[0]
        assert contributions == [
            {"feature": c.feature, "value": c.value, "effect": c.effect, "phrase": c.phrase} for c in expected
        ]


def thresholds_within(engine: Engine, records: Records) -> RiskThresholds:
    """So that not all sessions ahead are of one level."""
    predict(engine)
    found = records.rows(
        "SELECT probability FROM session_reschedule_predictions WHERE target = 'reschedule' ORDER BY 1"
    )
    records.execute("DELETE FROM session_reschedule_predictions")
    assert found[0] < found[-1]
    return RiskThresholds(found[-1][0], 0.999)


def test_a_prediction_is_told_with_what_was_true_of_such_and_what_changed(
    engine: Engine, records: Records, ahead: list[str]
) -> None:
    predict(engine)
    predict(engine, 2)
    predict(engine, 24)
    predict(engine, 26)

    found = trust(engine, ahead[1])

    [row] = records.rows(
        "SELECT probability, risk_level, contributions FROM session_reschedule_predictions "
        f"WHERE session_id = '{ahead[1]}' AND target = 'reschedule'"
    )
    assert (found.prediction.probability, found.risk_level) == (row[0], row[1])
    assert found.prediction.predicted_at == NOW + timedelta(hours=26)
    assert found.history == "measured"
    assert found.band == Band(0.45, 0.56, pytest.approx(0.11), 900, 0.25, 1.0)
    assert [c.feature for c in found.contributions] == [c["feature"] for c in row[2]]
    change = found.change
    assert change is not None
    assert (change.before.predicted_at, change.after) == (NOW, found.prediction)  # the day before, not this morning
    assert change.before.features["hours_until_session"] - found.prediction.features["hours_until_session"] == 26
    parts = sum(one.effect for one in change.features) + change.model + change.calibration
    assert parts == pytest.approx(change.log_odds, abs=1e-12)


def test_reasons_of_low_risk_are_told_as_they_would_have_been_stored(engine: Engine, ahead: list[str]) -> None:
    """The first session has no length: the default in its place is not told as one."""
    artifact = make_artifact("reschedule", seed=9)  # to which the length matters most
    predictor = Predictor.from_artifact(replace(artifact, version="v1"))
    models = MODELS | {"reschedule": ServedModel("reschedule", RiskThresholds(0.3, 0.7), predictor)}
    anew = predict_session(engine, models, uuid.UUID(ahead[0]), NOW, actor="ann").contributions
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE session_reschedule_predictions SET contributions = NULL")
    found = trust(engine, ahead[0], models).contributions
    assert found == anew
    assert "session_duration_minutes" in {one.feature for one in found}


def test_on_its_first_day_it_is_compared_with_the_first_of_the_day(engine: Engine, ahead: list[str]) -> None:
    predict(engine)
    assert trust(engine, ahead[0]).change is None
    for hours in (1, 2):
        predict(engine, hours)
    change = trust(engine, ahead[0]).change
    assert change is not None
    assert change.before.predicted_at == NOW


@pytest.mark.parametrize(
    ("serving", "history"),
    [
        (MODELS, "measured"),
        ({"reschedule": banded("reschedule", BANDS.model_copy(update={"edges": (0.999,)}))}, "too short"),
        ({"reschedule": banded("reschedule", None)}, "unmeasured"),
        ({"reschedule": banded("reschedule", version="v2")}, "replaced"),
    ],
)
def test_what_is_known_of_sessions_scored_alike(engine: Engine, ahead: list[str], serving: Any, history: str) -> None:
    predict(engine)
    predict(engine, 24)
    found = trust(engine, ahead[0], serving)
    assert found.history == history
    assert (found.band is not None) == (history == "measured")
    assert (found.change is not None) == (history != "replaced")


def test_the_rule_promises_nothing(engine: Engine, ahead: list[str]) -> None:
    predict(engine, models=RULES)
    found = trust(engine, ahead[0], RULES)
    assert (found.history, found.band, found.contributions) == ("rule", None, [])
    predict(engine, 24)
    found = trust(engine, ahead[0])
    assert found.change is not None
    assert found.change.model != 0


def test_what_another_release_kept_is_not_compared(engine: Engine, records: Records, ahead: list[str]) -> None:
    predict(engine)
    predict(engine, 24)
    records.execute("UPDATE former_predictions SET features[3] = NULL")
    assert trust(engine, ahead[0]).change is None


def test_a_session_without_a_prediction(engine: Engine, ahead: list[str]) -> None:
    with pytest.raises(NotFoundError, match=f"no prediction of session {ahead[0]} is stored"):
        trust(engine, ahead[0])


def test_days_are_those_of_utc(engine: Engine, records: Records, ahead: list[str]) -> None:
    """In Tokyo both moments are of the next day."""
    tutors = [row[0] for row in records.rows("SELECT id FROM tutors")]
    for hour in (20, 21):
        with engine.begin() as connection:
            connection.exec_driver_sql("SET LOCAL TIME ZONE 'Asia/Tokyo'")
            predict_tutors_sessions(connection, MODELS, tutors, datetime(2026, 3, 11, hour, tzinfo=UTC))
    assert {row[1] for row in records.rows(FORMER)} == {"2026-03-11"}
