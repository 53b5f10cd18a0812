"""Students and tutors as they are matched on screen: pages of them, their preferences, and who teaches whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Engine, Row, text

from scoring.upcoming_list import STUDENT_KEY
from tqs.errors import QueryError

MAX_LIMIT: Final = 500
# SQL of `find_current_tutor`, of the student whose id, as a text, stands in its place.
CURRENT_TUTOR: Final = """
    SELECT s.tutor_id FROM sessions s JOIN tutors t ON t.id = s.tutor_id AND t.is_active
    WHERE s.student_id = {student} AND (
        s.status = 'scheduled' AND s.scheduled_time > now()
        OR s.status IN ('completed', 'no_show') AND s.scheduled_time <= now())
    ORDER BY s.status = 'scheduled' DESC, abs(extract(epoch FROM s.scheduled_time - now())), s.id LIMIT 1"""


@dataclass(frozen=True, slots=True)
class StudentCard:
    """A student with what is known of the preferences: scales are 1-5, None where nobody told."""

    id: UUID
    name: str
    age: int | None
    preferred_pace: int | None
    preferred_teaching_style: str | None
    communication_style_preference: int | None
    urgency_level: int | None
    learning_goals: str | None
    previous_tutoring_experience: int | None
    previous_satisfaction: int | None


@dataclass(frozen=True, slots=True)
class TutorCard:
    """An active tutor with preferences as of StudentCard and the scores of 30 days: the rate in percent.

    is_high_risk, and what follows it: None where the tutor was never scored, the rate also without a session.
    """

    id: UUID
    name: str
    age: int | None
    preferred_pace: int | None
    teaching_style: str | None
    communication_style: int | None
    experience_years: int | None
    confidence_level: int | None
    is_high_risk: bool | None
    reschedule_rate_30d: float | None
    total_sessions_30d: int | None


@dataclass(frozen=True, slots=True)
class StudentPage:
    """The students `offset` to `offset + limit` of all `total` that match, by name."""

    students: list[StudentCard]
    total: int


@dataclass(frozen=True, slots=True)
class Lesson:
    """A session that somebody is to be found for. student_id: None where the student is known by a text only."""

    id: UUID
    scheduled_time: datetime
    status: str
    tutor_id: UUID
    tutor_name: str
    student_id: UUID | None
    student_name: str | None


def list_students(
    engine: Engine, search: str = "", *, only_unmatched: bool = False, limit: int = 10, offset: int = 0
) -> StudentPage:
    """A page of the students whose name holds `search` in any case (`%` and `_` mean themselves), by name, then id.

    only_unmatched: those without a session ahead.

    Raises
    ------
    QueryError
        a limit outside 1-500 or a negative offset.
    """
    if not 1 <= limit <= MAX_LIMIT:
        raise QueryError(f"limit is {limit}; it can be 1 to {MAX_LIMIT}")
    if offset < 0:
        raise QueryError(f"offset is {offset}; it can be 0 or more")
    where = " AND ".join(
        [_NAME_HOLDS.format("s")] * bool(search) + [_WITHOUT_SESSION_AHEAD] * only_unmatched or ["true"]
    )
    values = {"search": search.replace("\0", ""), "limit": limit, "offset": offset}
    page = text(f"SELECT {_STUDENT} FROM students s WHERE {where} ORDER BY s.name, s.id LIMIT :limit OFFSET :offset")
    with engine.connect().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True) as connection:
        found = connection.execute(page, values).all()
        total = connection.execute(text(f"SELECT count(*) FROM students s WHERE {where}"), values).scalar_one()
    return StudentPage([StudentCard(**row._mapping) for row in found], total)


def find_students(engine: Engine, ids: Sequence[UUID]) -> list[StudentCard]:
    """Those of these ids that there are, in the order of the ids."""
    return [StudentCard(**row._mapping) for row in _find(engine, _STUDENTS, ids)]


def find_tutors(engine: Engine, ids: Sequence[UUID]) -> list[TutorCard]:
    """Those of these ids that are active tutors, in the order of the ids."""
    return [TutorCard(**row._mapping) for row in _find(engine, _TUTORS, ids)]


def search_tutors(engine: Engine, search: str) -> frozenset[UUID]:
    """The active tutors whose name holds `search` in any case."""
    with engine.connect() as connection:
        return frozenset(connection.scalars(_TUTORS_NAMED, {"search": search.replace("\0", "")}))


def find_current_tutor(engine: Engine, student_id: UUID) -> UUID | None:
    """The active tutor of the student's next session ahead, else of the last one that took place or was missed.

    None without either.
    """
    with engine.connect() as connection:
        found: UUID | None = connection.scalar(_CURRENT_TUTOR, {"student": str(student_id)})
    return found


def find_lesson(engine: Engine, session_id: UUID) -> Lesson | None:
    """The session of this id; None where there is none."""
    with engine.connect() as connection:
        row = connection.execute(_LESSON, {"id": session_id}).one_or_none()
    return None if row is None else Lesson(**row._mapping)


_STUDENT: Final = ", ".join(f"s.{field.name}" for field in fields(StudentCard))
_SCORES: Final = ("is_high_risk", "reschedule_rate_30d", "total_sessions_30d")
_TUTOR: Final = ", ".join(f"{'c' if f.name in _SCORES else 't'}.{f.name}" for f in fields(TutorCard))
_NAME_HOLDS: Final = """strpos(lower({}.name COLLATE "default"), lower(CAST(:search AS text))) > 0"""
# All sessions ahead are read once, from their index: there are far fewer than students have behind them.
_WITHOUT_SESSION_AHEAD: Final = """s.id::text NOT IN (
    SELECT student_id FROM sessions WHERE status = 'scheduled' AND scheduled_time > now())"""
_ASKED: Final = "unnest(CAST(:ids AS uuid[])) WITH ORDINALITY AS asked (id, place)"
_STUDENTS: Final = text(f"SELECT {_STUDENT} FROM {_ASKED} JOIN students s ON s.id = asked.id ORDER BY asked.place")
_TUTORS: Final = text(
    f"""
    SELECT {_TUTOR} FROM {_ASKED} JOIN tutors t ON t.id = asked.id AND t.is_active
    LEFT JOIN tutor_scores c ON c.tutor_id = t.id ORDER BY asked.place
    """
)
_TUTORS_NAMED: Final = text(f"SELECT t.id FROM tutors t WHERE t.is_active AND {_NAME_HOLDS.format('t')}")
_CURRENT_TUTOR: Final = text(CURRENT_TUTOR.format(student=":student"))
_LESSON: Final = text(
    f"""
    SELECT s.id, s.scheduled_time, s.status, s.tutor_id, t.name AS tutor_name, u.id AS student_id,
        u.name AS student_name
    FROM sessions s JOIN tutors t ON t.id = s.tutor_id LEFT JOIN students u ON u.id = {STUDENT_KEY}
    WHERE s.id = :id
    """
)


def _find(engine: Engine, query: Any, ids: Sequence[UUID]) -> Sequence[Row[Any]]:
    with engine.connect() as connection:
        return connection.execute(query, {"ids": [str(one) for one in ids]}).all()
