"""One tutor's sessions ahead with what is stored of them, and what drives their risk, concept by concept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import numpy as np
from sqlalchemy import Engine, text

from features.catalogue import features_of, names_of
from modelling.predictor import Predictor
from modelling.risk import RiskThresholds, risk_levels
from scoring.sessions import DAYS_AHEAD, told_features
from scoring.upcoming_list import STUDENT_KEY

TARGET: Final = "reschedule"
MOST: Final = 500


@dataclass(frozen=True, slots=True)
class SessionAhead:
    """A session still scheduled, with its stored prediction; None and no features where it was not predicted yet.

    student: the name, or the text by which the student is known. features: what it was predicted from.
    """

    id: UUID
    scheduled_time: datetime
    duration_minutes: int | None
    subject: str | None
    student: str
    probability: float | None
    risk_level: str | None
    model_version: str | None
    features: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class ConceptEffect:
    """What the features of one concept add to the risk of sessions, on average.

    effect: mean of their summed parts of the log odds before calibration (TreeSHAP), above 0 where they raise the risk;
    what is common in the sessions that the model learned from adds nothing.
    phrase: the value, in the session that it matters most for, of the feature that matters most.
    same: whether that feature has the same value in all of the sessions.
    """

    concept: str
    effect: float
    phrase: str
    same: bool


def list_sessions_ahead(
    engine: Engine, tutor_id: UUID, now: datetime, thresholds: RiskThresholds, *, days: int = DAYS_AHEAD
) -> list[SessionAhead]:
    """The tutor's sessions within (now, now + days], the next one first; at most MOST.

    Risk levels are those of the `thresholds`, whatever was stored with the probability.
    """
    values = {"tutor": tutor_id, "now": now, "days": days, "limit": MOST}
    with engine.connect() as connection:
        rows = [dict(row._mapping) for row in connection.execute(_AHEAD, values)]
    return [SessionAhead(**row, risk_level=_level(row["probability"], thresholds)) for row in rows]


def average_effects(predictor: Predictor, sessions: Sequence[SessionAhead]) -> list[ConceptEffect]:
    """What drives the risk of these sessions by `predictor`, the concept of the largest effect first.

    Sessions that were not predicted yet, or from features of another release, are left out; nothing where none is left.
    """
    names = names_of(TARGET)
    used = [one for one in sessions if set(names) <= one.features.keys()]
    if not used:
        return []
    X = np.array([[one.features[name] for name in names] for one in used], dtype=np.float64)
    known = told_features(np.array([one.duration_minutes for one in used], dtype=np.float64))  # None becomes NaN
    effects = predictor.contributions(X)[:, :-1]
    places: dict[str, list[int]] = {}
    for place, feature in enumerate(features_of(TARGET)):
        places.setdefault(feature.concept, []).append(place)
    found = []
    for concept, columns in places.items():
        part = effects[:, columns]
        total = float(part.sum(axis=1).mean())
        # Of the features that pull the way the concept does, the one that pulls most.
        column = columns[int(np.argmax(part.mean(axis=0) * (1 if total >= 0 else -1)))]
        row = int(np.argmax(effects[:, column] * (1 if total >= 0 else -1)))
        phrase = features_of(TARGET)[column].describe(float(X[row, column]), known=bool(known[row, column]))
        found.append(ConceptEffect(concept, total, phrase, bool(np.all(X[:, column] == X[row, column]))))
    return sorted(found, key=lambda one: (-abs(one.effect), one.concept))


def _level(probability: float | None, thresholds: RiskThresholds) -> Any:
    return None if probability is None else str(risk_levels(np.array([probability]), thresholds)[0])


# The planner takes sessions that are both scheduled and ahead for rare, and would look through all of them for a few.
_AHEAD: Final = text(
    f"""
    WITH ahead AS MATERIALIZED (
        SELECT * FROM sessions
        WHERE tutor_id = :tutor AND scheduled_time > :now
            AND scheduled_time <= CAST(:now AS timestamptz) + :days * interval '24 hours'
    )
    SELECT s.id, s.scheduled_time, s.duration_minutes, s.subject, coalesce(u.name, s.student_id) AS student,
        p.probability, p.model_version, coalesce(p.features_json, '{{}}') AS features
    FROM ahead s
    LEFT JOIN students u ON u.id = {STUDENT_KEY}
    LEFT JOIN LATERAL (
        SELECT * FROM session_reschedule_predictions
        WHERE session_id = s.id AND target = 'reschedule' AND scheduled_time = s.scheduled_time OFFSET 0
    ) p ON true
    WHERE s.status = 'scheduled' ORDER BY s.scheduled_time, s.id LIMIT :limit
    """
)
