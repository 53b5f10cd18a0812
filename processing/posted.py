"""A session as a caller tells of it, and what must hold for it to be one."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SkipValidation,
    ValidationInfo,
    field_validator,
)

from records.known import CLOCKS_DIFFER
from records.tables.sessions import EARLIEST_YEAR

MOST_SESSIONS: Final = 1_000  # of a batch
FURTHEST_AHEAD: Final = timedelta(days=731)  # two years, a leap year among them
_EARLIEST: Final = datetime(EARLIEST_YEAR, 1, 1, tzinfo=UTC)
_EARLIEST_BOOKING: Final = datetime(EARLIEST_YEAR - 10, 1, 1, tzinfo=UTC)
_ISO: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(:\d\d([.,]\d+)?)?([Zz]|[+-]\d\d:?\d\d)?", re.ASCII)
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_FORM: Final = ConfigDict(extra="forbid", allow_inf_nan=False, hide_input_in_errors=True)


def _refuse_other_than_iso(value: Any) -> Any:
    """Let pass what is a time: pydantic would take numbers, and numbers in text, for seconds since 1970."""
    if isinstance(value, datetime) or (isinstance(value, str) and _ISO.fullmatch(value)):
        return value
    raise ValueError("expected a time in ISO 8601, like 2026-03-01T15:00:00Z")


def _read_in_utc(value: datetime) -> datetime:
    """In UTC, which a time without an offset is taken to be in, and within what can have been booked."""
    moment = value.replace(tzinfo=UTC) if value.tzinfo is None else value
    if not _EARLIEST_BOOKING <= moment <= datetime.now(UTC) + FURTHEST_AHEAD:
        raise ValueError(f"expected a time between {_EARLIEST_BOOKING:%Y-%m-%d} and two years ahead")
    return moment.astimezone(UTC)


def _refuse_ahead(moment: datetime) -> datetime:
    """Let pass when something happened that is told of."""
    if _is_ahead(moment):
        raise ValueError("is in the future; tell of it once it has happened")
    return moment


def _is_ahead(moment: datetime) -> bool:
    return moment > datetime.now(UTC) + CLOCKS_DIFFER


def _write_uuids_alike(value: str) -> str:
    """A UUID in lower case, as the database writes a student's; any other text as it came. Imports do the same."""
    if not value.strip():
        raise ValueError("is blank; expected an id of 1 to 255 characters")
    return value.lower() if _UUID.fullmatch(value) else value


def _drop_blanks(value: str | None) -> str | None:
    """Text without white space around it, none where nothing is left. Imports do the same."""
    return None if value is None else value.strip() or None


Moment = Annotated[
    datetime,
    BeforeValidator(_refuse_other_than_iso, json_schema_input_type=AwareDatetime),
    AfterValidator(_read_in_utc),
]
Past = Annotated[Moment, AfterValidator(_refuse_ahead)]
Words = Annotated[str | None, AfterValidator(_drop_blanks)]
ShortWords = Annotated[Annotated[str, Field(max_length=255)] | None, AfterValidator(_drop_blanks)]
Code = Annotated[Annotated[str, Field(max_length=100)] | None, AfterValidator(_drop_blanks)]


EXAMPLE: Final[dict[str, Any]] = {
    "session_id": "7c9e6679-7425-40de-944b-e07fc1f90ae7",
    "tutor_id": "3f333df6-90a4-4fda-8dd3-9485d27cee36",
    "student_id": "5a8f2c1e-6b1d-4c57-9f0e-2d9a4b7c8e10",
    "scheduled_time": "2026-03-05T15:00:00Z",
    "status": "rescheduled",
    "booked_at": "2026-02-24T10:00:00Z",
    "duration_minutes": 60,
    "subject": "Algebra",
    "reschedule_info": {
        "initiator": "tutor",
        "original_time": "2026-03-05T15:00:00Z",
        "new_time": "2026-03-07T15:00:00Z",
        "reason": "Tutor is ill",
        "reason_code": "illness",
        "cancelled_at": "2026-03-04T18:30:00Z",
    },
}


