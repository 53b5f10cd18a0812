"""How the reschedule rates of tutors came to be what they are: the 30-day rate at past moments, from the sessions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Engine, text

from records.known import RECORD_KNOWN

WINDOW_DAYS: Final = 30


@dataclass(frozen=True, slots=True)
class RatePoint:
    """The 30 days before `moment`: sessions, those that the tutor rescheduled, and the rate in percent or None."""

    moment: datetime
    sessions: int
    rescheduled: int
    rate: float | None


def compute_rate_history(engine: Engine, tutor_id: UUID, until: datetime, *, weeks: int = 26) -> list[RatePoint]:
    """The tutor's 30-day rate at `until` and at each of the `weeks` weeks before it, oldest first.

    Each point counts as scores do: sessions scheduled in (t − 30 days, t] whose booking and outcome were known before
    t, so that the last one is the score of `until`, and an earlier one is what a score of then said.
    """
    return compute_rate_histories(engine, [tutor_id], until, weeks=weeks)[tutor_id]


def compute_rate_histories(
    engine: Engine, tutor_ids: Sequence[UUID], until: datetime, *, weeks: int
) -> dict[UUID, list[RatePoint]]:
    """What `compute_rate_history` gives, of each of these tutors, in one read."""
    with engine.connect() as connection:
        rows = connection.execute(_STATEMENT, {"tutors": list(tutor_ids), "until": until, "weeks": weeks}).all()
    histories: dict[UUID, list[RatePoint]] = {tutor_id: [] for tutor_id in tutor_ids}
    for row in rows:
        rate = 100 * row.rescheduled / row.sessions if row.sessions else None
        histories[row.tutor].append(RatePoint(row.moment, row.sessions, row.rescheduled, rate))
    return histories


_STATEMENT: Final = text(
    f"""
    WITH moment AS (
        SELECT CAST(:until AS timestamptz) - week * interval '168 hours' AS moment
        FROM generate_series(0, :weeks) AS week
    ), session AS MATERIALIZED (
        SELECT s.tutor_id, s.scheduled_time, r.initiator = 'tutor' AS by_tutor, {RECORD_KNOWN} AS known
        FROM sessions s LEFT JOIN LATERAL (  -- one by one: of all that there are these are few
            SELECT initiator, cancelled_at FROM reschedules
            WHERE session_id = s.id AND s.status = 'rescheduled' OFFSET 0
        ) r ON true
        WHERE s.tutor_id = ANY(:tutors) AND s.status <> 'scheduled' AND s.scheduled_time <= :until
            AND s.scheduled_time > CAST(:until AS timestamptz)
                - (:weeks * interval '168 hours' + interval '{24 * WINDOW_DAYS} hours')
    )
    SELECT tutor, moment, count(scheduled_time)::int AS sessions,
        (count(*) FILTER (WHERE by_tutor))::int AS rescheduled
    FROM unnest(CAST(:tutors AS uuid[])) AS tutor CROSS JOIN moment
    LEFT JOIN session ON tutor_id = tutor AND scheduled_time <= moment AND known < moment
        AND scheduled_time > moment - interval '{24 * WINDOW_DAYS} hours'
    GROUP BY tutor, moment ORDER BY tutor, moment
    """
)
