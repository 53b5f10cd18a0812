"""Records as the columns that features are computed from, whole or for a few people, now or as known earlier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy import Connection, Engine

from records.bulk import open_cursor, read_rows
from records.columns import (
    DAY_US,
    NEVER,
    SCHEDULED,
    STATUSES,
    TEACHING_STYLES,
    Directory,
    History,
    Sessions,
    StudentProfiles,
    TutorProfiles,
)
from records.known import ALL_RESCHEDULES, BOOKING_KNOWN, OUTCOME_KNOWN
from tqs.errors import RecordsError

_TUTOR_NUMBERS = ("age", "experience_years", "preferred_pace", "communication_style", "confidence_level")
_STUDENT_NUMBERS = (
    "age",
    "preferred_pace",
    "communication_style_preference",
    "urgency_level",
    "previous_tutoring_experience",
    "previous_satisfaction",
)


def read_history(
    engine: Engine,
    until: int | None = None,
    *,
    tutors: Sequence[str] | None = None,
    students: Sequence[str] | None = None,
) -> History:
    """All that features are computed from, sessions in the order of (scheduled, id).

    Parameters
    ----------
    until
        µs since 1970: the records as they were known just before that moment. Sessions and profile versions that
        became known later are left out, outcomes that did are not yet known (status scheduled). The directory is
        not cut.
    tutors, students
        ids: only the sessions and profiles of these tutors or of these students (and the profiles of whom they
        met), with a directory of just the people concerned. Neither: everyone.

    Raises
    ------
    RecordsError
        a tutor id that is no UUID.
    """
    few = tutors is not None or students is not None
    wanted = {"tutors": _canonical(tutors or ()), "students": list(students or ())}
    queries = _queries(few)
    values = wanted if few else None
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection, connection.begin():
        connection.exec_driver_sql("SET LOCAL work_mem = '128MB'")
        directory = Directory(
            tutors=_ids(connection, queries["tutors"], wanted), students=_ids(connection, queries["students"], wanted)
        )
        history = History(
            directory=directory,
            sessions=read_sessions(connection, queries["sessions"], values),
            tutor_profiles=TutorProfiles(**_read(connection, queries["tutor_profiles"], _TUTOR, values)),
            student_profiles=StudentProfiles(**_read(connection, queries["student_profiles"], _STUDENT, values)),
        )
    return history if until is None else cut_history(history, until)


def read_sessions(connection: Connection, query: str, values: Mapping[str, Any] | None) -> Sessions:
    """The rows of a query of `select_sessions`, in the order of (scheduled, id)."""
    return _sort(Sessions(**_read(connection, query, _SESSION, values)))


def select_sessions(
    source: str, tutor: str = "t.code", student: str = "u.code", reschedules: str = ALL_RESCHEDULES
) -> str:
    """SQL for the columns of `Sessions`: of the sessions `s` in `source`, whose people have the codes given."""
    return f"""SELECT s.id, {tutor}, {student}, s.scheduled_time, coalesce(s.booked_at, '-infinity'),
            coalesce({BOOKING_KNOWN}, '-infinity'),
            coalesce(s.duration_minutes::float8, 'NaN'),
            {_code("s.status", STATUSES)},
            coalesce(r.initiator = 'tutor', false),
            CASE WHEN s.status = 'scheduled' THEN 'infinity' ELSE {OUTCOME_KNOWN} END
        FROM {source} {reschedules}"""


def cut_history(history: History, until: int) -> History:
    """The history as it was known just before `until` (µs); a fact counts only if known strictly before."""
    sessions = history.sessions.take(history.sessions.booking_known < until)
    later = sessions.outcome_known >= until
    known = Sessions(
        **{
            **{name: getattr(sessions, name) for name in _SESSION},
            "status": np.where(later, np.int8(SCHEDULED), sessions.status),
            "by_tutor": sessions.by_tutor & ~later,
            "outcome_known": np.where(later, NEVER, sessions.outcome_known),
        }
    )
    return History(
        directory=history.directory,
        sessions=known,
        tutor_profiles=history.tutor_profiles.take(history.tutor_profiles.known < until),
        student_profiles=history.student_profiles.take(history.student_profiles.known < until),
    )


def select_upcoming(sessions: Sessions, now: int, days: float) -> Sessions:
    """The sessions still scheduled whose start lies in (now, now + days], `now` in µs."""
    end = now + int(days * DAY_US)
    return sessions.take((sessions.status == SCHEDULED) & (sessions.scheduled > now) & (sessions.scheduled <= end))


_SESSION = {
    "id": "V16",
    "tutor": ">i8",
    "student": ">i8",
    "scheduled": "time",
    "booked": "time",
    "booking_known": "time",
    "duration": ">f8",
    "status": ">i2",
    "by_tutor": "?",
    "outcome_known": "time",
}
_TUTOR = {
    "tutor": ">i8",
    "valid_from": "time",
    "known": "time",
    **dict.fromkeys(_TUTOR_NUMBERS, ">f8"),
    "teaching_style": ">i2",
}
_STUDENT = {
    "student": ">i8",
    "valid_from": "time",
    "known": "time",
    **dict.fromkeys(_STUDENT_NUMBERS, ">f8"),
    "preferred_teaching_style": ">i2",
}


def _queries(few: bool) -> dict[str, str]:
    """SQL for each part. People are numbered in the order of their ids, the same in every query."""
    if few:
        of_them = "tutor_id = ANY(%(tutors)s::uuid[]) OR student_id = ANY(%(students)s::text[])"
        chosen = f"(SELECT * FROM sessions WHERE {of_them})"
        tutors = f"SELECT tutor_id AS id FROM {chosen} c UNION SELECT unnest(%(tutors)s::uuid[])"
        students = f"SELECT student_id AS id FROM {chosen} c UNION SELECT unnest(%(students)s::text[])"
    else:
        chosen = "sessions"
        tutors = "SELECT id FROM tutors"
        students = "SELECT id::text AS id FROM students UNION SELECT student_id FROM sessions"
    known = f"""WITH t AS (SELECT id, row_number() OVER (ORDER BY id) - 1 AS code FROM ({tutors}) p),
        u AS (SELECT id, row_number() OVER (ORDER BY id COLLATE "C") - 1 AS code FROM ({students}) p)"""
    return {
        "tutors": f"SELECT id::text FROM ({tutors}) p ORDER BY p.id",
        "students": f'SELECT id FROM ({students}) p ORDER BY id COLLATE "C"',
        "sessions": f"""{known}
            {select_sessions(f"{chosen} s JOIN t ON t.id = s.tutor_id JOIN u ON u.id = s.student_id")}""",
        "tutor_profiles": f"""{known}
            SELECT t.code, p.valid_from, greatest(p.valid_from, p.recorded_at), {_numbers(_TUTOR_NUMBERS)},
                {_code("p.teaching_style", TEACHING_STYLES)}
            FROM tutor_profiles p JOIN t ON t.id = p.tutor_id ORDER BY 1, 2""",
        "student_profiles": f"""{known}
            SELECT u.code, p.valid_from, greatest(p.valid_from, p.recorded_at), {_numbers(_STUDENT_NUMBERS)},
                {_code("p.preferred_teaching_style", TEACHING_STYLES)}
            FROM student_profiles p JOIN u ON u.id = p.student_id::text ORDER BY 1, 2""",
    }


def _code(column: str, words: Sequence[str]) -> str:
    cases = " ".join(f"WHEN '{word}' THEN {code}" for code, word in enumerate(words))
    return f"(CASE {column} {cases} ELSE -1 END)::int2"


def _numbers(columns: Sequence[str]) -> str:
    return ", ".join(f"coalesce(p.{column}::float8, 'NaN')" for column in columns)


def _canonical(ids: Sequence[str]) -> list[str]:
    try:
        return [str(UUID(text)) for text in ids]
    except ValueError as error:
        raise RecordsError(f"a tutor's id is a UUID; got one that is not among {list(ids)!r}") from error


def _read(connection: Connection, query: str, kinds: dict[str, str], values: Mapping[str, Any] | None) -> Any:
    columns = read_rows(connection, query, kinds, values)
    return {name: column.astype(np.int8) if column.dtype == np.int16 else column for name, column in columns.items()}


def _ids(connection: Connection, query: str, values: dict[str, list[str]]) -> Any:
    with open_cursor(connection) as cursor:
        cursor.execute(query, values)
        return np.array([row[0] for row in cursor], dtype=object)


def _sort(sessions: Sessions) -> Sessions:
    halves = np.ascontiguousarray(sessions.id).view(">u8")
    return sessions.take(np.lexsort((halves[:, 1], halves[:, 0], sessions.scheduled)))
