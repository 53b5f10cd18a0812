"""Who a tutor is: the profile as it is now, whether they teach still, and from when to when they did."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Engine, text


@dataclass(frozen=True, slots=True)
class TutorPerson:
    """A tutor without any score, active or removed; what is not known is None.

    Pace, communication and confidence are on scales of 1-5. first_session, last_session: when the first and the last
    one whose time has come were scheduled, whatever became of them.
    """

    id: UUID
    name: str
    email: str | None
    is_active: bool
    age: int | None
    experience_years: int | None
    teaching_style: str | None
    preferred_pace: int | None
    communication_style: int | None
    confidence_level: int | None
    preferred_student_level: str | None
    first_session: datetime | None
    last_session: datetime | None


def find_person(engine: Engine, tutor_id: UUID, now: datetime) -> TutorPerson | None:
    """The tutor of that id; None where there is none."""
    with engine.connect() as connection:
        row = connection.execute(_STATEMENT, {"id": tutor_id, "now": now}).one_or_none()
    return None if row is None else TutorPerson(**row._mapping)


_STATEMENT: Final = text(
    """
    SELECT id, name, email, is_active, age, experience_years, teaching_style, preferred_pace, communication_style,
        confidence_level, preferred_student_level,
        (SELECT min(scheduled_time) FROM sessions WHERE tutor_id = t.id AND scheduled_time <= :now) AS first_session,
        (SELECT max(scheduled_time) FROM sessions WHERE tutor_id = t.id AND scheduled_time <= :now) AS last_session
    FROM tutors t WHERE id = :id
    """
)
