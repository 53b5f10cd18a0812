"""What there is to know of each target's model at a glance: what serves since when, the last training, and drift."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from sqlalchemy import Engine, text

from modelling.drift import OVERALL
from records.columns import TARGETS


@dataclass(frozen=True, slots=True)
class ModelHealth:
    """One target's. None where there is none of it yet.

    champion: its version; since: when it was last promoted, or rolled back to. trained_at: when the last training
    began; training: its state, of `records.tables.runs.RUN_STATES`, and training_reason why it did not end well.
    watched: the newest day that was watched for drift; drift: the verdict on all of it, of DRIFT_VERDICTS;
    retraining_reason: why a retraining that drift called for is held back.
    """

    target: str
    champion: str | None
    since: datetime | None
    trained_at: datetime | None
    training: str | None
    training_reason: str | None
    watched: date | None
    drift: str | None
    retraining_reason: str | None


def read_model_health(engine: Engine) -> list[ModelHealth]:
    """Of each of TARGETS, in their order."""
    with engine.connect() as connection:
        rows = connection.execute(_HEALTH, {"targets": list(TARGETS), "overall": OVERALL}).all()
    return [ModelHealth(**row._mapping) for row in rows]


_HEALTH: Final = text(
    """
    SELECT t.target, m.version AS champion,
        (SELECT max(decided_at) FROM model_decisions
            WHERE target = t.target AND version = m.version AND decision IN ('promoted', 'rolled_back')) AS since,
        r.started_at AS trained_at, r.state AS training, r.reason AS training_reason,
        d.day AS watched, d.verdict AS drift,
        CASE WHEN d.retraining = 'held back' THEN d.retraining_reason END AS retraining_reason
    FROM unnest(CAST(:targets AS text[])) WITH ORDINALITY AS t (target, place)
    LEFT JOIN models m ON m.target = t.target AND m.alias = 'champion'
    LEFT JOIN LATERAL (
        SELECT started_at, state, reason FROM training_runs WHERE target = t.target
        ORDER BY started_at DESC, id LIMIT 1
    ) r ON true
    LEFT JOIN LATERAL (
        SELECT day, verdict, retraining, retraining_reason FROM drift_reports
        WHERE target = t.target AND subject = :overall ORDER BY day DESC LIMIT 1
    ) d ON true
    ORDER BY t.place
    """
)
