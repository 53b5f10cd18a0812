"""How the queue stands, what the operator is told and can do, and figures that change because days pass."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from processing.queue import claim_batch
from processing.upkeep import QueueCounts, count_queue, keep_up, list_failed, notice_failed_sessions, requeue_failed
from scoring.tutors import score_tutors
from tests.processing.conftest import Plant

COACH, OPERATOR = "coach@example.com", "operator@example.com"


def failed(plant: Plant, tutor: str, error: str = "KeyError", minutes: float = 1.0) -> UUID:
    """A session that has been failed for so long."""
    session = plant.promised(tutor, 0.5)
    plant.execute(
        f"UPDATE work_items SET state = 'failed', attempts = 4, errors = 4, last_error = '{error}', "
        f"updated_at = now() - interval '{minutes} minutes' WHERE session_id = '{session}'"
    )
    return session


def counts(plant: Plant) -> QueueCounts:
    with plant.engine.connect() as connection:
        return count_queue(connection)


def notices(plant: Plant) -> list[Any]:
    return plant.rows("SELECT recipient, subject, facts FROM email_reports WHERE kind = 'notice' ORDER BY 1, 2")


def test_the_queue_is_counted_without_what_is_done(plant: Plant) -> None:
    assert counts(plant) == QueueCounts(0, 0, 0.0)
    tutor = plant.tutor()
    done, oldest, _ = (plant.promised(tutor) for _ in range(3))
    failed(plant, tutor)
    plant.execute(
        f"UPDATE work_items SET state = 'done', created_at = now() - interval '1 day' WHERE session_id = '{done}'"
    )
    plant.execute(f"UPDATE work_items SET created_at = now() - interval '90 seconds' WHERE session_id = '{oldest}'")
    claim_batch(plant.engine)  # being processed is not yet processed

    counted = counts(plant)

    assert (counted.pending, counted.failed) == (2, 1)
    assert counted.oldest_seconds == pytest.approx(90, abs=30)


def test_failed_sessions_are_listed_the_newest_first(plant: Plant) -> None:
    tutor = plant.tutor()
    plant.promised(tutor)
    older, newer = failed(plant, tutor, "KeyError", 9), failed(plant, tutor, "DataError (22012)", 3)

    with plant.engine.connect() as connection:
        listed = list_failed(connection)
        assert list_failed(connection, 1) == listed[:1]

    assert [(row.session_id, str(row.tutor_id), row.error, row.attempts) for row in listed] == [
        (newer, tutor, "DataError (22012)", 4),
        (older, tutor, "KeyError", 4),
    ]
    assert (listed[0].id, listed[0].failed_at) == plant.item(newer, "id, updated_at")


def test_all_that_failed_is_queued_again_and_processed(plant: Plant) -> None:
    tutor = plant.tutor()
    sessions = [failed(plant, tutor) for _ in range(2)]

    assert requeue_failed(plant.engine) == 2

    for session in sessions:
        assert plant.item(session, "state, attempts, errors, last_error") == ("pending", 0, 0, None)
    assert plant.drain().processed == 2
    assert requeue_failed(plant.engine) == 0


def test_what_is_queued_again_waits_from_then_on(plant: Plant) -> None:
    session = failed(plant, plant.tutor())
    plant.execute(f"UPDATE work_items SET created_at = now() - interval '3 days' WHERE session_id = '{session}'")
    requeue_failed(plant.engine)
    assert counts(plant).pending == 1
    assert counts(plant).oldest_seconds < 60
    assert plant.drain().processed == 1
    assert plant.item(session, "state, counts_from") == ("done", None)


def test_those_that_are_named_are_queued_again(plant: Plant) -> None:
    tutor = plant.tutor()
    by_session, by_row, stays = (failed(plant, tutor) for _ in range(3))
    waits = plant.promised(tutor)
    [row] = plant.item(by_row, "id")

    assert requeue_failed(plant.engine, [by_session, row, waits, uuid4()]) == 2

    assert [plant.item(session, "state") for session in (by_session, by_row, stays)] == [
        ("pending",),
        ("pending",),
        ("failed",),
    ]
    assert requeue_failed(plant.engine, []) == 0


def test_the_operator_is_told_what_failed_once_a_day(plant: Plant) -> None:
    plant.change(operator_recipients=(OPERATOR,), report_recipients=(COACH,))
    tutor = plant.tutor()
    for minutes, error in ((60, "KeyError"), (30, "DataError (22012)"), (20, "KeyError")):
        failed(plant, tutor, error, minutes)
    with plant.engine.connect() as connection:
        notice = notice_failed_sessions(connection)
    [since] = plant.one("SELECT min(updated_at) FROM work_items")
    assert notice is not None
    assert (notice.count, notice.what, notice.since) == (3, "sessions could not be processed", since)
    assert notice.errors == (("KeyError", 2), ("DataError (22012)", 1))

    for hours in (0, 1):
        keep_up(plant.engine, plant.settings, plant.now.replace(hour=3) + timedelta(hours=hours))
    [(recipient, subject, facts)] = notices(plant)
    assert (recipient, subject) == (OPERATOR, "3 sessions could not be processed")
    assert "tqs process --requeue" in facts["remedy"]

    keep_up(plant.engine, plant.settings, plant.now + timedelta(days=1))
    assert len(notices(plant)) == 2


def test_the_operator_is_told_what_waits_too_long(plant: Plant) -> None:
    plant.change(operator_recipients=(OPERATOR,))
    tutor = plant.tutor()
    long, longest, ahead, short, done = (plant.promised(tutor) for _ in range(5))
    for session, changes in {
        long: "created_at = now() - interval '16 minutes'",
        longest: "created_at = now() - interval '2 hours'",
        ahead: "created_at = now() - interval '2 hours', counts_from = now() + interval '1 hour'",
        short: "created_at = now() - interval '14 minutes'",
        done: "created_at = now() - interval '2 hours', state = 'done'",
    }.items():
        plant.execute(f"UPDATE work_items SET {changes} WHERE session_id = '{session}'")

    keep_up(plant.engine, plant.settings, plant.now)

    [(recipient, subject, facts)] = notices(plant)
    assert (recipient, subject) == (OPERATOR, "2 sessions have waited longer than 15 minutes")
    assert datetime.fromisoformat(facts["since"]) == plant.item(longest, "created_at")[0]


def test_without_an_operator_those_who_get_reports_are_told_and_without_anybody_nobody(plant: Plant) -> None:
    failed(plant, plant.tutor())
    keep_up(plant.engine, plant.settings, plant.now)
    assert notices(plant) == []

    plant.change(report_recipients=(COACH,))
    keep_up(plant.engine, plant.settings, plant.now)
    assert [(recipient, subject) for recipient, subject, _ in notices(plant)] == [
        (COACH, "1 session could not be processed")
    ]


def test_nobody_is_told_that_all_is_well(plant: Plant) -> None:
    plant.change(operator_recipients=(OPERATOR,))
    plant.promised(plant.tutor())
    keep_up(plant.engine, plant.settings, plant.now)
    assert notices(plant) == []


def test_windows_expire_without_an_event(plant: Plant) -> None:
    tutor, idle = plant.tutor(), plant.tutor()
    plant.session(tutor, 6.5, "rescheduled")
    plant.session(tutor, 29.5, "completed")
    query = """
        SELECT total_sessions_7d, total_sessions_30d, reschedule_rate_7d, reschedule_rate_30d, is_high_risk
        FROM tutor_scores WHERE tutor_id = '{}'"""
    keep_up(plant.engine, plant.settings, plant.now)
    assert plant.one(query.format(tutor)) == (1, 2, 100.0, 50.0, True)
    assert plant.one(query.format(idle)) == (0, 0, None, None, False)

    keep_up(plant.engine, plant.settings, plant.now + timedelta(days=1))
    assert plant.one(query.format(tutor)) == (0, 1, None, 100.0, True)

    keep_up(plant.engine, plant.settings, plant.now + timedelta(days=40))
    assert plant.one(query.format(tutor)) == (0, 0, None, None, False)
    assert plant.rows(f"SELECT count(*) FROM tutor_score_history WHERE tutor_id = '{idle}'") == [(3,)]


def test_nobody_is_scored_again_and_again_where_the_clock_was_wrong(
    plant: Plant, monkeypatch: pytest.MonkeyPatch
) -> None:
    tutor, other = plant.tutor(), plant.tutor()
    now = datetime.now(UTC)
    score_tutors(plant.engine, now + timedelta(days=2), tutors=[tutor])
    # Of today where that is a minute ago, and else of the next day, as of which it stays.
    score_tutors(plant.engine, now + timedelta(minutes=4), tutors=[other])
    scored: list[str] = []

    def score(engine: Any, now: Any, *, tutors: list[str]) -> Any:
        scored.extend(tutors)
        return score_tutors(engine, now, tutors=tutors)

    monkeypatch.setattr("processing.upkeep.score_tutors", score)
    for _ in range(2):
        keep_up(plant.engine, plant.settings, now)

    assert scored == [tutor]


def test_a_tutor_is_scored_by_it_once_a_day(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    tutors = sorted(plant.tutor() for _ in range(5))
    score_tutors(plant.engine, plant.now, tutors=tutors[:1])
    scored: list[list[str]] = []

    def score(engine: Any, now: Any, *, tutors: list[str]) -> Any:
        scored.append(tutors)
        return score_tutors(engine, now, tutors=tutors)

    monkeypatch.setattr("processing.upkeep.score_tutors", score)
    monkeypatch.setattr("processing.upkeep.AT_ONCE", 3)
    for _ in range(2):
        keep_up(plant.engine, plant.settings, plant.now)

    assert scored == [tutors[1:4], tutors[4:]]
