from __future__ import annotations

import random
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Engine

from features.catalogue import names_of
from features.matrix import session_features
from modelling.predictor import Predictor
from modelling.risk import RiskThresholds
from records.reading import read_history, select_upcoming
from scoring.explanations import explain_predictions
from scoring.session_predictions import predict_session
from scoring.sessions import BatchReport, predict_batch, predict_upcoming
from tests.scoring.conftest import NOW, Records, days_ago, serve
from tqs.errors import NotFoundError, QueryError

MODELS = {target: serve(target) for target in ("reschedule", "no_show")}
RULES = {target: serve(target, rule=True) for target in ("reschedule", "no_show")}
LATER = NOW + timedelta(hours=1)
VALUES = "scheduled_time, probability, risk_level, model_version, fallback, predicted_at, features_json::text"
STORED = f"SELECT session_id::text, target, {VALUES} FROM session_reschedule_predictions ORDER BY session_id, target"


@pytest.fixture
def crowd(records: Records) -> list[str]:
    """Three tutors and four students with 300 sessions of up to 200 days, told late at times, and twelve ahead."""
    draw = random.Random(5)
    tutors = [records.tutor(i) for i in range(3)]
    students = ["mia", "Mia", records.student(1), records.student(2)]
    for _ in range(300):
        when = days_ago(draw.choice([draw.uniform(0, 200), 7, 30, 90, 0.02]))
        status = draw.choice(["completed", "completed", "rescheduled", "no_show"])
        told = draw.choice([None, None, when + timedelta(days=draw.uniform(0, 40))])
        records.session(
            draw.choice(tutors),
            when,
            status,
            student=draw.choice(students),
            initiator=draw.choice(["tutor", "student"]),
            cancelled_at=when - timedelta(days=draw.uniform(0, 15)),
            duration_minutes=draw.choice([30, 60, None]),
            outcome_recorded_at=told,
        )
    return [
        records.session(
            draw.choice(tutors),
            NOW + timedelta(days=draw.uniform(0.01, 13.9)),
            "scheduled",
            student=draw.choice(students),
            duration_minutes=draw.choice([30, 60, None]),
            booked_at=draw.choice([None, days_ago(draw.uniform(0, 20))]),
        )
        for _ in range(12)
    ]


@pytest.mark.parametrize("models", [MODELS, RULES], ids=["model", "rule"])
def test_one_session_is_predicted_bit_for_bit_as_all_are(
    engine: Engine, records: Records, crowd: list[str], models: Any
) -> None:
    predict_upcoming(engine, models, NOW, timezone="Europe/Berlin")
    all_at_once = records.rows(STORED)
    records.execute("DELETE FROM session_reschedule_predictions")

    answers = {key: refresh(engine, key, models) for key in crowd}

    assert records.rows(STORED) == all_at_once
    assert len(all_at_once) == 24
    for key, target, _, probability, risk, version, _, predicted_at, _ in all_at_once:
        if target == "reschedule":
            one = answers[key]
            assert (str(one.session_id), one.reschedule_probability, one.risk_level) == (key, probability, risk)
            assert (one.model_version, one.predicted_at) == (version, predicted_at)


def refresh(engine: Engine, key: str, models: Any = None, now: Any = NOW) -> Any:
    return predict_session(engine, models or MODELS, uuid.UUID(key), now, timezone="Europe/Berlin", actor="ann")


def test_all_are_predicted_from_what_the_whole_history_says(engine: Engine, records: Records, crowd: list[str]) -> None:
    predict_upcoming(engine, MODELS, NOW, timezone="Europe/Berlin")
    history, as_of = read_history(engine), int(NOW.timestamp() * 1e6)
    ahead = select_upcoming(history.sessions, as_of, 14)
    X = session_features(history, ahead, np.full(12, as_of), "Europe/Berlin")
    assert len(np.unique(X, axis=0)) == 12
    assert (X[:, names_of("reschedule").index("pair_sessions_so_far")] > 10).any()
    rows = {uuid.UUID(bytes=key.tobytes()): values for key, values in zip(ahead.id, X.tolist(), strict=True)}
    query = "SELECT session_id, features_json FROM session_reschedule_predictions WHERE target = 'reschedule'"
    assert {key: [found[name] for name in names_of("reschedule")] for key, found in records.rows(query)} == rows


