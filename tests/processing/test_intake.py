"""The rules of what is taken, repeated, recorded and refused, by cases worked out by hand."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg2
import pytest
from sqlalchemy import Connection, event

from processing.agreement import StoredSession
from processing.intake import Refusal
from records import prepared
from records.bulk import open_cursor
from tests.processing.conftest import ANN, BOB, NOON, PIA, Desk, body, moved

FIRST = uuid.UUID(int=1)


def stored(answer: Any) -> StoredSession:
    assert isinstance(answer, StoredSession), answer
    return answer


def refused(answer: Any, status: int) -> str:
    assert isinstance(answer, Refusal), answer
    assert answer.status == status
    return answer.detail


def test_a_new_session_is_stored_told_now_and_promised_to_be_processed(desk: Desk) -> None:
    before = datetime.now(UTC)
    answer = stored(desk.tell(body())[0])
    after = datetime.now(UTC)
    ((told, outcome_told, source, created, updated),) = desk.rows(
        "SELECT recorded_at, outcome_recorded_at, source, created_at, updated_at FROM sessions"
    )
    assert answer == StoredSession(
        FIRST, ANN, "somebody", NOON, datetime(2026, 3, 1, 9, tzinfo=UTC), None, 60, "maths", "scheduled",
        created, updated,
    )  # fmt: skip
    assert before - timedelta(seconds=1) <= told <= after + timedelta(seconds=1)
    assert (outcome_told, source) == (None, "api")
    assert desk.rows("SELECT count(*) FROM reschedules") == [(0,)]
    query = "SELECT session_id, state, attempts, errors, not_before <= now(), leased_until FROM work_items"
    assert desk.rows(query) == [(FIRST, "pending", 0, 0, True, None)]
    query = "SELECT actor, action, subject, details FROM audit_log"
    assert desk.rows(query) == [("tests", "post sessions", str(FIRST), {"new": 1, "outcomes": 0})]


def test_a_session_told_with_its_outcome_was_told_of_both_now(desk: Desk) -> None:
    desk.tell(
        body(status="completed", completed_time="2026-03-11T13:00:00Z"),
        moved(2, {"reason": "ill", "original_time": "2026-03-11T11:00:00Z"}),
    )
    query = "SELECT status, completed_time, outcome_recorded_at = recorded_at FROM sessions ORDER BY id"
    assert desk.rows(query) == [("completed", NOON + timedelta(hours=1), True), ("rescheduled", None, True)]
    query = "SELECT session_id, initiator, original_time, new_time, reason, reason_code, cancelled_at FROM reschedules"
    moved_at = NOON - timedelta(hours=2)
    assert desk.rows(query) == [(uuid.UUID(int=2), "tutor", NOON - timedelta(hours=1), None, "ill", None, moved_at)]


def test_the_same_again_changes_nothing(desk: Desk) -> None:
    told = [body(1), body(2, status="no_show"), moved(3), moved(4, {"new_time": "2026-04-01T08:00Z"})]
    first = desk.tell(*told)
    before = desk.everything()
    assert [desk.tell(one)[0] for one in told] == first
    assert desk.tell(*told, *told) == first * 2
    assert desk.everything() == before


def test_the_outcome_of_a_scheduled_session_is_recorded(desk: Desk) -> None:
    first = stored(desk.tell(body())[0])
    (told,) = desk.rows("SELECT recorded_at FROM sessions")[0]
    done = body(status="completed", completed_time="2026-03-11T13:00:00+00:00")
    answer = stored(desk.tell(done)[0])
    ((status, completed, recorded, outcome_recorded, updated),) = desk.rows(
        "SELECT status, completed_time, recorded_at, outcome_recorded_at, updated_at FROM sessions"
    )
    assert (status, completed, recorded) == ("completed", NOON + timedelta(hours=1), told)
    assert outcome_recorded > told
    assert updated > first.updated_at
    assert (answer.status, answer.completed_time, answer.updated_at) == (status, completed, updated)
    assert (answer.created_at, answer.subject) == (first.created_at, "maths")
    assert desk.rows("SELECT session_id, state FROM work_items") == [(FIRST, "pending")] * 2
    assert desk.rows("SELECT details FROM audit_log ORDER BY id")[1] == ({"new": 0, "outcomes": 1},)

    before = desk.everything()
    assert desk.tell(done) == [answer]
    assert desk.everything() == before


def test_the_outcome_need_not_repeat_what_is_optional(desk: Desk) -> None:
    desk.tell(body())
    told = moved(booked_at=None, duration_minutes=None, subject=None, info={"original_time": None})
    assert stored(desk.tell(told)[0]).duration_minutes == 60
    assert stored(desk.tell(told)[0]).subject == "maths"
    assert desk.rows("SELECT original_time FROM reschedules") == [(NOON,)]
    assert desk.rows("SELECT booked_at, duration_minutes FROM sessions") == [(datetime(2026, 3, 1, 9, tzinfo=UTC), 60)]


def test_an_outcome_that_the_stored_booking_rules_out(desk: Desk) -> None:
    """It leaves out when the session was booked, which alone says that it cannot have been cancelled by then."""
    desk.tell(body(1), body(2, booked_at=None), body(3))
    before = desk.everything()
    early = {"cancelled_at": "2026-03-01T08:59:59Z"}
    detail = refused(desk.tell(moved(1, early, booked_at=None))[0], 409)
    assert "cancelled_at is before its booked_at, 2026-03-01T09:00:00+00:00" in detail
    assert desk.everything() == before

    answers = desk.tell(
        moved(3, early, booked_at=None), moved(1, {"cancelled_at": "2026-03-01T09:00:00Z"}, booked_at=None),
        moved(2, early, booked_at=None), body(4), moved(4, early, booked_at=None),
    )  # fmt: skip
    assert [answer.status for answer in answers] == [409, "rescheduled", "rescheduled", "scheduled", 409]


BOOKING = {
    "tutor_id": str(BOB),
    "student_id": "somebody else",
    "scheduled_time": "2026-03-11T12:00:01Z",
    "booked_at": "2026-03-01T09:01:00Z",
    "duration_minutes": 59,
    "subject": "physics",
}


def test_another_booking_is_refused_alone_and_with_an_outcome(desk: Desk) -> None:
    desk.tell(body())
    before = desk.everything()
    for field, value in BOOKING.items():
        for status in ("scheduled", "no_show"):
            detail = refused(desk.tell(body(status=status, **{field: value}))[0], 409)
            assert detail.startswith(f"The session {FIRST} is stored with another {field}")
    assert desk.everything() == before


OUTCOMES = {
    "status": (body(1, status="no_show"), body(1, status="completed")),
    "completed_time": (
        body(2, status="completed", completed_time="2026-03-11T13:00:00Z"),
        body(2, status="completed", completed_time="2026-03-11T13:00:01Z"),
    ),
    "reschedule_info.initiator": (moved(3), moved(3, {"initiator": "student"})),
    "reschedule_info.original_time": (moved(4), moved(4, {"original_time": "2026-03-11T11:00:00Z"})),
    "reschedule_info.cancelled_at": (moved(5), moved(5, {"cancelled_at": "2026-03-11T10:00:01Z"})),
    "reschedule_info.reason": (moved(6, {"reason": "ill"}), moved(6, {"reason": "late"})),
    "reschedule_info.reason_code": (moved(7, {"reason_code": "a"}), moved(7, {"reason_code": "b"})),
    "reschedule_info.new_time": (moved(8, {"new_time": "2026-03-12T12:00:00Z"}), moved(8)),
}


def test_another_outcome_is_refused(desk: Desk) -> None:
    desk.tell(*(first for first, _ in OUTCOMES.values()))
    before = desk.everything()
    for field, (_, second) in OUTCOMES.items():
        assert f"another {field}, so nothing" in refused(desk.tell(second)[0], 409)
    assert desk.everything() == before


def test_an_outcome_is_not_taken_back(desk: Desk) -> None:
    desk.tell(body(status="completed"))
    assert "another status" in refused(desk.tell(body())[0], 409)


def test_what_was_not_told_with_the_booking_cannot_be_told_with_the_outcome(desk: Desk) -> None:
    """A length that only sessions with an outcome have would tell the outcome."""
    desk.tell(body(duration_minutes=None))
    assert "another duration_minutes, status" in refused(desk.tell(body(status="completed"))[0], 409)


def test_all_that_differs_is_named(desk: Desk) -> None:
    desk.tell(body(status="completed"))
    detail = refused(desk.tell(moved(subject="physics", duration_minutes=30))[0], 409)
    assert "another duration_minutes, subject, status, so nothing was changed" in detail


def test_the_same_moment_in_another_offset_is_the_same(desk: Desk) -> None:
    first = desk.tell(body())
    assert desk.tell(body(scheduled_time="2026-03-11T13:00:00+01:00", booked_at="2026-03-01T09:00:00.000")) == first


def test_a_tutor_who_is_nobody_here(desk: Desk) -> None:
    stranger = str(uuid.uuid4())
    assert stranger in refused(desk.tell(body(tutor_id=stranger))[0], 404)
    assert desk.everything() == [[], [], [], []]


def test_an_inactive_tutors_sessions_are_taken(desk: Desk) -> None:
    stored(desk.tell(body(tutor_id=str(BOB)))[0])
    stored(desk.tell(body(tutor_id=str(BOB), status="no_show"))[0])
    assert desk.rows("SELECT status FROM sessions") == [("no_show",)]


def test_a_student_who_is_known_here_is_stored_by_the_id_that_is_used_here(desk: Desk) -> None:
    names = ("pia", str(PIA), str(PIA).upper())
    for number, name in enumerate(names):
        assert stored(desk.tell(body(number, student_id=name))[0]).student_id == str(PIA)
    before = desk.everything()
    for again in names:
        assert stored(desk.tell(body(student_id=again))[0]).student_id == str(PIA)
    assert desk.everything() == before


def test_a_student_who_is_nobody_here_is_kept_as_text(desk: Desk) -> None:
    for number, told in enumerate(
        (" Mia  M. ", "Ä" * 255, "'; DROP TABLE sessions; --", "%(x)s :y \\ \u2028 \U0001f600"), 1
    ):
        assert stored(desk.tell(body(number, student_id=told))[0]).student_id == told
        assert desk.rows(f"SELECT student_id FROM sessions WHERE id = '{uuid.UUID(int=number)}'") == [(told,)]
    nobody = "AAAAAAAA-0000-4000-8000-00000000000A"  # as an import would store it, so that the student can still come
    assert stored(desk.tell(body(5, student_id=nobody))[0]).student_id == nobody.lower()


def test_each_is_taken_whatever_becomes_of_the_others(desk: Desk) -> None:
    desk.tell(body(3, status="completed"), body(4))
    answers = desk.tell(
        body(9), body(1, tutor_id=str(uuid.uuid4())), body(3), body(4, status="no_show"), body(2), moved(7)
    )
    statuses = [answer.status for answer in answers]
    assert statuses == ["scheduled", 404, 409, "no_show", "scheduled", "rescheduled"]
    query = (
        "SELECT s.id, s.status, count(*) FROM sessions s JOIN work_items w ON w.session_id = s.id GROUP BY 1 ORDER BY 1"
    )
    assert [(key.int, status, count) for key, status, count in desk.rows(query)] == [
        (2, "scheduled", 1), (3, "completed", 1), (4, "no_show", 2), (7, "rescheduled", 1), (9, "scheduled", 1),
    ]  # fmt: skip
    query = "SELECT subject, details FROM audit_log ORDER BY id"
    assert desk.rows(query)[1:] == [("6 sessions", {"new": 3, "outcomes": 1})]


def test_an_id_that_comes_again_follows_the_rules_as_if_told_after(desk: Desk) -> None:
    stranger = str(uuid.uuid4())
    answers = desk.tell(
        body(1, tutor_id=stranger),  # refused, so the next is the first
        body(1),
        body(1, subject="physics"),
        moved(1),
        moved(1),
        body(1),
        moved(1, {"reason": "ill"}),
    )
    assert [answer.status for answer in answers] == [404, "scheduled", 409, "rescheduled", "rescheduled", 409, 409]
    assert desk.rows("SELECT status, subject FROM sessions") == [("rescheduled", "maths")]
    assert desk.rows("SELECT initiator, reason FROM reschedules") == [("tutor", None)]
    assert desk.rows("SELECT count(*) FROM work_items") == [(2,)]  # the booking, and the outcome


def test_the_number_of_statements_does_not_grow_with_the_batch(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[object] = []

    def count_cursor(connection: Connection) -> Any:
        counted.append("prepared")
        return open_cursor(connection)

    monkeypatch.setattr(prepared, "open_cursor", count_cursor)
    event.listen(desk.engine, "before_cursor_execute", lambda *call: counted.append(call[2]))

    def count(*bodies: dict[str, Any]) -> int:
        counted.clear()
        desk.tell(*bodies)
        return len(counted)

    many = range(2, 202)
    # (a limit set), inserted, noted in the audit log, the processor woken
    assert count(body(1)) == count(*(body(number) for number in many)) == 4
    # not inserted, locked, read, recorded, noted, woken
    assert count(body(1, status="no_show")) == count(*(body(number, status="no_show") for number in many)) == 7
    # not inserted, nothing to lock, read
    assert count(body(1, status="no_show")) == count(*(body(number, status="no_show") for number in many)) == 4


def test_a_processor_that_listens_wakes_at_the_commit(desk: Desk) -> None:
    url = desk.engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    listener = psycopg2.connect(url)
    try:
        listener.autocommit = True
        with listener.cursor() as cursor:
            cursor.execute("LISTEN tqs_work")
            desk.tell(body())
            cursor.execute("SELECT 1")
            assert [note.channel for note in listener.notifies] == ["tqs_work"]
            listener.notifies.clear()
            desk.tell(body())
            cursor.execute("SELECT 1")
            assert listener.notifies == []
    finally:
        listener.close()
