"""Records as a caller of the stateless endpoints has them, and what is answered for each.

Times carry an offset (one without is read as UTC); numbers of the wrong type are for the caller's payload layer to
refuse, values out of their range are answered with a `Refused` in the record's place.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from scoring.explanations import Contribution


@dataclass(slots=True, kw_only=True)
class PastSession:
    """A session of a history.

    status: completed, no_show or rescheduled (then `initiator` says by whom: tutor or student); one still scheduled
    is ignored. Its outcome counts as known at cancelled_at (rescheduled), else completed_time, else its scheduled end.
    tutor_id is of use in a student's history, student_id in a tutor's.
    """

    scheduled_time: datetime
    status: str
    duration_minutes: float | None = None
    initiator: str | None = None
    completed_time: datetime | None = None
    cancelled_at: datetime | None = None
    student_id: str | None = None
    tutor_id: str | None = None


@dataclass(slots=True, kw_only=True)
class TutorStatistics:
    """A tutor's numbers as GET /api/tutors/{id} answers them: rates in percent, null where there is no session."""

    reschedule_rate_7d: float | None
    reschedule_rate_30d: float | None
    reschedule_rate_90d: float | None
    total_sessions_7d: int
    total_sessions_30d: int
    total_sessions_90d: int
    no_show_rate_90d: float | None = None


@dataclass(slots=True, kw_only=True)
class SessionRecord:
    """A session ahead, with either its tutor's statistics (as of `as_of`) or its tutor's history.

    as_of: the moment to predict at, now where not given; no fact that became known from then on is used.
    student_history: the student's sessions; those that tutor_history holds too (same time, same status) count once.
    """

    scheduled_time: datetime
    session_id: str | None = None
    as_of: datetime | None = None
    booked_at: datetime | None = None
    duration_minutes: float | None = None
    tutor_id: str | None = None
    tutor_statistics: TutorStatistics | None = None
    tutor_history: list[PastSession] | None = None
    student_id: str | None = None
    student_history: list[PastSession] | None = None


@dataclass(slots=True, kw_only=True)
class MatchStudent:
    """A student's profile; None where not known."""

    student_id: str | None = None
    age: float | None = None
    preferred_pace: float | None = None
    preferred_teaching_style: str | None = None
    communication_style_preference: float | None = None
    urgency_level: float | None = None
    previous_tutoring_experience: float | None = None
    previous_satisfaction: float | None = None


@dataclass(slots=True, kw_only=True)
class MatchTutor:
    """A tutor's profile; None where not known. Without statistics the tutor counts as one without sessions."""

    tutor_id: str | None = None
    age: float | None = None
    experience_years: float | None = None
    teaching_style: str | None = None
    preferred_pace: float | None = None
    communication_style: float | None = None
    confidence_level: float | None = None
    statistics: TutorStatistics | None = None


@dataclass(slots=True, kw_only=True)
class MatchRecord:
    """A student and a tutor who might be brought together."""

    student: MatchStudent
    tutor: MatchTutor


@dataclass(slots=True, kw_only=True)
class TutorRecord:
    """A tutor's sessions, to be scored as of a moment (now where not given)."""

    sessions: list[PastSession]
    tutor_id: str | None = None
    as_of: datetime | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """Answered in the place of a record that cannot be scored: which field, and what would be right."""

    field: str
    message: str


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer for one session or match.

    contributions: the top five, None where not asked for; the rule for sessions is one number and has none.
    """

    probability: float
    risk_level: str
    model_version: str
    fallback: bool
    contributions: list[Contribution] | None = None


@dataclass(frozen=True, slots=True)
class TutorScore:
    """The answer for one tutor: rates in percent, None where the window holds no session; trend as fractions."""

    tutor_id: str | None
    reschedule_rate_7d: float | None
    reschedule_rate_30d: float | None
    reschedule_rate_90d: float | None
    total_sessions_7d: int
    total_sessions_30d: int
    total_sessions_90d: int
    tutor_reschedules_7d: int
    tutor_reschedules_30d: int
    tutor_reschedules_90d: int
    no_shows_90d: int
    no_show_rate_90d: float | None
    reschedule_trend: float | None
    is_high_risk: bool
    risk_threshold: float