class RescheduleInfo(BaseModel):
    """What moved or cancelled a session.

    original_time: the session's scheduled_time where not given. new_time: null where it was cancelled.
    """

    model_config = _FORM

    initiator: Literal["tutor", "student"]
    original_time: Moment | None = None
    new_time: Moment | None = None
    reason: Words = None
    reason_code: Code = None
    cancelled_at: Past | None = None


class PostedSession(BaseModel):
    """A booked lesson and, where that is known already, what became of it.

    scheduled_time: the original one, also after a reschedule. duration_minutes: the booked length, whatever became of
    the session. reschedule_info: with the status `rescheduled` only, and then needed.
    """

    model_config = ConfigDict(**_FORM, json_schema_extra={"examples": [EXAMPLE]})

    session_id: UUID
    tutor_id: UUID
    student_id: Annotated[str, Field(min_length=1, max_length=255), AfterValidator(_write_uuids_alike)]
    scheduled_time: Moment
    status: Literal["scheduled", "completed", "rescheduled", "no_show"]
    booked_at: Past | None = None
    completed_time: Past | None = None
    duration_minutes: Annotated[int, Field(strict=True, ge=1, le=300)] | None = None
    subject: ShortWords = None
    reschedule_info: RescheduleInfo | None = Field(default=None, validate_default=True)

    # A field sees those above it that are right.

    @field_validator("scheduled_time")
    @classmethod
    def _not_too_early(cls, scheduled: datetime) -> datetime:
        if scheduled < _EARLIEST:
            raise ValueError(f"expected a time between {_EARLIEST:%Y-%m-%d} and two years ahead")
        return scheduled

    @field_validator("status")
    @classmethod
    def _begun_before(cls, status: str, found: ValidationInfo) -> str:
        scheduled = found.data.get("scheduled_time")
        if status in ("completed", "no_show") and scheduled is not None and _is_ahead(scheduled):
            raise ValueError(f"is {status}, but scheduled_time is in the future; tell of it once the session has begun")
        return status

    @field_validator("booked_at")
    @classmethod
    def _booked_before(cls, booked: datetime | None, found: ValidationInfo) -> datetime | None:
        scheduled = found.data.get("scheduled_time")
        if booked is not None and scheduled is not None and booked > scheduled:
            raise ValueError("is after scheduled_time; a session is booked before it begins")
        return booked

    @field_validator("completed_time")
    @classmethod
    def _completed_after(cls, completed: datetime | None, found: ValidationInfo) -> datetime | None:
        scheduled, status = found.data.get("scheduled_time"), found.data.get("status")
        if completed is not None and status not in (None, "completed"):
            raise ValueError(f"is given, but status is {status}; leave it out or send status completed")
        if completed is not None and scheduled is not None and completed < scheduled:
            raise ValueError("is before scheduled_time; a session is completed after it begins")
        return completed

    @field_validator("reschedule_info")
    @classmethod
    def _moved_as_told(cls, info: RescheduleInfo | None, found: ValidationInfo) -> RescheduleInfo | None:
        status, scheduled, booked = (found.data.get(name) for name in ("status", "scheduled_time", "booked_at"))
        if info is None:
            if status == "rescheduled":
                raise ValueError("is missing; a rescheduled session says by whom: {initiator: tutor or student, ...}")
            return None
        if status not in (None, "rescheduled"):
            raise ValueError(f"is given, but status is {status}; leave it out or send status rescheduled")
        original = info.original_time or scheduled
        if info.new_time is not None and original is not None and info.new_time <= original:
            raise ValueError("has a new_time that is not after original_time; null says that it was cancelled")
        if info.cancelled_at is not None and booked is not None and info.cancelled_at < booked:
            raise ValueError("has a cancelled_at before booked_at; a session is cancelled after it was booked")
        return info


class PostedSessions(BaseModel):
    """Up to 1,000 sessions; each is looked at on its own, so one that is wrong does not hold up the others."""

    model_config = _FORM

    sessions: list[SkipValidation[PostedSession]] = Field(min_length=1, max_length=MOST_SESSIONS)
