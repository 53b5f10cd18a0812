"""Sessions told by a caller, durable before the answer, each with the promise to process it.

One transaction takes them all in, in a few statements whatever their number. First it inserts those that are new, in
the order of their ids, then it locks those that get an outcome, in that order too: of two transactions that overlap
one waits for the other, and none for each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from psycopg2.errors import DeadlockDetected
from pydantic import TypeAdapter
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError

from access.audit import record_action
from processing.agreement import (
    Known,
    StoredSession,
    add_outcome,
    find_contradiction,
    find_differences,
    is_outcome,
)
from processing.posted import PostedSession, RescheduleInfo
from records.prepared import execute_prepared
from records.work import QUEUE_SESSIONS, wake_processor
from tqs.failpoints import reach

ATTEMPTS: Final = 5
LOCK_TIMEOUT_MS: Final = 2_000  # a file that is imported may hold a session for minutes; whoever posts it comes again


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a session was not taken. status: as HTTP has it: 400 invalid, 404 unknown tutor, 409 contradicts."""

    status: int
    detail: str


Answer = StoredSession | Refusal


def take_sessions(engine: Engine, posted: Sequence[PostedSession], actor: str) -> list[Answer]:
    """Store sessions, their reschedules and the promise to process them; an answer for each, in their order.

    A session that is stored as it is told already is answered as it stands and nothing is written; an outcome told of
    one that is only scheduled so far is recorded. Both count as told now, by the database's clock. What else differs
    from what is stored, also by an earlier one of `posted`, is refused with 409, and an unknown tutor with 404; an
    inactive tutor's sessions are taken. What was written is in the audit log, one row.

    Raises
    ------
    DBAPIError, psycopg2.Error
        where the database fails, or another transaction holds one of the sessions for two seconds (55P03): nothing was
        taken, or all was and only the answer is lost; telling it again is right in either case.
    """
    for _ in range(ATTEMPTS - 1):
        try:
            return _take(engine, posted, actor)
        except (OperationalError, DeadlockDetected) as error:
            # An import, which takes rows in the order of its file, was in the way.
            if not isinstance(getattr(error, "orig", error), DeadlockDetected):
                raise
    return _take(engine, posted, actor)


def _take(engine: Engine, posted: Sequence[PostedSession], actor: str) -> list[Answer]:
    with engine.connect() as connection:
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
        answers, met = _insert_new(connection, posted)
        new = sum(isinstance(answer, StoredSession) for answer in answers.values())
        settled, outcomes = _settle(connection, met) if met else ({}, 0)
        if new or outcomes:
            subject = str(posted[0].session_id) if len(posted) == 1 else f"{len(posted)} sessions"
            record_action(connection, actor, "post sessions", subject, {"new": new, "outcomes": outcomes})
            reach("intake.stored")
            connection.commit()
            reach("intake.committed")
            wake_processor(connection)
    answers |= settled
    return [answers[line] for line in range(len(posted))]


def _insert_new(
    connection: Connection, posted: Sequence[PostedSession]
) -> tuple[dict[int, Answer], dict[int, PostedSession]]:
    """Insert the first of each id that has a known tutor; the answers by line, and the lines that met a stored one.

    The latter come with their student as it would be stored.
    """
    answers: dict[int, Answer] = {}
    met: dict[int, PostedSession] = {}
    found = execute_prepared(connection, "insert_new_sessions", _INSERT, _JSON.dump_json(list(posted)).decode())
    for line, stranger, student_id, created_at, updated_at in found:
        told = posted[line]
        if stranger:
            answers[line] = Refusal(404, f"There is no tutor {told.tutor_id}; import or post the tutor first.")
        elif created_at is None:
            met[line] = told.model_copy(update={"student_id": student_id})
        else:
            answers[line] = StoredSession(
                told.session_id,
                told.tutor_id,
                student_id,
                told.scheduled_time,
                told.booked_at,
                told.completed_time,
                told.duration_minutes,
                told.subject,
                told.status,
                created_at,
                updated_at,
            )
    return answers, met


def _settle(connection: Connection, met: dict[int, PostedSession]) -> tuple[dict[int, Answer], int]:
    """Answers by line for sessions that are stored already, and how many outcomes were recorded."""
    told_outcome = sorted({told.session_id for told in met.values() if told.status != "scheduled"})
    if told_outcome:
        connection.execute(_LOCK, {"ids": told_outcome})
    known = _read(connection, {told.session_id for told in met.values()})
    answers: dict[int, Answer] = {}
    outcomes: dict[UUID, PostedSession] = {}
    for line, told in sorted(met.items()):
        before = known[told.session_id]
        different = find_differences(before, told)
        if is_outcome(before, different) and (wrong := find_contradiction(before, told)):
            answers[line] = Refusal(409, f"The session {told.session_id} is stored, and {wrong}; nothing was changed.")
        elif is_outcome(before, different):
            outcomes[told.session_id] = told
            known[told.session_id] = add_outcome(before, told)
        elif different:
            answers[line] = Refusal(409, _explain(told.session_id, different))
    if outcomes:
        rows = connection.execute(_RECORD, {"outcomes": _JSON.dump_json(list(outcomes.values())).decode()})
        updated = {row.id: row.updated_at for row in rows}
        known |= {
            one: replace(known[one], session=replace(known[one].session, updated_at=at)) for one, at in updated.items()
        }
    return {line: answers.get(line, known[told.session_id].session) for line, told in met.items()}, len(outcomes)


