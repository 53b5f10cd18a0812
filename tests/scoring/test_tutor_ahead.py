from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import numpy as np
import pytest
from sqlalchemy import Engine

from features.catalogue import features_of, names_of
from modelling.risk import RiskThresholds
from scoring.sessions import predict_upcoming
from scoring.tutor_ahead import SessionAhead, average_effects, list_sessions_ahead
from tests.scoring.conftest import NOW, Records, days_ago, serve

MODELS = {target: serve(target) for target in ("reschedule", "no_show")}
THRESHOLDS = RiskThresholds(0.3, 0.7)


def test_the_sessions_ahead_with_what_is_stored_of_them(engine: Engine, records: Records) -> None:
    ada, other, mia = records.tutor(1), records.tutor(2), records.student(1)
    second = records.session(ada, days_ago(-5), "scheduled", student="somebody else", duration_minutes=None)
    first = records.session(ada, days_ago(-1), "scheduled", student=mia, subject="music")
    records.session(ada, days_ago(1))
    records.session(ada, days_ago(-2), "rescheduled")
    records.session(other, days_ago(-1), "scheduled")
    records.session(ada, days_ago(-15), "scheduled")
    predict_upcoming(engine, MODELS, NOW)
    last = records.session(ada, days_ago(-6), "scheduled")  # after the predictions were made
    records.execute(f"UPDATE sessions SET scheduled_time = '{days_ago(-7)}' WHERE id = '{second}'")  # moved since

    found = list_sessions_ahead(engine, UUID(ada), NOW, THRESHOLDS)

    assert [str(one.id) for one in found] == [first, last, second]
    assert [one.student for one in found] == ["student 1", "somebody", "somebody else"]
    assert [one.probability is None for one in found] == [False, True, True]
    assert [bool(one.features) for one in found] == [True, False, False]
    stored = records.rows(
        f"SELECT probability FROM session_reschedule_predictions WHERE session_id = '{first}' AND target = 'reschedule'"
    )[0][0]
    assert (found[0].probability, found[0].model_version, found[0].subject) == (stored, "v1", "music")
    levels = [
        list_sessions_ahead(engine, UUID(ada), NOW, RiskThresholds(*bounds))[0].risk_level
        for bounds in ((stored / 2, stored), (stored, (1 + stored) / 2), ((1 + stored) / 2, (2 + stored) / 3))
    ]
    assert levels == ["high", "medium", "low"]
    assert list_sessions_ahead(engine, uuid4(), NOW, THRESHOLDS) == []


def make_ahead(**features: float) -> SessionAhead:
    values = {feature.name: feature.default for feature in features_of("reschedule")} | features
    return SessionAhead(uuid4(), NOW + timedelta(days=1), 60, None, "Mia", 0.2, "low", "v1", values)


def test_effects_are_summed_by_concept_and_averaged_over_sessions() -> None:
    predictor = MODELS["reschedule"].predictor
    assert predictor is not None
    sessions = [
        make_ahead(tutor_reschedule_rate_90d=0.9, day_of_week=0.0),
        make_ahead(tutor_reschedule_rate_90d=0.9, day_of_week=6.0, is_weekend=1.0),
    ]
    X = np.array([[one.features[name] for name in names_of("reschedule")] for one in sessions])
    shap = predictor.contributions(X)[:, :-1]

    effects = average_effects(predictor, [*sessions, replace(sessions[0], features={})])

    by_concept = {one.concept: one for one in effects}
    features = features_of("reschedule")
    assert set(by_concept) == {feature.concept for feature in features}
    for concept, found in by_concept.items():
        columns = [j for j, feature in enumerate(features) if feature.concept == concept]
        assert found.effect == pytest.approx(shap[:, columns].sum() / 2)
    assert [abs(one.effect) for one in effects] == sorted((abs(one.effect) for one in effects), reverse=True)
    total = sum(one.effect for one in effects) + predictor.contributions(X)[0, -1]
    odds = np.log(predictor.predict(X) / (1 - predictor.predict(X)))  # the test model is not calibrated
    assert total == pytest.approx(odds.mean(), abs=1e-4)


def test_the_phrase_is_of_what_matters_most_and_says_whether_it_is_the_same_everywhere() -> None:
    predictor = MODELS["reschedule"].predictor
    assert predictor is not None
    names = names_of("reschedule")
    sessions = [make_ahead(day_of_week=day, hour_of_day=8.0) for day in (0.0, 3.0)]
    X = np.array([[one.features[name] for name in names] for one in sessions])
    shap = predictor.contributions(X)[:, :-1]
    time = [j for j, feature in enumerate(features_of("reschedule")) if feature.concept == "time"]
    sign = np.sign(shap[:, time].sum())
    most = max(time, key=lambda j: sign * shap[:, j].sum())
    row = int(np.argmax(sign * shap[:, most]))

    (found,) = (one for one in average_effects(predictor, sessions) if one.concept == "time")

    assert found.phrase == features_of("reschedule")[most].describe(X[row, most])
    assert found.same == (names[most] != "day_of_week")


def test_a_length_that_nobody_told_is_not_told_as_one() -> None:
    predictor = MODELS["reschedule"].predictor
    assert predictor is not None
    told, untold = (replace(make_ahead(), duration_minutes=minutes) for minutes in (60, None))

    phrases = [
        next(one.phrase for one in average_effects(predictor, [session]) if one.concept == "session")
        for session in (told, untold)
    ]

    assert phrases == ["the session is booked for 60 minutes", "the length of the session is not known"]


def test_without_a_predicted_session_nothing_drives_anything() -> None:
    predictor = MODELS["reschedule"].predictor
    assert predictor is not None
    assert average_effects(predictor, []) == []
    assert average_effects(predictor, [replace(make_ahead(), features={"hour_of_day": 3.0})]) == []
