"""Feature matrices of sessions and pairs as of a moment: the same code for training and for serving."""

from __future__ import annotations

from features.catalogue import stack_columns
from features.pairing import pair_matrix, student_vectors, tutor_vectors
from features.session import session_columns
from features.student import StudentCounts, count_student_sessions, student_columns
from features.tutor import TutorCounts, tutor_columns, tutor_features
from records.columns import Float64, History, Int64, Sessions


def session_features(history: History, rows: Sessions, as_of: Int64, timezone: str = "UTC") -> Float64:
    """Features (n, 24) for `reschedule` and `no_show` of the n sessions `rows` as known at `as_of` (n,) µs.

    Of `rows` only the booking is read (tutor, student, scheduled, booked, duration), never the outcome; of `history`
    only what was known strictly before each row's as_of.
    """
    return session_features_from_past(history.sessions, rows, as_of, timezone)


def session_features_from_past(past: Sessions, rows: Sessions, as_of: Int64, timezone: str = "UTC") -> Float64:
    """As `session_features`, from sessions alone: those of 90 days and of the pairs suffice."""
    own = session_columns(rows.scheduled, rows.booked, rows.duration, as_of, timezone)
    tutor = tutor_features(past, rows.tutor, as_of)
    student = student_columns(count_student_sessions(past, rows.student, rows.tutor, as_of))
    return stack_columns("reschedule", own | tutor | student)


def session_features_from_counts(
    scheduled: Int64,
    booked: Int64,
    duration: Float64,
    as_of: Int64,
    *,
    tutor: TutorCounts,
    student: StudentCounts,
    timezone: str = "UTC",
) -> Float64:
    """Features (n, 24) of n sessions whose tutors' and students' sessions are counted already.

    `scheduled`, `booked` (MISSING where unknown) and `as_of` are µs, `duration` minutes (NaN where unknown), all (n,).
    """
    own = session_columns(scheduled, booked, duration, as_of, timezone)
    return stack_columns("reschedule", own | tutor_columns(tutor) | student_columns(student))


def pair_features(history: History, student: Int64, tutor: Int64, as_of: Int64) -> Float64:
    """Features (n, 17) for `match` of the pairs (student[i], tutor[i]), codes, as known at `as_of` (n,) µs."""
    return pair_matrix(
        student_vectors(history.student_profiles, student, as_of),
        tutor_vectors(history.tutor_profiles, history.sessions, tutor, as_of),
    )