def _read(connection: Connection, ids: set[UUID]) -> dict[UUID, Known]:
    found: dict[UUID, Known] = {}
    for row in connection.execute(_STORED, {"ids": sorted(ids)}):
        values: dict[str, Any] = dict(row._mapping)
        reschedule = {name: values.pop(name) for name in RescheduleInfo.model_fields}
        moved = None if reschedule["initiator"] is None else RescheduleInfo.model_construct(None, **reschedule)
        found[row.id] = Known(StoredSession(**values), moved)
    return found


def _explain(session_id: UUID, different: list[str]) -> str:
    return (
        f"The session {session_id} is stored with another {', '.join(different)}, so nothing was changed; "
        "what may still be told of a stored session is the outcome of one that is scheduled."
    )


_JSON: Final = TypeAdapter(list[PostedSession])
_GIVEN: Final = """json_to_recordset({json}) AS (
    session_id uuid, tutor_id uuid, student_id text, scheduled_time timestamptz, status text, booked_at timestamptz,
    completed_time timestamptz, duration_minutes smallint, subject text, reschedule_info json)"""
_MOVED: Final = """
    INSERT INTO reschedules (session_id, initiator, original_time, new_time, reason, reason_code, cancelled_at)
    SELECT id, r.initiator, coalesce(r.original_time, g.scheduled_time), r.new_time, r.reason, r.reason_code,
        r.cancelled_at
    FROM session JOIN {given} g ON g.session_id = session.id, json_to_record(g.reschedule_info) AS r (
        initiator text, original_time timestamptz, new_time timestamptz, reason text, reason_code text,
        cancelled_at timestamptz)
    WHERE g.status = 'rescheduled'"""
_QUEUED: Final = QUEUE_SESSIONS.format(sessions="SELECT id FROM session")
_INSERT: Final = f"""
    WITH given AS MATERIALIZED (
        SELECT g.*, coalesce(
                (SELECT p.id::text FROM students p WHERE p.external_id = g.told_student), g.told_student
            ) AS student_id,
            (SELECT t.id FROM tutors t WHERE t.id = g.tutor_id) IS NULL AS stranger
        FROM ROWS FROM ({_GIVEN.format(json="$1")}) WITH ORDINALITY AS g (session_id, tutor_id, told_student,
            scheduled_time, status, booked_at, completed_time, duration_minutes, subject, reschedule_info, place)
    ), first AS MATERIALIZED (
        SELECT DISTINCT ON (session_id) *, clock_timestamp() AS told
        FROM given WHERE NOT stranger ORDER BY session_id, place
    ), session AS (
        INSERT INTO sessions (id, tutor_id, student_id, scheduled_time, booked_at, completed_time, duration_minutes,
            subject, status, recorded_at, outcome_recorded_at, source)
        SELECT session_id, tutor_id, student_id, scheduled_time, booked_at, completed_time, duration_minutes,
            subject, status, told, CASE WHEN status <> 'scheduled' THEN told END, 'api'
        FROM first ORDER BY session_id
        ON CONFLICT (id) DO NOTHING
        RETURNING id, created_at, updated_at
    ), moved AS ({_MOVED.format(given="first")}), promised AS ({_QUEUED})
    SELECT (g.place - 1)::int AS line, g.stranger, g.student_id, s.created_at, s.updated_at
    FROM given g LEFT JOIN first f USING (place) LEFT JOIN session s ON s.id = f.session_id
    """
# A statement of its own: what those whom it waited for have stored is seen by the next one.
_LOCK: Final = text(
    "SELECT FROM sessions WHERE id = ANY(CAST(:ids AS uuid[])) AND status = 'scheduled' ORDER BY id FOR NO KEY UPDATE"
)
_STORED: Final = text(
    f"""
    SELECT {", ".join(f"s.{name}" for name in StoredSession.__dataclass_fields__)},
        {", ".join(f"r.{name}" for name in RescheduleInfo.model_fields)}
    FROM sessions s LEFT JOIN reschedules r ON r.session_id = s.id AND s.status = 'rescheduled'
    WHERE s.id = ANY(CAST(:ids AS uuid[]))
    """
)
# Of a synthetic world a session is one no longer: another world would write over what was told.
_RECORD: Final = text(
    f"""
    WITH given AS MATERIALIZED (SELECT * FROM {_GIVEN.format(json=":outcomes")}), session AS (
        UPDATE sessions s SET status = g.status, completed_time = g.completed_time,
            outcome_recorded_at = clock_timestamp(), updated_at = clock_timestamp(),
            source = CASE s.source WHEN 'world' THEN 'api' ELSE s.source END
        FROM given g WHERE s.id = g.session_id
        RETURNING s.id, s.updated_at
    ), moved AS ({_MOVED.format(given="given")}), promised AS ({_QUEUED})
    SELECT id, updated_at FROM session
    """
)
