"""Whom to pair: profiles and recent sessions of students and tutors, read narrowly.

Read are the version of each profile that was valid and the sessions of 30 days, by index: what it costs does not grow
with the tables. `features.pairing` computes the same numbers from whole records, which a test makes sure of.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, text

from features.catalogue_tutor import HIGH_RISK_PERCENT
from features.pairing import StudentVectors, TutorVectors
from features.tutor import rate_of
from records.bulk import read_rows
from records.columns import TEACHING_STYLES, Float64, Int8, Int64
from records.known import RECORD_KNOWN

Ids = NDArray[np.uint8]

STUDENT_NUMBERS: Final = (
    "age",
    "preferred_pace",
    "communication_style_preference",
    "urgency_level",
    "previous_tutoring_experience",
    "previous_satisfaction",
)
TUTOR_NUMBERS: Final = ("age", "preferred_pace", "communication_style", "experience_years", "confidence_level")


@dataclass(frozen=True, slots=True)
class People:
    """Who to pair, in the order of their ids: UUIDs as uint8 (n, 16), and what features need of them.

    students_changed, tutors_changed: (n,) µs, when each one's inputs had last changed as these were read.
    """

    student_ids: Ids
    students: StudentVectors
    students_changed: Int64
    tutor_ids: Ids
    tutors: TutorVectors
    tutors_changed: Int64


def read_people(
    engine: Engine, now: datetime, students: Sequence[str] | None = None, tutors: Sequence[str] | None = None
) -> People:
    """Students and active tutors as known just before `now`: all, or those of these ids that there are."""
    with engine.connect() as connection:
        student = _read(connection, _STUDENTS, _STUDENT_TYPES, now, students)
        tutor = _read(connection, _TUTORS, _TUTOR_TYPES, now, tutors)
    return People(
        student_ids=student["id"],
        students=to_student_vectors(student, student["style"].astype(np.int8)),
        students_changed=student["changed"],
        tutor_ids=tutor["id"],
        tutors=to_tutor_vectors(tutor, tutor["style"].astype(np.int8), tutor["sessions"], tutor["rescheduled"]),
        tutors_changed=tutor["changed"],
    )


def read_clock(engine: Engine) -> datetime:
    """The database's time: what it calls changed before then, a reader of now sees or is told of when it stores."""
    with engine.connect() as connection:
        now: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    return now


def to_student_vectors(columns: Any, style: Int8) -> StudentVectors:
    """Students out of the columns STUDENT_NUMBERS, (n,) float64 with NaN for what is not known."""
    return StudentVectors(
        age=columns["age"],
        pace=columns["preferred_pace"],
        style=style,
        communication=columns["communication_style_preference"],
        urgency=columns["urgency_level"],
        experience=columns["previous_tutoring_experience"],
        satisfaction=columns["previous_satisfaction"],
    )


def to_tutor_vectors(columns: Any, style: Int8, sessions: Float64, rescheduled: Float64) -> TutorVectors:
    """Tutors out of the columns TUTOR_NUMBERS, and their sessions of 30 days: all, and those that they rescheduled."""
    rate = rate_of(rescheduled, sessions)  # type: ignore[arg-type]  # whole numbers, as floats
    return TutorVectors(
        age=columns["age"],
        pace=columns["preferred_pace"],
        style=style,
        communication=columns["communication_style"],
        experience=columns["experience_years"],
        confidence=columns["confidence_level"],
        reschedule_rate_30d=rate,
        total_sessions_30d=sessions,
        is_high_risk=(rate > HIGH_RISK_PERCENT / 100).astype(np.float64),
    )


# SQL of a student `s` or a tutor `t`, to be formatted with `now`.
STUDENT_PROFILE: Final = """LEFT JOIN LATERAL (
        SELECT * FROM student_profiles v
        WHERE v.student_id = s.id AND greatest(v.valid_from, v.recorded_at) < {now} ORDER BY v.valid_from DESC LIMIT 1
    ) sp ON true"""
TUTOR_PROFILE: Final = """LEFT JOIN LATERAL (
        SELECT * FROM tutor_profiles v
        WHERE v.tutor_id = t.id AND greatest(v.valid_from, v.recorded_at) < {now} ORDER BY v.valid_from DESC LIMIT 1
    ) tp ON true"""
TUTOR_MONTH: Final = f"""CROSS JOIN LATERAL (
        SELECT count(*)::float8 AS sessions, count(*) FILTER (WHERE r.initiator = 'tutor')::float8 AS rescheduled
        FROM sessions s LEFT JOIN reschedules r ON r.session_id = s.id AND s.status = 'rescheduled'
        WHERE s.tutor_id = t.id AND s.status <> 'scheduled' AND {RECORD_KNOWN} < {{now}}
            AND s.scheduled_time > {{now}} - interval '{24 * 30} hours' AND s.scheduled_time <= {{now}}
    ) m"""


def _style_code(column: str) -> str:
    cases = " ".join(f"WHEN '{style}' THEN {code}" for code, style in enumerate(TEACHING_STYLES))
    return f"(CASE {column} {cases} ELSE -1 END)::int2"


def _numbers(profile: str, names: Sequence[str]) -> str:
    return ", ".join(f"coalesce({profile}.{name}::float8, 'NaN')" for name in names)


_NOW: Final = "%(now)s::timestamptz"
_ASKED: Final = "(%(ids)s::uuid[] IS NULL OR {id} = ANY(%(ids)s::uuid[]))"
_STUDENTS: Final = f"""
    SELECT s.id, s.inputs_changed_at, {_numbers("sp", STUDENT_NUMBERS)}, {_style_code("sp.preferred_teaching_style")}
    FROM students s {STUDENT_PROFILE.format(now=_NOW)}
    WHERE {_ASKED.format(id="s.id")} ORDER BY s.id"""
_TUTORS: Final = f"""
    SELECT t.id, t.inputs_changed_at, {_numbers("tp", TUTOR_NUMBERS)}, {_style_code("tp.teaching_style")},
        m.sessions, m.rescheduled
    FROM tutors t {TUTOR_PROFILE.format(now=_NOW)} {TUTOR_MONTH.format(now=_NOW)}
    WHERE t.is_active AND {_ASKED.format(id="t.id")} ORDER BY t.id"""
_STUDENT_TYPES: Final = {"id": "V16", "changed": "time", **dict.fromkeys(STUDENT_NUMBERS, ">f8"), "style": ">i2"}
_TUTOR_TYPES: Final = {
    "id": "V16",
    "changed": "time",
    **dict.fromkeys(TUTOR_NUMBERS, ">f8"),
    "style": ">i2",
    "sessions": ">f8",
    "rescheduled": ">f8",
}


def _read(
    connection: Connection, query: str, types: dict[str, str], now: datetime, ids: Sequence[str] | None
) -> dict[str, NDArray[Any]]:
    wanted = None if ids is None else list(_uuids(ids))
    return read_rows(connection, query, types, {"now": now, "ids": wanted})


def _uuids(ids: Sequence[str]) -> Iterator[str]:
    for one in ids:
        with suppress(ValueError):
            yield str(UUID(one))
