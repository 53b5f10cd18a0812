"""Stored predictions beside what became of their sessions, those that were meddled with apart.

A prediction says what happens if nobody acts. Where somebody did, being wrong is what was hoped for, so figures over
all sessions would blame a model for the reminders that it set off. Each session counts with its
first prediction (`scoring.first_predictions`) and is in one group:

treated    somebody intervened about it (a reminder, a call, another tutor; no note) before its outcome was known
spillover  its tutor was drawn to be reminded before that, and nobody intervened about this one
hold_out   its tutor was drawn to be left alone before that, and nobody intervened about this one
untreated  none of these
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine

from modelling.evaluation import log_losses, rule_losses
from records.bulk import read_rows
from records.columns import Columns, Float64, Int8, Int64
from records.interference import TREATS
from records.known import ALL_RESCHEDULES, ASSUMED_DURATION_MINUTES, OUTCOME_KNOWN
from scoring.first_predictions import first_predictions
from scoring.sessions import SESSION_TARGETS
from scoring.upkeep import FORMER_DAYS
from tqs.errors import QueryError

GROUPS: Final = ("untreated", "hold_out", "spillover", "treated")


@dataclass(frozen=True, slots=True)
class PredictedOutcomes(Columns):
    """Predictions of sessions that are over and whose outcome is told, a row each.

    Columns: session (uint8, (n, 16)), tutor (uint8, (n, 16)), version (number of v1, v2, ...; 0 the rule), as_of (µs),
    probability, label (0 or 1), group (index into GROUPS), share (of the hold-out when the tutor was drawn; NaN where
    the tutor was not).
    """

    session: NDArray[np.uint8]
    tutor: NDArray[np.uint8]
    version: Int64
    as_of: Int64
    probability: Float64
    label: Int8
    group: Int8
    share: Float64


@dataclass(frozen=True, slots=True)
class GroupOutcome:
    """How a version's predictions of one group came out. Log loss and Brier score are means; log loss in nats.

    The rule promises no probability: its log loss is that of `modelling.evaluation.rule_losses`.
    """

    version: str
    group: str
    sessions: int
    mean_prediction: float
    rate: float
    log_loss: float
    brier: float


def read_outcomes(engine: Engine, target: str, now: datetime) -> PredictedOutcomes:
    """The first prediction of each session that is over by `now`, made before its outcome was known, with that outcome.

    Those of sessions of the last FORMER_DAYS: of older ones the first prediction is kept no more.

    Sessions count when their booked end has passed: those that were rescheduled would else be in sooner than those that
    took place. A rescheduled session says nothing of no-shows.
    """
    if target not in SESSION_TARGETS:
        raise QueryError(f"outcomes are kept beside predictions of {' and '.join(SESSION_TARGETS)}, not of {target}")
    with engine.connect() as connection:
        columns: dict[str, Any] = read_rows(connection, _QUERIES[target], _WIRE, {"now": now, "target": target})
    narrow = {name: columns[name].astype(np.int8) for name in ("label", "group")}
    return PredictedOutcomes(**columns | narrow)


def report_outcomes(engine: Engine, target: str, now: datetime) -> list[GroupOutcome]:
    """Each version's figures in each group that holds a session, newest version first, groups in their order."""
    outcomes = read_outcomes(engine, target, now)
    found = np.unique(np.column_stack([-outcomes.version, outcomes.group]), axis=0)
    return [_measure(outcomes, -version, group) for version, group in found.tolist()]


def _measure(outcomes: PredictedOutcomes, version: int, group: int) -> GroupOutcome:
    rows = outcomes.take((outcomes.version == version) & (outcomes.group == group))
    losses = log_losses if version else rule_losses
    return GroupOutcome(
        version=f"v{version}" if version else "rule",
        group=GROUPS[group],
        sessions=len(rows),
        mean_prediction=float(rows.probability.mean()),
        rate=float(rows.label.mean()),
        log_loss=float(losses(rows.label, rows.probability).mean()),
        brier=float(np.square(rows.probability - rows.label).mean()),
    )


_WIRE: Final = {
    "session": "V16",
    "tutor": "V16",
    "version": ">i8",
    "as_of": "time",
    "probability": ">f8",
    "label": ">i2",
    "group": ">i2",
    "share": ">f8",
}
_COUNTED: Final = {"reschedule": "true", "no_show": "s.status <> 'rescheduled'"}
_HAPPENED: Final = {"reschedule": "s.status = 'rescheduled'", "no_show": "s.status = 'no_show'"}
_RECENT: Final = f"""target = %(target)s AND scheduled_time <= %(now)s
        AND scheduled_time > %(now)s - interval '{FORMER_DAYS} days'"""
_LOT_FELL: Final = f"a.assigned_at <= {OUTCOME_KNOWN}"
_GROUP: Final = f"""CASE
        WHEN EXISTS (
            SELECT FROM interventions i WHERE i.session_id = s.id AND {TREATS} AND i.created_at < {OUTCOME_KNOWN}
        ) THEN 3
        WHEN a.arm = 'treated' AND {_LOT_FELL} THEN 2
        WHEN a.arm = 'hold_out' AND {_LOT_FELL} THEN 1
        ELSE 0 END"""
_QUERIES: Final = {
    target: f"""
    SELECT s.id, s.tutor_id,
        CASE p.model_version WHEN 'rule' THEN 0 ELSE ltrim(p.model_version, 'v')::bigint END,
        p.predicted_at, p.probability, ({_HAPPENED[target]})::int::int2, ({_GROUP})::int2, coalesce(a.share, 'NaN')
    FROM ({first_predictions(_RECENT)}) p
    JOIN sessions s ON s.id = p.session_id AND s.scheduled_time = p.scheduled_time
    {ALL_RESCHEDULES} LEFT JOIN reminder_arms a ON a.tutor_id = s.tutor_id
    WHERE s.status <> 'scheduled' AND {_COUNTED[target]}
        AND s.scheduled_time + coalesce(s.duration_minutes, {ASSUMED_DURATION_MINUTES}) * interval '1 minute' <= %(now)s
        AND {OUTCOME_KNOWN} <= %(now)s AND p.predicted_at < {OUTCOME_KNOWN}"""
    for target in SESSION_TARGETS
}
