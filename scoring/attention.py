"""The sessions of the next hours that call for somebody to act: how many, which nobody handled, and the likeliest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Engine, text

from scoring.session_deeds import HANDLES
from scoring.upcoming_list import STUDENT_KEY

HOURS: Final = 48
LIKELIEST: Final = 5


@dataclass(frozen=True, slots=True)
class RiskySession:
    """A session ahead. student: the name, else the text that the student is known by. probability: 0-1."""

    id: UUID
    scheduled_time: datetime
    tutor: str
    student: str
    probability: float


@dataclass(frozen=True, slots=True)
class Attention:
    """The sessions still scheduled within the next HOURS.

    ahead: all of them; high: at high risk; unhandled: of those, the ones that nobody handled (HANDLES).
    likeliest: of the unhandled ones the LIKELIEST, the most probable first.
    unpredicted: without a prediction for the time that they are scheduled for. oldest: when the oldest of the others'
    predictions was made; None without any.
    """

    ahead: int
    high: int
    unhandled: int
    likeliest: list[RiskySession]
    unpredicted: int
    oldest: datetime | None


def read_attention(engine: Engine, high: float) -> Attention:
    """Who calls for attention by the clock of the database; `high` is the probability from which risk is high."""
    values = {"high": high, "most": LIKELIEST}
    with engine.connect().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True) as connection:
        counts = connection.execute(_COUNTS, values).one()._mapping
        rows = connection.execute(_LIKELIEST, values).all() if counts["unhandled"] else []
    return Attention(**counts, likeliest=[RiskySession(**row._mapping) for row in rows])


_AHEAD: Final = f"{{0}}.scheduled_time > now() AND {{0}}.scheduled_time <= now() + interval '{HOURS} hours'"
# OFFSET 0: both sides are read whole from their indexes, rather than one looked up for each of the other.
_SESSIONS: Final = f"""
    ahead AS MATERIALIZED (
        SELECT s.id, s.tutor_id, s.student_id, s.scheduled_time, p.probability, p.predicted_at
        FROM sessions s LEFT JOIN (
            SELECT session_id, scheduled_time, probability, predicted_at FROM session_reschedule_predictions a
            WHERE target = 'reschedule' AND {_AHEAD.format("a")} OFFSET 0
        ) p ON p.session_id = s.id AND p.scheduled_time = s.scheduled_time
        WHERE s.status = 'scheduled' AND {_AHEAD.format("s")}
    ), risky AS MATERIALIZED (
        SELECT a.*, EXISTS (
            SELECT FROM interventions i WHERE i.session_id = a.id AND {HANDLES}
        ) AS handled
        FROM ahead a WHERE a.probability >= :high
    )"""
_COUNTS: Final = text(
    f"""
    WITH {_SESSIONS}
    SELECT (SELECT count(*) FROM ahead) AS ahead, (SELECT count(*) FROM risky) AS high,
        (SELECT count(*) FROM risky WHERE NOT handled) AS unhandled,
        (SELECT count(*) FROM ahead WHERE probability IS NULL) AS unpredicted,
        (SELECT min(predicted_at) FROM ahead) AS oldest
    """
)
_LIKELIEST: Final = text(
    f"""
    WITH {_SESSIONS}, first AS (
        SELECT * FROM risky WHERE NOT handled ORDER BY probability DESC, id LIMIT :most
    )
    SELECT s.id, s.scheduled_time, t.name AS tutor, coalesce(u.name, s.student_id) AS student, s.probability
    FROM first s JOIN tutors t ON t.id = s.tutor_id LEFT JOIN students u ON u.id = {STUDENT_KEY}
    ORDER BY s.probability DESC, s.id
    """
)
