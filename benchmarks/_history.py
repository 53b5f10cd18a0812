"""Records of a company of any size, made by SQL in the database itself: what a tutor's weeks hold is alike in each."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, Engine, text

from benchmarks._model import make_artifact
from modelling.store import promote, save_challenger
from scoring.sessions import SESSION_TARGETS

HOURS_APART: Final = 52  # from one session of a tutor to the next
AHEAD: Final = 6  # sessions of a tutor that are still to come, within the next 14 days
RECENT: Final = 44  # sessions of a tutor that are over, within a little more than the longest window of 90 days
STAY: Final = 40  # sessions of a tutor, after which all students have changed: a term of 87 days
TREES, DEPTH = 100, 5


def write_history(engine: Engine, tutors: int, sessions_each: int) -> int:
    """People, sessions that came every 52 hours of each tutor, and models that predict; how many sessions.

    A tutor has five students at a time, who stay for a term of 87 days. Of the sessions that are over tutors moved 12 %
    and students missed 3 %.
    """
    sizes = {"tutors": tutors, "past": sessions_each - AHEAD, "ahead": AHEAD, "hours": HOURS_APART, "stay": STAY}
    with engine.begin() as connection:
        connection.execute(_TUTORS, sizes)
        connection.execute(_STUDENTS, sizes)
        indexes = _drop_indexes(connection)
        written = connection.execute(_SESSIONS, sizes).rowcount
        for index in indexes:
            connection.exec_driver_sql(index)
        connection.execute(_RESCHEDULES)
    for target in SESSION_TARGETS:
        saved = save_challenger(engine, make_artifact(target, trees=TREES, depth=DEPTH))
        promote(engine, target, saved.version, expected_champion=None, reason="a benchmark", actor="benchmark")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
    return written


def promise_sessions(engine: Engine, tutors: int, sessions: int, *, first: int = 0) -> None:
    """Sessions of the last month, told just now and not processed yet, of one tutor after the other from `first` on."""
    with engine.begin() as connection:
        connection.execute(_PROMISED, {"tutors": tutors, "first": first, "last": first + sessions - 1})


def _drop_indexes(connection: Connection) -> list[str]:
    """Drop what only makes reading of sessions fast; the statements that make it again."""
    found = connection.execute(_INDEXES).all()
    for name, _ in found:
        connection.exec_driver_sql(f"DROP INDEX {name}")
    return [statement for _, statement in found]


_INDEXES: Final = text(
    "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'sessions' AND indexname LIKE 'ix%'"
)
_TUTOR: Final = "md5('tutor ' || {number})::uuid"
_STUDENT: Final = "md5('student ' || {number})::uuid"
_TUTORS: Final = text(
    f"""
    INSERT INTO tutors (id, name, source) SELECT {_TUTOR.format(number="i")}, 'Tutor ' || i, 'import'
    FROM generate_series(0, :tutors - 1) i
    """
)
_STUDENTS: Final = text(
    f"""
    INSERT INTO students (id, name, source) SELECT {_STUDENT.format(number="i")}, 'Student ' || i, 'import'
    FROM generate_series(0, :tutors * ((:past + :ahead) / :stay + 1) - 1) i
    """
)
_SESSIONS: Final = text(
    f"""
    INSERT INTO sessions (tutor_id, student_id, scheduled_time, booked_at, completed_time, duration_minutes, status,
        source)
    SELECT {_TUTOR.format(number="i")}, {_STUDENT.format(number="student")}, scheduled, scheduled - interval '20 days',
        CASE WHEN status = 'completed' THEN scheduled + interval '1 hour' END, 60, status, 'import'
    FROM generate_series(0, :tutors - 1) i, generate_series(- :ahead, :past - 1) j,
        LATERAL (SELECT (31 * i + 17 * j) % 100 AS chance,
            (i + (j + :ahead) % 5 * 17) % :tutors + (j + :ahead) / :stay * :tutors AS student,
            date_trunc('hour', now()) - (:hours * j + i % 50 + 2) * interval '1 hour' AS scheduled) one,
        LATERAL (SELECT CASE WHEN j < 0 THEN 'scheduled' WHEN chance < 12 THEN 'rescheduled'
            WHEN chance < 15 THEN 'no_show' ELSE 'completed' END AS status) two
    """
)
_RESCHEDULES: Final = text(
    """
    INSERT INTO reschedules (session_id, initiator, original_time, cancelled_at)
    SELECT id, 'tutor', scheduled_time, scheduled_time - interval '1 day' FROM sessions WHERE status = 'rescheduled'
    """
)
_PROMISED: Final = text(
    f"""
    WITH session AS (
        INSERT INTO sessions (tutor_id, student_id, scheduled_time, booked_at, completed_time, duration_minutes,
            status, recorded_at, outcome_recorded_at, source)
        SELECT {_TUTOR.format(number="k % :tutors")}, {_STUDENT.format(number="k % 997")}, scheduled,
            scheduled - interval '5 days', scheduled + interval '1 hour', 60, 'completed', now(), now(), 'api'
        FROM generate_series(CAST(:first AS int), :last) k,
            LATERAL (SELECT date_trunc('hour', now()) - (2 + k % 700) * interval '1 hour' AS scheduled) one
        RETURNING id
    )
    INSERT INTO work_items (session_id) SELECT id FROM session
    """
)
