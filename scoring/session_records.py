"""Features of sessions that a caller brings along, by the code that training uses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

import numpy as np

from features.catalogue import names_of
from features.matrix import session_features_from_counts
from features.student import StudentCounts, count_student_sessions
from features.tutor import TutorCounts, count_tutor_sessions
from records.columns import Bool, Float64, Int64, Sessions
from scoring.extraction import (
    LONGEST_SESSION_MINUTES,
    OTHER_YEARS,
    PastSessions,
    Refusals,
    microseconds,
    numbers,
    untimely,
)
from scoring.forms import PastSession, Refused, SessionRecord
from scoring.tutor_statistics import read_statistics


def record_features(
    records: Sequence[SessionRecord], now: datetime, timezone: str
) -> tuple[Float64, dict[int, Refused]]:
    """Feature matrix (n, 24), and the refusals by place; the row of a refused record is zero."""
    refusals = Refusals()
    moments = [r.scheduled_time for r in records] + [r.as_of or now for r in records] + [r.booked_at for r in records]
    scheduled, as_of, booked = times = microseconds(moments).reshape(3, len(records))
    duration = numbers([r.duration_minutes for r in records])
    if untimely(times).any():
        for field, column in zip(("scheduled_time", "as_of", "booked_at"), times, strict=True):
            refusals.add_where(untimely(column), field, OTHER_YEARS)
    refusals.add_where(
        scheduled <= as_of,
        "scheduled_time",
        "is not after as_of (now, where none is given); only a session ahead is predicted",
    )
    refusals.add_where(
        booked > as_of, "booked_at", "is after as_of (now, where none is given); a booking comes before its prediction"
    )
    refusals.add_outside("duration_minutes", duration, 1, LONGEST_SESSION_MINUTES)
    own = 2 * np.arange(len(records))
    sessions = _collect_histories(records, refusals).read(refusals)
    tutor = _count_tutor_sessions(records, sessions, own, as_of, refusals)
    student = _count_student_sessions(sessions, own, as_of)
    X = session_features_from_counts(
        scheduled, booked, duration, as_of, tutor=tutor, student=student, timezone=timezone
    )
    X[list(refusals.found)] = 0
    return X, refusals.found


def told_features(records: Sequence[SessionRecord]) -> Bool:
    """Where `record_features` holds a value that was told (n, 24), not the default in the place of a missing one."""
    names = names_of("reschedule")
    told = np.ones((len(records), len(names)), dtype=np.bool_)
    told[:, names.index("session_duration_minutes")] = [r.duration_minutes is not None for r in records]
    return told


def _count_tutor_sessions(
    records: Sequence[SessionRecord], sessions: Sessions, own: Int64, as_of: Int64, refusals: Refusals
) -> TutorCounts:
    told = np.array([record.tutor_statistics is not None for record in records], dtype=np.bool_)
    if not told.any():
        return count_tutor_sessions(sessions, own, as_of)
    stated = read_statistics([record.tutor_statistics for record in records], "tutor_statistics", refusals)
    if told.all():
        return stated
    counted = count_tutor_sessions(sessions, own, as_of)
    return TutorCounts(
        sessions=np.where(told, stated.sessions, counted.sessions),
        rescheduled=np.where(told, stated.rescheduled, counted.rescheduled),
        no_shows=np.where(told, stated.no_shows, counted.no_shows),
    )


def _count_student_sessions(sessions: Sessions, own: Int64, as_of: Int64) -> StudentCounts:
    if len(sessions) == 0:
        nothing = np.zeros(len(own), dtype=np.int64)
        return StudentCounts(sessions=nothing, rescheduled=nothing, no_shows=nothing, with_tutor=nothing)
    return count_student_sessions(sessions, own, own, as_of)


def _collect_histories(records: Sequence[SessionRecord], refusals: Refusals) -> PastSessions:
    """The sessions of all histories: record i's tutor and student have the code 2i, whoever else they met 2i + 1."""
    past = PastSessions()
    for i, record in enumerate(records):
        own, other = 2 * i, 2 * i + 1
        history = record.tutor_history
        if (history is None) == (record.tutor_statistics is None):
            found = "neither is there" if history is None else "not both"
            refusals.add(i, "tutor_history", f"or tutor_statistics is needed (empty for a new tutor): {found}")
        if history:
            met = _codes([entry.student_id for entry in history], record.student_id, own, other)
            past.add(i, "tutor_history", history, tutor=[own] * len(history), student=met)
        if record.student_history:
            entries = record.student_history
            taught = [other] * len(entries)
            if history is None:
                taught = _codes([entry.tutor_id for entry in entries], record.tutor_id, own, other)
            student = _codes_of_new(entries, history or [], record.student_id, own, other)
            past.add(i, "student_history", entries, tutor=taught, student=student)
    return past


def _codes(ids: Sequence[str | None], wanted: str | None, own: int, other: int) -> list[int]:
    if wanted is None:
        return [other] * len(ids)
    return [own if found == wanted else other for found in ids]


def _codes_of_new(
    entries: Sequence[PastSession], history: Sequence[PastSession], student_id: str | None, own: int, other: int
) -> list[int]:
    """The student's code for each entry of its history that its tutor's history does not hold as well."""
    if student_id is None or not history:
        return [own] * len(entries)
    held = Counter((e.scheduled_time, e.status) for e in history if e.student_id == student_id)
    codes = []
    for entry in entries:
        key = (entry.scheduled_time, entry.status)
        codes.append(other if held[key] > 0 else own)
        held[key] -= 1
    return codes
