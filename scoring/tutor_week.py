"""When in the week a tutor teaches, and what share of that the tutor reschedules."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Engine, text

from records.known import FEW_RESCHEDULES, RECORD_KNOWN

DAYS: Final = 180


@dataclass(frozen=True, slots=True)
class WeekHour:
    """Sessions that began in one hour of the local week, and those of them that the tutor rescheduled.

    weekday: 0 = Monday … 6; hour: 0-23.
    """

    weekday: int
    hour: int
    sessions: int
    rescheduled: int


def count_week_hours(engine: Engine, tutor_id: UUID, until: datetime, zone: str, *, days: int = DAYS) -> list[WeekHour]:
    """The hours of the week with any session scheduled in (until − days, until], in the order of the week.

    A session counts as it does in the scores: where its booking and its outcome were known before `until`.

    zone: IANA name of the time zone of the hours.
    """
    values = {"tutor": tutor_id, "until": until, "zone": zone, "days": days}
    with engine.connect() as connection:
        return [WeekHour(**row._mapping) for row in connection.execute(_STATEMENT, values)]


_STATEMENT: Final = text(
    f"""
    SELECT weekday, hour, count(*)::int AS sessions, (count(*) FILTER (WHERE by_tutor))::int AS rescheduled
    FROM (
        SELECT extract(isodow FROM s.scheduled_time AT TIME ZONE :zone)::int - 1 AS weekday,
            extract(hour FROM s.scheduled_time AT TIME ZONE :zone)::int AS hour, r.initiator = 'tutor' AS by_tutor
        FROM sessions s {FEW_RESCHEDULES}
        WHERE s.tutor_id = :tutor AND s.status <> 'scheduled' AND s.scheduled_time <= :until
            AND s.scheduled_time > CAST(:until AS timestamptz) - :days * interval '24 hours'
            AND {RECORD_KNOWN} < :until
    ) session
    GROUP BY weekday, hour ORDER BY weekday, hour
    """
)
