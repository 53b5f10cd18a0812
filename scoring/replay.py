"""Stored predictions made again from the records as of their time: the same number, or which fact differs.

A stored prediction holds its features, its moment and its model's version. The records tell when each fact was known
and when it was told, so what was known at that moment can be had again, whatever came later. What cannot: a record that
was changed in its place, and one that was told later than its times say (an import counts as told when it happened).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np
from sqlalchemy import Engine, Row, text

from features.catalogue import names_of
from features.matrix import session_features_from_past
from features.table import uuid_texts
from modelling.fallback import RULE_VERSION, predict_by_rule
from modelling.predictor import Predictor
from modelling.store import load_model
from records.columns import Bool, Float64, Int64, Sessions
from records.known import ALL_RESCHEDULES, COUNTS_FROM
from records.reading import read_history
from scoring.sessions import SESSION_TARGETS
from tqs.errors import ModelError, QueryError

_FEATURES: Final = names_of("reschedule")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Difference:
    """A prediction that does not come out the same.

    features: name to (stored, replayed), those that differ. probability: stored and replayed; the latter None where the
    model is not kept any more. moved: whether the session is at another time by now. written_since: sessions of its
    tutor or student that count as known at its moment and were written after it.
    """

    session_id: str
    predicted_at: datetime
    model_version: str
    features: dict[str, tuple[float, float]]
    probability: tuple[float, float | None]
    moved: bool
    written_since: int

    @property
    def explained(self) -> bool:
        """Whether the records say why."""
        return self.moved or self.written_since > 0


@dataclass(frozen=True, slots=True)
class Replay:
    """What came of `replayed` predictions. unanswered: those whose model is not kept any more, compared by features."""

    target: str
    replayed: int
    unanswered: int
    differences: tuple[Difference, ...]


def replay_predictions(engine: Engine, target: str, *, sample: int, timezone: str = "UTC") -> Replay:
    """Make up to `sample` stored predictions of `reschedule` or `no_show` again and compare them bit for bit.

    The sample is by the predictions' ids, which are random: the same one until predictions are added.
    timezone: that of the settings, which decides weekday and hour.
    """
    if target not in SESSION_TARGETS:
        raise QueryError(f"predictions of {target} keep no features; those of {' and '.join(SESSION_TARGETS)} do")
    with engine.connect() as connection:
        stored = connection.execute(_STORED, {"target": target, "sample": sample}).all()
    if not stored:
        return Replay(target, 0, 0, ())
    X = _compute_features(engine, stored, timezone)
    probabilities = _predict(engine, target, stored, X)
    wanted = np.array([row.features for row in stored], dtype=np.float64)
    said = np.array([row.probability for row in stored])
    answered = np.isfinite(probabilities)
    different = (wanted != X).any(axis=1) | (answered & (probabilities != said))
    found = _describe(engine, target, stored, different, X, wanted, probabilities)
    return Replay(target, len(stored), int((~answered).sum()), found)


def _compute_features(engine: Engine, stored: Sequence[Row[Any]], timezone: str) -> Float64:
    """The features (n, 24) of each stored prediction as of its moment, by the code that serves."""
    people = sorted({row.tutor_id for row in stored}), sorted({row.student_id for row in stored})
    past = read_history(engine, tutors=people[0], students=people[1]).sessions
    rows = _find_sessions(past, [row.session_id for row in stored])
    ahead = past.take(rows)
    predicted = Sessions(
        **{name: getattr(ahead, name) for name in Sessions.__slots__}
        | {"scheduled": np.array([_microseconds(row.scheduled_time) for row in stored])}
    )
    as_of = np.array([_microseconds(row.predicted_at) for row in stored])
    return session_features_from_past(past, predicted, as_of, timezone)


def _find_sessions(sessions: Sessions, ids: list[str]) -> Int64:
    place = {key: row for row, key in enumerate(uuid_texts(sessions.id).tolist())}
    return np.array([place[key] for key in ids], dtype=np.int64)


def _predict(engine: Engine, target: str, stored: Sequence[Row[Any]], X: Float64) -> Float64:
    """What each prediction's own model says (n,); NaN where it is not kept any more."""
    probabilities = np.full(len(stored), np.nan)
    versions = np.array([row.model_version for row in stored])
    for version in np.unique(versions).tolist():
        rows: Bool = versions == version
        if version == RULE_VERSION:
            probabilities[rows] = predict_by_rule(target, X[rows], _FEATURES)
            continue
        try:
            probabilities[rows] = Predictor.from_artifact(load_model(engine, target, version)).predict(X[rows])
        except ModelError:
            continue  # counted as unanswered
    return probabilities


def _describe(
    engine: Engine,
    target: str,
    stored: Sequence[Row[Any]],
    different: Bool,
    X: Float64,
    wanted: Float64,
    probabilities: Float64,
) -> tuple[Difference, ...]:
    places = np.flatnonzero(different).tolist()
    asked = {"target": target, "ids": [stored[place].session_id for place in places]}
    with engine.connect() as connection:
        written = {row.session_id: row.written for row in connection.execute(_WRITTEN_SINCE, asked)} if places else {}
    return tuple(
        Difference(
            session_id=stored[i].session_id,
            predicted_at=stored[i].predicted_at,
            model_version=stored[i].model_version,
            features={
                _FEATURES[j]: (float(wanted[i, j]), float(X[i, j])) for j in np.flatnonzero(X[i] != wanted[i]).tolist()
            },
            probability=(stored[i].probability, float(probabilities[i]) if np.isfinite(probabilities[i]) else None),
            moved=stored[i].scheduled_time != stored[i].scheduled_now,
            written_since=written.get(stored[i].session_id, 0),
        )
        for i in places
    )


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


_STORED: Final = text(
    f"""
    SELECT p.session_id::text, s.tutor_id::text, s.student_id, p.scheduled_time, s.scheduled_time AS scheduled_now,
        p.predicted_at, p.model_version, p.probability,
        ARRAY[{", ".join(f"(p.features_json->>'{name}')::float8" for name in _FEATURES)}] AS features
    FROM session_reschedule_predictions p JOIN sessions s ON s.id = p.session_id
    WHERE p.target = :target ORDER BY p.id LIMIT :sample
    """
)
_WRITTEN_SINCE: Final = text(
    f"""
    SELECT p.session_id::text, count(*) AS written
    FROM session_reschedule_predictions p JOIN sessions own ON own.id = p.session_id
    CROSS JOIN LATERAL (
        SELECT * FROM sessions WHERE tutor_id = own.tutor_id
        UNION SELECT * FROM sessions WHERE student_id = own.student_id
    ) s {ALL_RESCHEDULES}
    WHERE p.target = :target AND p.session_id = ANY(CAST(:ids AS uuid[])) AND s.status <> 'scheduled'
        AND greatest(s.updated_at, r.updated_at) > p.predicted_at AND {COUNTS_FROM} < p.predicted_at
    GROUP BY 1
    """
)
