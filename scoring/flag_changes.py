"""Tutors whose flag of high risk is new, or was lifted, since a week ago."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Engine, text

from features.catalogue_tutor import HIGH_RISK_PERCENT
from records.known import FEW_RESCHEDULES, RECORD_KNOWN

DAYS: Final = 7


@dataclass(frozen=True, slots=True)
class FlagChange:
    """A tutor whose flag changed. Rates of 30 days in percent, None without a session in them.

    reschedules, sessions: what the rate of now is made of.
    """

    id: UUID
    name: str
    rate: float | None
    rate_before: float | None
    reschedules: int
    sessions: int


@dataclass(frozen=True, slots=True)
class FlagChanges:
    """The active tutors who are flagged now and were not DAYS before, and those the other way round.

    flagged: how many are flagged now, in all. newly: those with the most reschedules beyond what the threshold lets
    them first; cleared: those with the fewest.
    """

    flagged: int
    newly: list[FlagChange]
    cleared: list[FlagChange]


def read_flag_changes(engine: Engine, now: datetime) -> FlagChanges:
    """Compare the flags that stand with those of DAYS before `now`.

    Those of then are of the daily history. For a tutor whose history does not reach back so far it is counted what a
    score of then would have said, as scores do.
    """
    with engine.connect() as connection:
        rows = connection.execute(_CHANGES, {"now": now}).all()
    changes: dict[bool, list[FlagChange]] = {True: [], False: []}
    for row in rows:
        if row.id is not None:
            changes[row.is_high_risk].append(_make_change(row._mapping))
    return FlagChanges(rows[0].flagged, changes[True], changes[False])  # a row is there also where nothing changed


def _make_change(row: Any) -> FlagChange:
    return FlagChange(**{name: row[name] for name in FlagChange.__dataclass_fields__})


_THEN: Final = f"(CAST(:now AS timestamptz) - interval '{24 * DAYS} hours')"
_CHANGES: Final = text(
    f"""
    WITH flag AS MATERIALIZED (
        SELECT t.id, t.name, c.is_high_risk, c.reschedule_rate_30d AS rate, c.tutor_reschedules_30d AS reschedules,
            c.total_sessions_30d AS sessions, h.is_high_risk AS was_high_risk, h.reschedule_rate_30d AS rate_before
        FROM tutors t JOIN tutor_scores c ON c.tutor_id = t.id
        LEFT JOIN LATERAL (
            SELECT is_high_risk, reschedule_rate_30d FROM tutor_score_history
            WHERE tutor_id = t.id AND day <= ({_THEN} AT TIME ZONE 'UTC')::date ORDER BY day DESC LIMIT 1
        ) h ON true
        WHERE t.is_active
    ), counted AS (
        SELECT s.tutor_id, count(*) AS sessions, count(*) FILTER (WHERE r.initiator = 'tutor') AS reschedules
        FROM (SELECT id FROM flag WHERE was_high_risk IS NULL) f JOIN sessions s ON s.tutor_id = f.id
        {FEW_RESCHEDULES}
        WHERE s.status <> 'scheduled' AND s.scheduled_time > {_THEN} - interval '720 hours'
            AND s.scheduled_time <= {_THEN} AND {RECORD_KNOWN} < {_THEN}
        GROUP BY s.tutor_id
    ), compared AS (
        SELECT f.id, f.name, f.is_high_risk, f.rate, f.reschedules, f.sessions,
            coalesce(f.was_high_risk, 100 * c.reschedules > {HIGH_RISK_PERCENT} * c.sessions, false) AS was_high_risk,
            coalesce(f.rate_before, 100.0 * c.reschedules / c.sessions)::float8 AS rate_before
        FROM flag f LEFT JOIN counted c ON c.tutor_id = f.id
    ), changed AS (
        SELECT *, 100 * reschedules - {HIGH_RISK_PERCENT} * sessions AS beyond FROM compared
        WHERE is_high_risk <> was_high_risk
    )
    SELECT (SELECT count(*) FROM flag WHERE is_high_risk) AS flagged, c.*
    FROM (SELECT) one LEFT JOIN changed c ON true
    ORDER BY CASE WHEN c.is_high_risk THEN -c.beyond ELSE c.beyond END, c.id
    """
)
