"""How often sessions are moved and missed: 30 days against the 30 before, and week by week.

Sessions of one tutor resemble each other, so the interval of a difference counts tutors and not sessions: they are left
out one at a time (the jackknife over clusters; Efron and Stein, Annals of Statistics 9, 1981).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import numpy as np
from scipy.special import stdtrit
from sqlalchemy import Engine, text

from records.columns import Float64
from records.known import ALL_RESCHEDULES, ASSUMED_DURATION_MINUTES, RECORD_KNOWN

DAYS: Final = 30
WEEKS: Final = 26
LEVEL: Final = 0.95
LEAST_TUTORS: Final = 10  # with sessions in either part; with fewer an interval would be too narrow


@dataclass(frozen=True, slots=True)
class Change:
    """A share of sessions, as fractions: of now, of before, and the difference with its interval.

    now, before: None without a session; the difference also then, its interval where tutors are too few.
    """

    now: float | None
    before: float | None
    difference: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Week:
    """The sessions scheduled in the seven days up to `end`."""

    end: datetime
    sessions: int
    rescheduled: int
    no_shows: int


@dataclass(frozen=True, slots=True)
class RateTrend:
    """Rates over sessions whose outcome is known: all reschedules, those by whom, and no-shows.

    sessions, sessions_before: of the DAYS up to as_of, and of as many before. untold: sessions of the last DAYS that
    are over and whose outcome nobody told. weeks: oldest first, up to as_of.
    """

    as_of: datetime
    sessions: int
    sessions_before: int
    untold: int
    rescheduled: Change
    by_tutors: Change
    by_students: Change
    no_shows: Change
    weeks: list[Week]


def read_rate_trend(engine: Engine, now: datetime) -> RateTrend:
    """Read the sessions scheduled up to `now` whose booking and outcome were known before it.

    It reads every session of WEEKS: half a second at a million of them.
    """
    with engine.connect().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True) as connection:
        tutors = connection.execute(_TUTORS, {"now": now}).all()
        weeks = connection.execute(_WEEKS, {"now": now, "weeks": WEEKS}).all()
        untold = connection.execute(_UNTOLD, {"now": now}).scalar_one()
    counts = np.array([tuple(row) for row in tutors], dtype=np.float64).reshape(-1, 8).T
    sessions, by_tutors, by_students, no_shows = counts.reshape(4, 2, -1)
    return RateTrend(
        as_of=now,
        sessions=int(sessions[0].sum()),
        sessions_before=int(sessions[1].sum()),
        untold=untold,
        rescheduled=compare_rates(by_tutors + by_students, sessions),
        by_tutors=compare_rates(by_tutors, sessions),
        by_students=compare_rates(by_students, sessions),
        no_shows=compare_rates(no_shows, sessions),
        weeks=[Week(now - timedelta(weeks=row.ago), row.sessions, row.rescheduled, row.no_shows) for row in weeks],
    )


def compare_rates(events: Float64, sessions: Float64) -> Change:
    """Compare the share of events in sessions, both (2, tutors), of now and of before."""
    totals, whole = events.sum(axis=1), sessions.sum(axis=1)
    rates = [float(part / all_) if all_ else None for part, all_ in zip(totals, whole, strict=True)]
    now, before = rates
    if now is None or before is None:
        return Change(now, before, None, None, None)
    difference = now - before
    tutors = sessions.shape[1]
    left = whole[:, None] - sessions
    if tutors < LEAST_TUTORS or (left == 0).any():
        return Change(now, before, difference, None, None)
    of_now, of_before = (totals[:, None] - events) / left
    without = of_now - of_before
    variance = (tutors - 1) / tutors * float(((without - without.mean()) ** 2).sum())
    margin = float(stdtrit(tutors - 1, (1 + LEVEL) / 2)) * variance**0.5
    return Change(now, before, difference, difference - margin, difference + margin)


_KNOWN: Final = f"s.status <> 'scheduled' AND s.scheduled_time <= :now AND {RECORD_KNOWN} < :now"
_PARTS: Final = ("recent", "NOT recent")
_EVENTS: Final = (
    "true",
    "status = 'rescheduled' AND initiator = 'tutor'",
    "status = 'rescheduled' AND initiator = 'student'",
    "status = 'no_show'",
)
_TUTORS: Final = text(
    f"""
    WITH outcome AS (
        SELECT s.tutor_id, s.status, r.initiator,
            s.scheduled_time > CAST(:now AS timestamptz) - interval '{24 * DAYS} hours' AS recent
        FROM sessions s {ALL_RESCHEDULES}
        WHERE {_KNOWN} AND s.scheduled_time > CAST(:now AS timestamptz) - interval '{48 * DAYS} hours'
    )
    SELECT {", ".join(f"count(*) FILTER (WHERE {part} AND {event})" for event in _EVENTS for part in _PARTS)}
    FROM outcome GROUP BY tutor_id
    """
)
_WEEKS: Final = text(
    f"""
    WITH counted AS (
        SELECT floor(extract(epoch FROM CAST(:now AS timestamptz) - s.scheduled_time) / 604800)::int AS ago,
            count(*) AS sessions, count(*) FILTER (WHERE s.status = 'rescheduled') AS rescheduled,
            count(*) FILTER (WHERE s.status = 'no_show') AS no_shows
        FROM sessions s {ALL_RESCHEDULES}
        WHERE {_KNOWN} AND s.scheduled_time > CAST(:now AS timestamptz) - :weeks * interval '168 hours'
        GROUP BY ago
    )
    SELECT ago, coalesce(sessions, 0) AS sessions, coalesce(rescheduled, 0) AS rescheduled,
        coalesce(no_shows, 0) AS no_shows
    FROM generate_series(0, :weeks - 1) AS ago LEFT JOIN counted USING (ago) ORDER BY ago DESC
    """
)
_UNTOLD: Final = text(
    f"""
    SELECT count(*) FROM sessions s WHERE s.status = 'scheduled'
        AND s.scheduled_time > CAST(:now AS timestamptz) - interval '{24 * DAYS} hours' AND s.scheduled_time <= :now
        AND s.scheduled_time + coalesce(s.duration_minutes, {ASSUMED_DURATION_MINUTES}) * interval '1 minute' <= :now
    """
)
