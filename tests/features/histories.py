"""Histories for the tests: by hand from a few facts, or random ones that hold every oddity at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import numpy as np

from records.columns import (
    COMPLETED,
    DAY_US,
    HOUR_US,
    MISSING,
    NEVER,
    NO_SHOW,
    RESCHEDULED,
    SCHEDULED,
    Directory,
    History,
    Sessions,
    StudentProfiles,
    TutorProfiles,
)

DAY = DAY_US
HOUR = HOUR_US


def at(text: str) -> int:
    """ "2026-03-01 10:00" in UTC as µs."""
    moment = datetime.fromisoformat(text).replace(tzinfo=UTC)
    return round(moment.timestamp()) * 1_000_000


def make_sessions(rows: Sequence[dict[str, Any]]) -> Sessions:
    """Sessions from facts; what a row leaves out is an ordinary completed hour booked a week ahead."""
    full = []
    for i, row in enumerate(rows):
        scheduled = row["scheduled"]
        full.append(
            {
                "id": list(UUID(int=(i + 1) * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128).bytes),
                "tutor": 0,
                "student": 0,
                "booked": scheduled - 7 * DAY,
                "booking_known": row.get("booked", scheduled - 7 * DAY),
                "duration": 60.0,
                "status": COMPLETED,
                "by_tutor": False,
                "outcome_known": scheduled + HOUR,
            }
            | row
        )
    types = {"duration": np.float64, "status": np.int8, "by_tutor": np.bool_, "id": np.uint8}
    columns = {
        name: np.array([row[name] for row in full], dtype=types.get(name, np.int64)) for name in Sessions.__slots__
    }
    columns["id"] = columns["id"].reshape(len(full), 16)
    return Sessions(**columns)


def make_students(rows: Sequence[dict[str, Any]]) -> StudentProfiles:
    return StudentProfiles(**_profile_columns(StudentProfiles.__slots__, rows, "preferred_teaching_style"))


def make_tutors(rows: Sequence[dict[str, Any]]) -> TutorProfiles:
    return TutorProfiles(**_profile_columns(TutorProfiles.__slots__, rows, "teaching_style"))


def make_history(
    sessions: Sessions | None = None,
    tutors: TutorProfiles | None = None,
    students: StudentProfiles | None = None,
) -> History:
    sessions = sessions if sessions is not None else make_sessions([])
    tutors = tutors if tutors is not None else make_tutors([])
    students = students if students is not None else make_students([])
    n_tutors = 1 + max([0, *sessions.tutor.tolist(), *tutors.tutor.tolist()])
    n_students = 1 + max([0, *sessions.student.tolist(), *students.student.tolist()])
    return History(
        Directory(
            np.array([f"tutor-{i:04d}" for i in range(n_tutors)], dtype=object),
            np.array([f"student-{i:04d}" for i in range(n_students)], dtype=object),
        ),
        sessions,
        tutors,
        students,
    )


def random_history(seed: int, n: int = 400, tutors: int = 5, students: int = 9, days: int = 200) -> History:
    """Late and early reports, missing booking times, unknown lengths, several profile versions, upcoming sessions."""
    rng = np.random.default_rng(seed)
    start = at("2026-01-01 00:00")
    scheduled = start + rng.integers(0, days * 24, n) * HOUR
    booked = scheduled - rng.integers(1, 40 * DAY, n)
    recorded = np.where(rng.random(n) < 0.1, scheduled + rng.integers(-DAY, 5 * DAY, n), MISSING)
    untold = rng.random(n) < 0.15
    booked = np.where(untold, MISSING, booked)
    status = rng.choice([SCHEDULED, COMPLETED, RESCHEDULED, NO_SHOW], n, p=[0.05, 0.65, 0.2, 0.1]).astype(np.int8)
    told = np.where(status == RESCHEDULED, scheduled - rng.integers(0, 9 * DAY, n), scheduled + HOUR)
    told = np.maximum(told, np.where(untold, told, booked))
    late = np.where(rng.random(n) < 0.15, told + rng.integers(0, 100 * DAY, n), told)
    return History(
        Directory(
            np.array([f"tutor-{i:04d}" for i in range(tutors)], dtype=object),
            np.array([f"student-{i:04d}" for i in range(students)], dtype=object),
        ),
        Sessions(
            id=rng.integers(0, 256, (n, 16)).astype(np.uint8),
            tutor=rng.integers(0, tutors, n),
            student=rng.integers(0, students, n),
            scheduled=scheduled,
            booked=booked,
            booking_known=np.maximum(booked, recorded),
            duration=np.where(rng.random(n) < 0.1, np.nan, rng.choice([30.0, 60.0, 90.0], n)),
            status=status,
            by_tutor=(status == RESCHEDULED) & (rng.random(n) < 0.9),
            outcome_known=np.where(status == SCHEDULED, NEVER, late),
        ),
        TutorProfiles(
            **_random_versions(rng, tutors, start, days, "tutor"),
            age=_some_missing(rng, rng.integers(18, 70, 3 * tutors)),
            experience_years=_some_missing(rng, rng.integers(0, 20, 3 * tutors)),
            teaching_style=rng.integers(-1, 5, 3 * tutors).astype(np.int8),
            preferred_pace=_some_missing(rng, rng.integers(1, 6, 3 * tutors)),
            communication_style=_some_missing(rng, rng.integers(1, 6, 3 * tutors)),
            confidence_level=_some_missing(rng, rng.integers(1, 6, 3 * tutors)),
        ),
        StudentProfiles(
            **_random_versions(rng, students, start, days, "student"),
            age=_some_missing(rng, rng.integers(6, 80, 3 * students)),
            preferred_pace=_some_missing(rng, rng.integers(1, 6, 3 * students)),
            preferred_teaching_style=rng.integers(-1, 5, 3 * students).astype(np.int8),
            communication_style_preference=_some_missing(rng, rng.integers(1, 6, 3 * students)),
            urgency_level=_some_missing(rng, rng.integers(1, 6, 3 * students)),
            previous_tutoring_experience=_some_missing(rng, rng.integers(0, 9, 3 * students)),
            previous_satisfaction=_some_missing(rng, rng.integers(1, 6, 3 * students)),
        ),
    )


def _random_versions(rng: np.random.Generator, owners: int, start: int, days: int, owner: str) -> dict[str, Any]:
    valid_from = start - 50 * DAY + rng.integers(0, days * DAY, 3 * owners)
    return {
        owner: np.repeat(np.arange(owners), 3),
        "valid_from": valid_from,
        "known": valid_from + np.where(rng.random(3 * owners) < 0.5, 0, rng.integers(0, 60 * DAY, 3 * owners)),
    }


def _some_missing(rng: np.random.Generator, values: Any) -> Any:
    return np.where(rng.random(len(values)) < 0.2, np.nan, values.astype(np.float64))


def _profile_columns(names: Sequence[str], rows: Sequence[dict[str, Any]], style: str) -> dict[str, Any]:
    owner = names[0]
    columns = {}
    for name in names:
        if name in {owner, "valid_from", "known"}:
            values = [row.get(name, row.get("valid_from", MISSING)) if name == "known" else row[name] for row in rows]
            columns[name] = np.array(values, dtype=np.int64)
        elif name == style:
            columns[name] = np.array([row.get(name, -1) for row in rows], dtype=np.int8)
        else:
            columns[name] = np.array([row.get(name, np.nan) for row in rows], dtype=np.float64)
    return columns
