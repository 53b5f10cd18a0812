"""Tutor scores: reschedule rates, counts, trend and the high-risk flag, recomputed in one SQL statement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from features.catalogue_tutor import HIGH_RISK_PERCENT, WINDOW_DAYS
from records.known import FEW_RESCHEDULES, RECORD_KNOWN
from records.locking import run_alone, run_in_part
from records.people import NEXT_CHANGE

MOST_AHEAD_HOURS: Final = 24  # by which a clock that was wrong is waited for; scores from further ahead are made anew


@dataclass(frozen=True, slots=True)
class ScoreReport:
    """What a run of `score_tutors` did: tutors scored, rows of `tutor_scores` written, and left as they were."""

    computed: int
    written: int
    unchanged: int
    high_risk: int


def score_tutors(engine: Engine, now: datetime, *, tutors: Sequence[str] | None = None) -> ScoreReport:
    """Score all tutors (or those with these ids) as of `now`, with the row of today in their history.

    A session counts for W days where it was scheduled in (now − W, now] and its booking and outcome were known before
    `now`; a reschedule counts where the tutor initiated it. Rates are percentages, null without a session; the trend is
    the rate of 7 days minus that of 30 as fractions, null without a session in either. A row that would not
    change is not rewritten, so `last_calculated_at` tells since when the numbers stand. The day of the history
    is that of `now` in UTC. Where the figures of 30 days change, on which match predictions rest, so do the tutor's
    inputs.

    Of two runs at once the second waits and then reads what is there by then. Scores never go back: a tutor who was
    scored as of a later moment already is scored as of that one, unless it is more than a day ahead of the clock.
    """
    with engine.begin() as connection:
        return score_tutors_within(connection, now, tutors=tutors)


def score_tutors_within(connection: Connection, now: datetime, *, tutors: Sequence[str] | None = None) -> ScoreReport:
    """As `score_tutors`, as a part of the connection's transaction."""
    asked = {"tutors": None if tutors is None else list(tutors)}
    if tutors is None:
        run_alone(connection, "score tutors")
    else:
        run_in_part(connection, "score tutors")
        connection.execute(_LOCK, asked)
    # A statement of its own: what others stored before the lock was granted is seen.
    row = connection.execute(_STATEMENT, {"now": now, **asked}).one()
    return ScoreReport(row.computed, row.written, row.computed - row.written, row.high_risk)


def lock_free_tutors(connection: Connection, tutors: Sequence[str]) -> set[UUID]:
    """Lock those of these tutors that nobody else has locked, until the transaction ends; which those are.

    For `score_tutors_within` of them later in the transaction: a whole run of `score_tutors` waits, or is waited for.
    """
    run_in_part(connection, "score tutors")
    return set(connection.execute(_LOCK_FREE, {"tutors": list(tutors)}).scalars())


def _window_counts(days: int) -> str:
    inside = f"scheduled_time > as_of - interval '{24 * days} hours'"
    return f"""
        count(*) FILTER (WHERE {inside})::int AS total_sessions_{days}d,
        count(*) FILTER (WHERE {inside} AND by_tutor)::int AS tutor_reschedules_{days}d"""


def _rate(days: int) -> str:
    return f"tutor_reschedules_{days}d::float8 / nullif(total_sessions_{days}d, 0)"


_COUNTS: Final = [f"{name}_{days}d" for days in WINDOW_DAYS for name in ("total_sessions", "tutor_reschedules")] + [
    f"no_shows_{max(WINDOW_DAYS)}d"
]
_SCORES: Final = [
    *_COUNTS,
    *(f"reschedule_rate_{days}d" for days in WINDOW_DAYS),
    "reschedule_trend",
    "is_high_risk",
    "risk_threshold",
]

_MATCH_FIGURES: Final = ("total_sessions_30d", "tutor_reschedules_30d", "is_high_risk")


def _upsert(table: str, key: str, values: str, also: dict[str, str], differs: str = "false") -> str:
    """Insert the scores, rewriting only rows that differ, or where `differs`; one row for each that was written."""
    columns = ", ".join(_SCORES)
    old = ", ".join(f"old.{name}" for name in _SCORES)
    new = ", ".join(f"new.{name}" for name in _SCORES)
    changes = ", ".join(f"{name} = excluded.{name}" for name in [*_SCORES, *also])
    return f"""
        INSERT INTO {table} ({key}, {columns}{"".join(f", {name}" for name in also)})
        SELECT {values}, {new}{"".join(f", {value}" for value in also.values())}
        FROM scored new LEFT JOIN {table} old ON ({", ".join(f"old.{k.strip()}" for k in key.split(","))}) = ({values})
        WHERE old.tutor_id IS NULL OR ({old}) IS DISTINCT FROM ({new}) OR {differs}
        ORDER BY new.tutor_id
        ON CONFLICT ({key}) DO UPDATE SET {changes}
        RETURNING 1"""


