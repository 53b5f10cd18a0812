"""Contents of mails with figures that are easy to check by hand."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from reports.contents import Move, Place, SessionReport
from reports.figures import TutorFigures

NOON = datetime(2026, 3, 11, 12, tzinfo=UTC)  # a Wednesday, 13:00 in Berlin
PLACE = Place("Europe/Berlin", "https://tutors.example.com")
TUTOR, SESSION = UUID(int=0xA), UUID(int=0xB)


def figures(week: tuple[int, int], month: tuple[int, int], quarter: tuple[int, int], no_shows: int = 0) -> TutorFigures:
    """Of (rescheduled, sessions) in 7, 30 and 90 days, the limit being 15 percent."""
    (a, b), (c, d), (e, f) = week, month, quarter
    rates = [100 * part / whole if whole else None for part, whole in (week, month, quarter)]
    return TutorFigures(*rates, b, d, f, a, c, e, no_shows, bool(d) and 100 * c > 15 * d, 15.0)


CALM, FLAGGED = figures((1, 5), (2, 17), (5, 48)), figures((2, 6), (3, 18), (6, 49))


def cancelled(new_time: datetime | None = None, hours_before: float = 2, **changes: Any) -> Move:
    told = {"initiator": "tutor", "reason": None, "cancelled_at": NOON - timedelta(hours=hours_before)} | changes
    return Move(new_time=new_time, **told)


def session_report(**changes: Any) -> SessionReport:
    """Of a session at noon that the tutor cancelled, and so came to be at high risk."""
    told: dict[str, Any] = {
        "session_id": SESSION,
        "tutor_id": TUTOR,
        "tutor": "Ada Lovelace",
        "status": "rescheduled",
        "scheduled_time": NOON,
        "duration_minutes": 60,
        "subject": "Mathematics",
        "move": cancelled(),
        "before": CALM,
        "after": FLAGGED,
        "processed_at": NOON + timedelta(hours=1),
        "counts_from": NOON,
    }
    return SessionReport(**told | changes)


def held(**changes: Any) -> SessionReport:
    return session_report(**{"status": "completed", "move": None} | changes)
