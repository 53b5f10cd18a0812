"""One tutor's reschedules, and as the API answers them also the rate of them, week by week.

Only sessions of this tutor are read, by their index on tutor and time: what it costs does not grow with the table.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Engine, text

from records.json_sql import json_columns, json_list, json_object
from records.known import RECORD_KNOWN


@dataclass(frozen=True, slots=True)
class Reschedule:
    """A session that was moved, or cancelled where there is no `new_time`.

    initiator: tutor or student. notice_hours: from when it was called off to when it was to begin, below 0 where that
    was later; None where nobody told when.
    """

    session_id: UUID
    original_time: datetime
    new_time: datetime | None
    initiator: str
    reason: str | None
    reason_code: str | None
    notice_hours: float | None


@dataclass(frozen=True, slots=True)
class ReschedulePage:
    """Those from `offset` on of all `total`."""

    reschedules: list[Reschedule]
    total: int


def list_reschedules(engine: Engine, tutor_id: UUID, *, limit: int, offset: int = 0) -> ReschedulePage:
    """Reschedules by anyone of this tutor's sessions, past and ahead, those that were called off last first."""
    values = {"tutor": tutor_id, "limit": limit, "offset": offset}
    with engine.connect().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True) as connection:
        rows = connection.execute(_PAGE, values).all()
        total = connection.execute(_TOTAL, values).scalar_one()
    return ReschedulePage([Reschedule(**row._mapping) for row in rows], total)


def select_history(now: str = "now()") -> str:
    """SQL of the history of tutor $1: $2 days, $3 how many reschedules at most, $4 time zone of the weeks; JSON.

    Reschedules by anyone of the sessions of those days and of sessions ahead, the newest event first. Weeks are whole,
    the first one too, and named by their Monday; a session counts as it does in the scores, and a week without one is
    left out. No row where there is no such tutor. now: SQL of the moment to answer for.
    """
    fields = {
        "reschedules": json_list(_EVENT, _EVENTS.format(now=now)),
        "trend": json_object({"reschedule_rate_by_week": json_list(_WEEK, _WEEKS.format(now=now))}),
    }
    return f"SELECT {json_object(fields)}::text FROM tutors t WHERE t.id = $1"


_FOUND: Final = """
    FROM sessions s, LATERAL (SELECT * FROM reschedules WHERE session_id = s.id OFFSET 0) r
    WHERE s.tutor_id = :tutor AND s.status = 'rescheduled'"""
_PAGE: Final = text(
    f"""
    SELECT s.id AS session_id, r.original_time, r.new_time, r.initiator, r.reason, r.reason_code,
        CAST(extract(epoch FROM r.original_time - r.cancelled_at) / 3600 AS float8) AS notice_hours
    {_FOUND}
    ORDER BY coalesce(r.cancelled_at, r.original_time) DESC, r.id LIMIT :limit OFFSET :offset
    """
)
_TOTAL: Final = text(f"SELECT count(*) {_FOUND}")

_DAYS: Final = "CAST($2 AS integer)"
_ZONE: Final = "CAST($4 AS text)"
_OWN: Final = ("id", "session_id", "initiator", "original_time", "new_time", "reason", "reason_code", "cancelled_at")
_EVENT: Final = {
    **json_columns(_OWN, "r"),
    "hours_before_session": "CAST(extract(epoch FROM r.original_time - r.cancelled_at) / 3600 AS float8)",
    "created_at": "r.created_at",
}
_EVENTS: Final = f"""
    SELECT r.* FROM sessions s JOIN reschedules r ON r.session_id = s.id
    WHERE s.tutor_id = t.id AND s.status = 'rescheduled'
        AND s.scheduled_time > {{now}} - {_DAYS} * interval '24 hours'
    ORDER BY coalesce(r.cancelled_at, r.original_time) DESC, r.id LIMIT $3"""
_WEEK: Final = json_columns(("week", "rate"), "r")
# Eight days more than asked for hold the start of the first week in any zone.
_WEEKS: Final = f"""
    SELECT week, 100 * CAST(count(*) FILTER (WHERE by_tutor) AS float8) / count(*) AS rate
    FROM (
        SELECT CAST(date_trunc('week', s.scheduled_time AT TIME ZONE {_ZONE}) AS date) AS week,
            coalesce(r.initiator = 'tutor', false) AS by_tutor
        FROM sessions s LEFT JOIN reschedules r ON r.session_id = s.id AND s.status = 'rescheduled'
        WHERE s.tutor_id = t.id AND s.status <> 'scheduled' AND s.scheduled_time <= {{now}}
            AND s.scheduled_time > {{now}} - ({_DAYS} + 8) * interval '24 hours' AND {RECORD_KNOWN} < {{now}}
    ) session
    WHERE week >= date_trunc('week', ({{now}} - {_DAYS} * interval '24 hours') AT TIME ZONE {_ZONE})
    GROUP BY week ORDER BY week"""
