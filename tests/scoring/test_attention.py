from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import Engine

from scoring.attention import LIKELIEST, Attention, RiskySession, read_attention
from scoring.interventions import intervene
from tests.scoring.conftest import Records

HIGH = 0.35


@pytest.fixture
def engine(emptied_engine: Engine) -> Engine:
    return emptied_engine


def book(
    records: Records,
    tutor: str,
    hours: float,
    probability: float | None,
    *,
    made_minutes_ago: float = 5,
    moved: bool = False,
    student: str = "a visitor",
    status: str = "scheduled",
) -> UUID:
    """A session so many hours ahead; moved: its prediction is for another time than it is scheduled for."""
    now = datetime.now(UTC)
    time = now + timedelta(hours=hours)
    key = records.session(tutor, time, status, student=student, booked_at=None)
    if probability is not None:
        predicted_for = time - timedelta(hours=1) if moved else time
        records.execute(
            f"""
            INSERT INTO session_reschedule_predictions (session_id, scheduled_time, target, probability, risk_level,
                model_version, fallback, predicted_at, features_json)
            SELECT '{key}', '{predicted_for.isoformat()}', target, p, 'low', 'v1', false,
                '{(now - timedelta(minutes=made_minutes_ago)).isoformat()}', '{{}}'
            FROM (VALUES ('reschedule', {probability}), ('no_show', 0.99)) AS of (target, p)
            """
        )
    return UUID(key)


def test_nothing_is_ahead(engine: Engine) -> None:
    assert read_attention(engine, HIGH) == Attention(0, 0, 0, [], 0, None)


def test_sessions_at_high_risk_by_hand(engine: Engine, records: Records) -> None:
    ada, student = records.tutor(1), records.student(1)
    likely = book(records, ada, 47.9, 0.9, student=student, made_minutes_ago=90)
    on_it = book(records, ada, 1, HIGH)
    called = book(records, ada, 2, 0.8)
    noted = book(records, ada, 3, 0.5)
    book(records, ada, 4, 0.349)
    book(records, ada, 5, None)
    book(records, ada, 6, 0.9, moved=True)
    book(records, ada, 48.1, 0.99)  # too far ahead
    book(records, ada, -1, 0.99)  # over
    book(records, ada, 7, 0.99, status="rescheduled")
    now = datetime.now(UTC)
    intervene(engine, called, "call", None, now, actor="person ada")
    intervene(engine, noted, "note", "Looked at it.", now, actor="person ada")

    found = read_attention(engine, HIGH)

    assert (found.ahead, found.high, found.unhandled, found.unpredicted) == (7, 4, 3, 2)
    assert [(one.id, one.probability) for one in found.likeliest] == [(likely, 0.9), (noted, 0.5), (on_it, HIGH)]
    assert found.oldest is not None
    assert timedelta(minutes=90) <= now - found.oldest < timedelta(minutes=91)
    first, second = found.likeliest[:2]
    assert (first.tutor, first.student, second.student) == ("tutor 1", "student 1", "a visitor")


@pytest.mark.parametrize("kind", ["reminder", "call", "reassign"])
def test_what_handles_a_session(engine: Engine, records: Records, kind: str) -> None:
    ada = records.tutor(1)
    records.execute("UPDATE tutors SET email = 'ada@example.org'")
    session = book(records, ada, 1, 0.9)
    intervene(engine, session, kind, None, datetime.now(UTC), actor="person ada")

    assert (read_attention(engine, HIGH).high, read_attention(engine, HIGH).unhandled) == (1, 0)


def test_only_the_likeliest_are_listed(engine: Engine, records: Records) -> None:
    ada = records.tutor(1)
    for place in range(LIKELIEST + 2):
        book(records, ada, 1 + place, 0.4 + place / 100)

    found = read_attention(engine, HIGH)

    assert found.unhandled == LIKELIEST + 2
    assert [round(one.probability, 2) for one in found.likeliest] == [0.46, 0.45, 0.44, 0.43, 0.42]
    assert all(isinstance(one, RiskySession) for one in found.likeliest)
