"""What each kind of mail says, before it is put into words. Moments are aware; a mail shows them in its `zone`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from reports.figures import TutorFigures


@dataclass(frozen=True, slots=True)
class Place:
    """Where a mail is read: the IANA name of the zone of its times, and what links to the dashboards begin with."""

    zone: str
    page_url: str


@dataclass(frozen=True, slots=True)
class Move:
    """What moved or cancelled a session. new_time: None where it was cancelled."""

    initiator: str
    new_time: datetime | None
    cancelled_at: datetime | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class SessionReport:
    """What became of a session, and of its tutor's figures with it.

    It names the tutor and never the student. before, after: the tutor's figures; None where there were none yet.
    processed_at: when `after` was computed. counts_from: from when on figures count it. move: of a rescheduled session.
    """

    session_id: UUID
    tutor_id: UUID
    tutor: str
    status: str
    scheduled_time: datetime
    duration_minutes: int | None
    subject: str | None
    move: Move | None
    before: TutorFigures | None
    after: TutorFigures | None
    processed_at: datetime
    counts_from: datetime


@dataclass(frozen=True, slots=True)
class Reminder:
    """A session ahead that its tutor is reminded of."""

    tutor: str
    scheduled_time: datetime
    duration_minutes: int | None
    subject: str | None


@dataclass(frozen=True, slots=True)
class Outcomes:
    """How many sessions there were of each outcome."""

    completed: int = 0
    no_show: int = 0
    by_tutor: int = 0
    by_student: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.completed + self.no_show + self.by_tutor + self.by_student


@dataclass(frozen=True, slots=True)
class DigestTutor:
    """One tutor's sessions of a digest. before: the figures before the first of them, after: those after the last."""

    tutor_id: UUID
    tutor: str
    outcomes: Outcomes
    before: TutorFigures | None
    after: TutorFigures | None


@dataclass(frozen=True, slots=True)
class Digest:
    """Many sessions in one mail.

    period_end: the end of the hour or day in which they were processed. tutors: those to look at first, at most
    `reports.reading.MOST_TUTORS`; other_tutors: how many there are besides.
    """

    period_end: datetime
    outcomes: Outcomes
    newly_high_risk: int
    no_longer_high_risk: int
    tutors: tuple[DigestTutor, ...]
    other_tutors: int


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that has been failing for so long that the operator should look at it.

    topic: names it, in letters and dashes; at most one notice a topic and day is sent. what: what has failed, a plural,
    such as "sessions could not be processed". errors: the first lines of what went wrong, the most frequent first, with
    how often. remedy: what to do.
    """

    topic: str
    what: str
    count: int
    since: datetime
    errors: tuple[tuple[str, int], ...]
    remedy: str