# The moment as of which a tutor is scored, with the scores there are (`old`; none, where never scored) and :now.
SCORED_AS_OF: Final = f"""CASE
    WHEN old.last_calculated_at > :now
        AND old.last_calculated_at <= clock_timestamp() + interval '{MOST_AHEAD_HOURS} hours'
    THEN old.last_calculated_at ELSE :now END"""

_ASKED: Final = "CAST(:tutors AS uuid[]) IS NULL OR {id} = ANY(CAST(:tutors AS uuid[]))"
_LOCK: Final = text(f"SELECT FROM tutors WHERE {_ASKED.format(id='id')} ORDER BY id FOR NO KEY UPDATE")
_LOCK_FREE: Final = text(
    f"SELECT id FROM tutors WHERE {_ASKED.format(id='id')} ORDER BY id FOR NO KEY UPDATE SKIP LOCKED"
)
_STATEMENT: Final = text(
    f"""
    WITH asked AS (
        SELECT id AS tutor_id, {SCORED_AS_OF} AS as_of
        FROM tutors LEFT JOIN tutor_scores old ON old.tutor_id = id WHERE {_ASKED.format(id="id")}
    ), session AS (
        SELECT s.tutor_id, as_of, s.scheduled_time, s.status = 'no_show' AS no_show,
            coalesce(r.initiator = 'tutor', false) AS by_tutor
        FROM asked JOIN sessions s USING (tutor_id)
        {FEW_RESCHEDULES}
        WHERE s.status <> 'scheduled'
            AND s.scheduled_time > as_of - interval '{24 * max(WINDOW_DAYS)} hours' AND s.scheduled_time <= as_of
            AND {RECORD_KNOWN} < as_of
    ), counted AS (
        SELECT tutor_id, {",".join(_window_counts(days) for days in WINDOW_DAYS)},
        count(*) FILTER (WHERE no_show)::int AS no_shows_{max(WINDOW_DAYS)}d
        FROM session GROUP BY tutor_id
    ), counts AS (
        SELECT tutor_id, as_of, {", ".join(f"coalesce({name}, 0) AS {name}" for name in _COUNTS)}
        FROM asked LEFT JOIN counted USING (tutor_id)
    ), scored AS MATERIALIZED (
        SELECT *, {", ".join(f"100 * {_rate(days)} AS reschedule_rate_{days}d" for days in WINDOW_DAYS)},
            {_rate(7)} - {_rate(30)} AS reschedule_trend,
            100 * tutor_reschedules_30d > {HIGH_RISK_PERCENT} * total_sessions_30d AS is_high_risk,
            {HIGH_RISK_PERCENT}::float8 AS risk_threshold
        FROM counts
    ), written AS ({
        _upsert(
            "tutor_scores",
            "tutor_id",
            "new.tutor_id",
            {"last_calculated_at": "new.as_of", "updated_at": "now()"},
            differs="old.last_calculated_at > new.as_of",
        )
    }), kept AS ({
        _upsert("tutor_score_history", "tutor_id, day", "new.tutor_id, (new.as_of AT TIME ZONE 'UTC')::date", {})
    }), other AS (
        SELECT t.id FROM tutors t JOIN scored new ON new.tutor_id = t.id
        LEFT JOIN tutor_scores old ON old.tutor_id = t.id
        WHERE ({", ".join(f"old.{name}" for name in _MATCH_FIGURES)})
            IS DISTINCT FROM ({", ".join(f"new.{name}" for name in _MATCH_FIGURES)})
        ORDER BY t.id FOR NO KEY UPDATE OF t
    ), told AS (
        UPDATE tutors t SET inputs_changed_at = {NEXT_CHANGE.format(person="t")} FROM other WHERE t.id = other.id
    )
    SELECT (SELECT count(*) FROM scored) AS computed, (SELECT count(*) FROM written) AS written,
        (SELECT count(*) FROM scored WHERE is_high_risk) AS high_risk
    """
)
