"""From the forms of callers to columns: times, numbers, past sessions; what is out of range is refused by name."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

import numpy as np

from records.columns import MINUTE_US, MISSING, NEVER, RESCHEDULED, SCHEDULED, STATUSES, Bool, Float64, Int64, Sessions
from records.known import ASSUMED_DURATION_MINUTES
from scoring.forms import PastSession, Refused

LONGEST_SESSION_MINUTES: Final = 300
OTHER_YEARS: Final = "lies outside of the years 2000 to 2099"
INITIATORS: Final = ("tutor", "student")
_STATUS_CODE: Final = {status: code for code, status in enumerate(STATUSES)}
_FIRST_US: Final = int(datetime(2000, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
_LAST_US: Final = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000


class Refusals:
    """The first reason against each record that cannot be scored, by its place."""

    def __init__(self) -> None:
        self.found: dict[int, Refused] = {}

    def add(self, row: int, field: str, message: str) -> None:
        """Refuse record `row` unless it is refused already."""
        self.found.setdefault(row, Refused(field, message))

    def add_outside(self, field: str, values: Float64, low: float, high: float) -> None:
        """Refuse the records whose value lies outside of [low, high]; NaN stands for none."""
        for i in rows_where((values < low) | (values > high)):
            self.add(i, field, f"{values[i]:g} lies outside of {low:g} to {high:g}")

    def add_where(self, wrong: Bool, field: str, message: str) -> None:
        """Refuse the records where `wrong` is true."""
        for i in rows_where(wrong):
            self.add(i, field, message)


class PastSessions:
    """The histories of many records, collected entry by entry, then read at once."""

    def __init__(self) -> None:
        self._entries: list[PastSession] = []
        self._tutor: list[int] = []
        self._student: list[int] = []
        self._parts: list[tuple[int, str, Sequence[PastSession]]] = []
        self._starts: list[int] = []

    def add(
        self, row: int, field: str, entries: Sequence[PastSession], *, tutor: Sequence[int], student: Sequence[int]
    ) -> None:
        """Add a history, which is the field `field` of record `row`, with the codes of its people."""
        self._starts.append(len(self._entries))
        self._parts.append((row, field, entries))
        self._entries += entries
        self._tutor += tutor
        self._student += student

    def read(self, refusals: Refusals) -> Sessions:
        """All entries as columns; those that cannot be read are refused for their record."""
        entries = self._entries
        if not entries:
            return _NO_SESSIONS
        scheduled = microseconds([e.scheduled_time for e in entries])
        completed = microseconds([e.completed_time for e in entries])
        cancelled = microseconds([e.cancelled_at for e in entries])
        duration = numbers([e.duration_minutes for e in entries])
        status = np.array([_STATUS_CODE.get(e.status, -1) for e in entries], dtype=np.int8)
        initiator = np.array([_INITIATOR_CODE.get(e.initiator, -1) for e in entries], dtype=np.int8)
        moved = status == RESCHEDULED

        self._refuse(refusals, status < 0, "status", f"must be one of {', '.join(STATUSES)}")
        self._refuse(refusals, initiator < 0, "initiator", f"must be one of {', '.join(INITIATORS)}")
        self._refuse(
            refusals,
            moved & (initiator == _NOBODY),
            "initiator",
            "says who rescheduled: tutor or student; it is missing",
        )
        for field, times in (("scheduled_time", scheduled), ("completed_time", completed), ("cancelled_at", cancelled)):
            self._refuse(refusals, untimely(times), field, OTHER_YEARS)
        wrong = (duration < 1) | (duration > LONGEST_SESSION_MINUTES)
        self._refuse(refusals, wrong, "duration_minutes", f"must lie within 1 to {LONGEST_SESSION_MINUTES}")

        minutes = np.where(wrong | np.isnan(duration), ASSUMED_DURATION_MINUTES, duration)
        end = scheduled + (minutes * MINUTE_US).astype(np.int64)
        known = np.where(completed != MISSING, completed, end)
        known = np.where(moved & (cancelled != MISSING), cancelled, known)
        return Sessions(
            id=np.zeros((len(entries), 16), dtype=np.uint8),
            tutor=np.array(self._tutor, dtype=np.int64),
            student=np.array(self._student, dtype=np.int64),
            scheduled=scheduled,
            booked=np.full(len(entries), MISSING),
            booking_known=np.full(len(entries), MISSING),
            duration=duration,
            status=status,
            by_tutor=moved & (initiator == _INITIATOR_CODE["tutor"]),
            outcome_known=np.where(status == SCHEDULED, NEVER, known),
        )

    def _refuse(self, refusals: Refusals, wrong: Bool, name: str, message: str) -> None:
        for i in rows_where(wrong):
            row, field, entries = self._parts[bisect_right(self._starts, i) - 1]
            place = next(k for k, entry in enumerate(entries) if entry is self._entries[i])
            refusals.add(row, f"{field}[{place}].{name}", message)


def rows_where(wrong: Bool) -> list[int]:
    """The places where `wrong` is true: mostly none, which costs least."""
    return np.flatnonzero(wrong).tolist() if wrong.any() else []


def untimely(times: Int64) -> Bool:
    """Where a time is told (not MISSING) and lies outside of the years 2000 to 2099."""
    outside: Bool = ((times < _FIRST_US) & (times != MISSING)) | (times >= _LAST_US)
    return outside


_NOBODY: Final = 2
_INITIATOR_CODE: Final[dict[str | None, int]] = {"tutor": 0, "student": 1, None: _NOBODY}


def microseconds(times: Sequence[datetime | None]) -> Int64:
    """µs since 1970 (n,); MISSING for None. A time without an offset is read as UTC."""
    seconds = np.array(
        [np.nan if t is None else (t if t.tzinfo is not None else t.replace(tzinfo=UTC)).timestamp() for t in times],
        dtype=np.float64,
    )
    told = ~np.isnan(seconds)
    # Seconds as float64 hold each µs of the years 2000 to 2099, so rounding gives it back.
    whole = np.rint(np.where(told, seconds, 0.0) * 1e6).astype(np.int64)
    return np.where(told, whole, MISSING)


def numbers(values: Sequence[float | None]) -> Float64:
    """float64 (n,) with NaN for None."""
    return np.array(values, dtype=np.float64)


_NO_SESSIONS: Final = Sessions(
    id=np.zeros((0, 16), dtype=np.uint8),
    duration=np.zeros(0),
    status=np.zeros(0, dtype=np.int8),
    by_tutor=np.zeros(0, dtype=np.bool_),
    **dict.fromkeys(
        ("tutor", "student", "scheduled", "booked", "booking_known", "outcome_known"), np.zeros(0, dtype=np.int64)
    ),
)