def test_features_and_reasons_are_answered_and_stored(engine: Engine, records: Records, crowd: list[str]) -> None:
    one = refresh(engine, crowd[3])
    predictor = MODELS["reschedule"].predictor
    assert predictor is not None
    X = np.array([[one.features[name] for name in names_of("reschedule")]])
    assert one.contributions == explain_predictions(predictor, X)[0]
    assert len(one.contributions) == 5
    stored = dict(
        tuple(row) for row in records.rows("SELECT target, contributions FROM session_reschedule_predictions")
    )
    assert stored["reschedule"] == [
        {"feature": c.feature, "value": c.value, "effect": c.effect, "phrase": c.phrase} for c in one.contributions
    ]
    predictor = MODELS["no_show"].predictor
    assert predictor is not None
    low = predictor.predict(X)[0] < 0.3
    assert (stored["no_show"] is None) == low
    [audit] = records.rows("SELECT actor, action, subject, details FROM audit_log")
    assert audit == ("ann", "predict session", crowd[3], {"model_version": "v1"})


@pytest.mark.parametrize(
    ("minutes", "said"),
    [
        (None, "the length of the session is not known"),
        (60, "the session is booked for 60 minutes"),
        (90, "the session is booked for 90 minutes"),
    ],
)
def test_a_length_that_nobody_told_is_not_told_as_one(
    engine: Engine, records: Records, minutes: int | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = records.session(records.tutor(1), NOW + timedelta(days=1), "scheduled", duration_minutes=minutes)
    place = names_of("reschedule").index("session_duration_minutes")

    def moved_by_the_length(_: Any, X: Any) -> Any:
        return np.eye(25)[[place] * len(X)]

    monkeypatch.setattr(Predictor, "contributions", moved_by_the_length)
    (reason,) = refresh(engine, key).contributions
    assert (reason.feature, reason.value, reason.phrase) == ("session_duration_minutes", minutes or 60, said)


def test_reasons_stay_while_the_prediction_does(engine: Engine, records: Records, crowd: list[str]) -> None:
    reasons = (
        f"SELECT contributions FROM session_reschedule_predictions WHERE session_id = '{crowd[0]}' "
        "AND target = 'reschedule'"
    )
    cautious = {target: replace(model, thresholds=RiskThresholds(0.98, 0.99)) for target, model in MODELS.items()}
    predict_upcoming(engine, cautious, NOW, timezone="Europe/Berlin")
    assert records.rows(reasons) == [(None,)]  # of low risk: nobody asked
    one = refresh(engine, crowd[0], cautious)
    explained = records.rows(reasons)
    assert len(explained[0][0]) == len(one.contributions) == 5
    predict_upcoming(engine, cautious, NOW, timezone="Europe/Berlin")
    assert records.rows(reasons) == explained
    predict_upcoming(engine, cautious, LATER, timezone="Europe/Berlin")
    assert records.rows(reasons) == [(None,)]


def test_the_rule_has_no_reasons(engine: Engine, records: Records) -> None:
    key = records.session(records.tutor(1), NOW + timedelta(days=1), "scheduled")
    one = refresh(engine, key, RULES)
    assert (one.reschedule_probability, one.risk_level, one.model_version) == (0.1, "low", "rule")
    assert one.contributions == []
    assert one.features["hours_until_session"] == 24
    assert one.features["student_is_known"] == 0


def test_a_later_prediction_stays(engine: Engine, records: Records) -> None:
    key = records.session(records.tutor(1), NOW + timedelta(days=1), "scheduled")
    refresh(engine, key, now=LATER)
    stored = records.rows(STORED)
    assert refresh(engine, key, now=NOW).predicted_at == NOW
    predict_upcoming(engine, RULES, NOW)
    assert records.rows(STORED) == stored


@pytest.mark.parametrize(
    ("hours", "status", "said"),
    [
        (0, "scheduled", r"is past, it was to start at 2026-03-11T12:00:00\+00:00; GET /api/upcoming-sessions lists"),
        (-30, "scheduled", "is past"),
        (5, "no_show", "is no-show and not scheduled any more"),
        (5, "rescheduled", "is rescheduled and not scheduled any more"),
        (-5, "completed", "is completed and not scheduled any more"),
    ],
)
def test_a_session_that_is_not_ahead_is_refused(
    engine: Engine, records: Records, hours: float, status: str, said: str
) -> None:
    key = records.session(records.tutor(1), NOW + timedelta(hours=hours), status)
    with pytest.raises(QueryError, match=f"session {key} {said}"):
        refresh(engine, key)
    assert records.rows(STORED) == records.rows("SELECT 1 FROM audit_log") == []


def test_an_unknown_session_is_not_found(engine: Engine) -> None:
    stranger = uuid.UUID(int=9)
    with pytest.raises(NotFoundError, match=f"there is no session {stranger}"):
        refresh(engine, str(stranger))


def test_a_session_that_was_moved_is_predicted_for_its_new_time(engine: Engine, records: Records) -> None:
    key = records.session(records.tutor(1), NOW + timedelta(days=1), "scheduled")
    refresh(engine, key)
    records.execute(f"UPDATE sessions SET scheduled_time = scheduled_time + interval '1 day' WHERE id = '{key}'")
    refresh(engine, key)
    times = records.rows(
        "SELECT scheduled_time, features_json->>'days_until_session' FROM session_reschedule_predictions"
    )
    assert set(times) == {(NOW + timedelta(days=2), "2")}


def test_a_batch_counts_each_id_once_and_leaves_out_what_is_not_ahead(
    engine: Engine, records: Records, crowd: list[str]
) -> None:
    tutor = records.tutor(7)
    wrong = [
        records.session(tutor, NOW, "scheduled"),
        records.session(tutor, NOW + timedelta(days=1), "rescheduled"),
        str(uuid.UUID(int=5)),
    ]
    asked = [uuid.UUID(key) for key in [*crowd[:4], *wrong, crowd[0], wrong[2]]]

    report = predict_batch(engine, MODELS, NOW, ids=asked, timezone="Europe/Berlin", actor="ann")

    assert report == BatchReport(predicted=4, errors=3, total=7)
    batch = records.rows(STORED)
    assert {row[0] for row in batch} == set(crowd[:4])
    predict_upcoming(engine, MODELS, NOW, timezone="Europe/Berlin")
    assert [row for row in records.rows(STORED) if row[0] in crowd[:4]] == batch
    assert records.rows("SELECT actor, action, subject, details FROM audit_log") == [
        ("ann", "predict sessions", "sessions by id", {"predicted": 4})
    ]


def test_a_batch_of_days(engine: Engine, records: Records) -> None:
    tutor = records.tutor(1)
    for hours in (-1, 1, 24, 24.1, 48):
        records.session(tutor, NOW + timedelta(hours=hours), "scheduled")
    assert predict_batch(engine, RULES, NOW, days=1, actor="ann") == BatchReport(2, 0, 2)
    assert predict_batch(engine, RULES, NOW, days=2, actor="ann") == BatchReport(4, 0, 4)
    assert predict_batch(engine, RULES, LATER + timedelta(days=3), days=90, actor="ann") == BatchReport(0, 0, 0)
    assert predict_batch(engine, RULES, NOW, ids=[uuid.UUID(int=1)], actor="ann") == BatchReport(0, 1, 1)
    assert len(records.rows(STORED)) == 8


def test_many_at_once_leave_one_row_a_target(engine: Engine, records: Records, crowd: list[str]) -> None:
    moments = [NOW + timedelta(seconds=i) for i in range(12)]
    with ThreadPoolExecutor(6) as pool:
        ones = [pool.submit(refresh, engine, crowd[0], None, moment) for moment in moments[:10]]
        batch = pool.submit(predict_batch, engine, MODELS, moments[10], days=14, actor="ann")
        few = pool.submit(
            predict_batch, engine, MODELS, moments[11], ids=[uuid.UUID(key) for key in crowd], actor="ann"
        )
        for run in ones:
            run.result()
        assert batch.result().predicted == few.result().predicted == 12
    assert {row[7] for row in records.rows(STORED)} == {moments[11]}
    assert len(records.rows(STORED)) == 24
