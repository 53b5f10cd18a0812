"""Stored predictions made again: the same bits whatever came later, and the fact that differs where one was changed."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from benchmarks._model import make_artifact
from modelling.predictor import Predictor
from modelling.risk import RiskThresholds
from modelling.store import save_challenger
from scoring.models import ServedModel
from scoring.replay import Replay, replay_predictions
from scoring.sessions import SESSION_TARGETS, predict_upcoming
from tests.scoring.conftest import NOW, Records, days_ago, serve, uid
from tqs.errors import QueryError

ZONE = "Europe/Berlin"
STORED = "session_reschedule_predictions"


@pytest.fixture
def engine(emptied_engine: Engine) -> Engine:
    with emptied_engine.begin() as connection:
        for table in ("models", "students"):
            connection.exec_driver_sql(f"DELETE FROM {table}")
    return emptied_engine


def save_model(engine: Engine, target: str) -> ServedModel:
    saved = save_challenger(engine, make_artifact(target))
    return ServedModel(target, RiskThresholds(0.3, 0.7), Predictor.from_artifact(saved))


@pytest.fixture
def ahead(engine: Engine, records: Records) -> list[str]:
    """Two tutors and two students with 120 sessions, some told late, and ten ahead that are predicted as of NOW."""
    draw = random.Random(7)
    tutors, students = [records.tutor(i) for i in range(2)], ["mia", records.student(1)]
    for _ in range(120):
        when = days_ago(draw.uniform(0.1, 120))
        told = draw.choice([None, None, when + timedelta(days=draw.uniform(0, 30))])
        status = draw.choice(["completed", "completed", "rescheduled", "no_show"])
        records.session(draw.choice(tutors), when, status, student=draw.choice(students), outcome_recorded_at=told)
    sessions = [
        records.session(
            draw.choice(tutors), NOW + timedelta(days=draw.uniform(0.5, 13)), "scheduled", student=draw.choice(students)
        )
        for _ in range(10)
    ]
    for table in ("sessions", "reschedules"):
        records.execute(f"UPDATE {table} SET updated_at = '2026-03-01'")
    predict_upcoming(engine, {target: save_model(engine, target) for target in SESSION_TARGETS}, NOW, timezone=ZONE)
    return sessions


def replay(engine: Engine, target: str = "reschedule", sample: int = 1000) -> Replay:
    return replay_predictions(engine, target, sample=sample, timezone=ZONE)


@pytest.mark.parametrize("target", SESSION_TARGETS)
def test_every_prediction_comes_out_the_same_bit_for_bit(engine: Engine, ahead: list[str], target: str) -> None:
    assert replay(engine, target) == Replay(target, 10, 0, ())
    assert replay(engine, target, sample=3).replayed == 3


def test_facts_that_came_later_do_not_matter(engine: Engine, records: Records, ahead: list[str]) -> None:
    """Outcomes of the predicted sessions, new sessions, outcomes told late, and predictions of another moment."""
    records.execute(
        f"UPDATE sessions SET status = 'no_show', outcome_recorded_at = scheduled_time WHERE id = '{ahead[0]}'"
    )
    records.execute(
        f"UPDATE sessions SET status = 'completed', completed_time = scheduled_time + interval '1 hour' "
        f"WHERE id = '{ahead[1]}'"
    )
    tutor = str(uid("tutor", 1))
    for hours in (1, 30):
        records.session(tutor, NOW + timedelta(hours=hours), student="mia")
    records.session(tutor, days_ago(3), "no_show", student="mia", outcome_recorded_at=NOW + timedelta(seconds=1))
    records.session(tutor, days_ago(2), student="mia", recorded_at=NOW)
    assert replay(engine).differences == ()


def test_a_session_imported_later_with_times_of_before_is_named_by_what_it_changes(
    engine: Engine, records: Records, ahead: list[str]
) -> None:
    tutor = records.rows(f"SELECT tutor_id::text FROM sessions WHERE id = '{ahead[2]}'")[0][0]
    records.session(tutor, days_ago(20), "completed", student="a stranger")
    found = {one.session_id: one for one in replay(engine).differences}
    of_tutor = {row[0] for row in records.rows(f"SELECT id::text FROM sessions WHERE tutor_id = '{tutor}'")}
    assert set(found) == set(ahead) & of_tutor
    one = found[ahead[2]]
    stored, now = one.features["tutor_total_sessions_30d"]
    assert now == stored + 1
    assert "tutor_total_sessions_7d" not in one.features
    assert "student_total_sessions_90d" not in one.features
    assert (one.written_since, one.moved, one.explained, one.predicted_at) == (1, False, True, NOW)
    assert one.probability[1] is not None


def test_a_stored_number_that_was_changed_is_not_explained_by_the_records(
    engine: Engine, records: Records, ahead: list[str]
) -> None:
    records.execute(
        f"UPDATE {STORED} SET features_json = jsonb_set(features_json, '{{hours_until_session}}', '1.5') "
        f"WHERE target = 'reschedule' AND session_id = '{ahead[0]}'"
    )
    records.execute(
        f"UPDATE {STORED} SET probability = probability / 2 WHERE target = 'reschedule' AND session_id = '{ahead[1]}'"
    )
    found = {one.session_id: one for one in replay(engine).differences}
    assert set(found) == {ahead[0], ahead[1]}
    assert found[ahead[0]].features["hours_until_session"][0] == 1.5
    assert found[ahead[1]].features == {}
    stored, now = found[ahead[1]].probability
    assert now == stored * 2
    assert not any(one.explained for one in found.values())
    assert replay(engine, "no_show").differences == ()


def test_a_session_that_was_moved_in_its_place_keeps_the_time_it_was_predicted_at(
    engine: Engine, records: Records, ahead: list[str]
) -> None:
    records.execute(f"UPDATE sessions SET scheduled_time = scheduled_time + interval '9 hours' WHERE id = '{ahead[0]}'")
    assert replay(engine).differences == ()


def test_predictions_of_a_model_that_is_gone_are_compared_by_features(
    engine: Engine, records: Records, ahead: list[str]
) -> None:
    records.execute("DELETE FROM models WHERE target = 'reschedule'")
    assert replay(engine) == Replay("reschedule", 10, 10, ())
    assert replay(engine, "no_show") == Replay("no_show", 10, 0, ())


def test_the_rule_is_replayed_too(engine: Engine, records: Records, ahead: list[str]) -> None:
    rules = {target: serve(target, rule=True) for target in SESSION_TARGETS}
    predict_upcoming(engine, rules, NOW + timedelta(minutes=1), timezone=ZONE)
    assert replay(engine) == Replay("reschedule", 10, 0, ())
    records.execute(f"UPDATE {STORED} SET probability = 0.5")
    assert len(replay(engine).differences) == 10
    assert replace(replay(engine), differences=()) == Replay("reschedule", 10, 0, ())


def test_another_timezone_is_another_weekday_or_hour(engine: Engine, ahead: list[str]) -> None:
    found = replay_predictions(engine, "reschedule", sample=100, timezone="Asia/Tokyo").differences
    assert {name for one in found for name in one.features} <= {
        "hour_of_day",
        "day_of_week",
        "time_of_day_category",
        "is_weekend",
    }
    assert len(found) == 10


def test_nothing_stored_is_nothing_replayed_and_pairs_keep_no_features(engine: Engine) -> None:
    assert replay(engine) == Replay("reschedule", 0, 0, ())
    with pytest.raises(QueryError, match="predictions of match keep no features"):
        replay(engine, "match")
