"""Whether what is told of a session agrees with what is stored of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from processing.posted import PostedSession, RescheduleInfo

BOOKING: Final = ("tutor_id", "student_id", "scheduled_time", "booked_at", "duration_minutes", "subject")
RESCHEDULE: Final = ("initiator", "original_time", "reason", "reason_code", "cancelled_at")


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session as it is stored. Times are in UTC."""

    id: UUID
    tutor_id: UUID
    student_id: str
    scheduled_time: datetime
    booked_at: datetime | None
    completed_time: datetime | None
    duration_minutes: int | None
    subject: str | None
    status: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Known:
    """All that is stored of a session: itself, and what moved or cancelled it (None: nothing did)."""

    session: StoredSession
    reschedule: RescheduleInfo | None


def find_differences(known: Known, posted: PostedSession) -> list[str]:
    """The fields in which `posted` contradicts what is stored of the session of that id.

    A field that is not given, or null, says nothing and so contradicts nothing: who tells an outcome need not repeat
    all of the booking. Only the new_time of a reschedule says something by being null: that it was cancelled.
    """
    stored, told = known.session, posted.reschedule_info
    different = [name for name in BOOKING if _contradicts(getattr(posted, name), getattr(stored, name))]
    if posted.status != stored.status:
        return [*different, "status"]
    if _contradicts(posted.completed_time, stored.completed_time):
        different.append("completed_time")
    if told is not None and known.reschedule is not None:
        wrong = [name for name in RESCHEDULE if _contradicts(getattr(told, name), getattr(known.reschedule, name))]
        wrong += ["new_time"] if told.new_time != known.reschedule.new_time else []
        different += [f"reschedule_info.{name}" for name in wrong]
    return different


def is_outcome(known: Known, different: list[str]) -> bool:
    """Whether the one thing new is what became of a session that was only booked so far."""
    return known.session.status == "scheduled" and different == ["status"]


def find_contradiction(known: Known, posted: PostedSession) -> str:
    """Why an outcome cannot be that of the booking as it is stored; empty where it can.

    What `posted` says of the booking itself was compared with its outcome already, so this is about what it left out.
    """
    booked, told = known.session.booked_at, posted.reschedule_info
    if booked is not None and told is not None and told.cancelled_at is not None and told.cancelled_at < booked:
        return f"reschedule_info.cancelled_at is before its booked_at, {booked.isoformat()}"
    return ""


def add_outcome(known: Known, posted: PostedSession) -> Known:
    """What will be stored once the outcome that `posted` tells is recorded; the booking stays as it is."""
    session = replace(known.session, status=posted.status, completed_time=posted.completed_time)
    told = posted.reschedule_info
    if told is not None and told.original_time is None:
        told = told.model_copy(update={"original_time": session.scheduled_time})
    return Known(session, told)


def _contradicts(told: object, stored: object) -> bool:
    return told is not None and told != stored
