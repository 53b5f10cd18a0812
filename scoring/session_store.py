"""Predictions of sessions into their table, one row a session and target, by set-based upserts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import numpy as np
from sqlalchemy import Connection, TextClause, text

from features.catalogue import names_of
from features.table import uuid_texts
from modelling.risk import RISK_LEVELS
from records.bulk import BulkColumn, Words, copy_rows
from records.columns import Float64, Sessions
from scoring.explanations import Contribution
from scoring.models import ServedModel

Reasons = Sequence[Sequence[Contribution] | None]


def store_predictions(
    connection: Connection,
    model: ServedModel,
    sessions: Sessions,
    X: Float64,
    probabilities: Float64,
    now: datetime,
    contributions: Reasons | None = None,
) -> int:
    """Store what `model` says of many sessions as of `now`; the number of rows that were new or changed.

    A row is rewritten, and loses the contributions that it had, where its model version, probability, risk level or any
    feature changed. One that was made as of a later moment stays, and none is written for a session that was moved or
    is not scheduled any more. Of what is rewritten the first prediction of each day is kept as a former one.

    contributions: of each session, stored with it; None, of all or of one, leaves those of a row that stays as it is.
    """
    connection.exec_driver_sql(f"CREATE TEMP TABLE staged ({_FIELDS}) ON COMMIT DROP")
    columns: dict[str, BulkColumn] = {
        "session_id": sessions.id,
        "scheduled_time": sessions.scheduled,
        "probability": probabilities,
        "risk_level": Words(model.risk_codes(probabilities), RISK_LEVELS),
    }
    copy_rows(connection, "staged", columns | {name: X[:, j] for j, name in enumerate(_FEATURES)})
    found = dict(zip(uuid_texts(sessions.id), _to_json(contributions), strict=True)) if contributions else {}
    reasons = {key: why for key, why in found.items() if why is not None}
    written = connection.execute(_FROM_TABLE, {**_values(model, now), "reasons": json.dumps(reasons)}).rowcount
    connection.exec_driver_sql("DROP TABLE staged")
    return written


def store_explained(
    connection: Connection,
    model: ServedModel,
    sessions: Sessions,
    X: Float64,
    probabilities: Float64,
    now: datetime,
    contributions: Reasons | None = None,
) -> int:
    """As `store_predictions` for a few sessions, without a table to stage them in."""
    levels = model.risk_codes(probabilities).tolist()
    reasons = _to_json(contributions or [None] * len(X))
    rows = [
        {
            "session_id": key,
            "scheduled_time": str(time),
            "probability": probability,
            "risk_level": RISK_LEVELS[level],
            "contributions": why,
            **dict(zip(_FEATURES, values, strict=True)),
        }
        for key, time, probability, level, why, values in zip(
            uuid_texts(sessions.id).tolist(),
            np.datetime_as_string(sessions.scheduled.view("datetime64[us]"), timezone="UTC").tolist(),
            probabilities.tolist(),
            levels,
            reasons,
            X.tolist(),
            strict=True,
        )
    ]
    return connection.execute(_FROM_JSON, {**_values(model, now), "rows": json.dumps(rows)}).rowcount


def _to_json(contributions: Reasons) -> list[list[dict[str, object]] | None]:
    return [
        None
        if row is None
        else [{"feature": c.feature, "value": c.value, "effect": c.effect, "phrase": c.phrase} for c in row]
        for row in contributions
    ]


def _values(model: ServedModel, now: datetime) -> dict[str, object]:
    return {"target": model.target, "version": model.version, "fallback": model.fallback, "now": now}


_FEATURES: Final = names_of("reschedule")
_FIELDS: Final = ", ".join(
    (
        "session_id uuid",
        "scheduled_time timestamptz",
        "probability float8",
        "risk_level text",
        *(f"{name} float8" for name in _FEATURES),
    )
)
_JSON: Final = ", ".join(f"'{name}', {name}" for name in _FEATURES)


_FORMER_FEATURES: Final = ", ".join(f"(old.features_json->>'{name}')::float8" for name in _FEATURES)


def _upsert(staged: str, contributions: str) -> TextClause:
    return text(
        f"""
        WITH new AS MATERIALIZED (
            SELECT n.session_id, s.tutor_id, n.scheduled_time, n.probability, n.risk_level,
                {contributions} AS contributions,
                jsonb_build_object({_JSON}) AS features_json
            FROM {staged} JOIN sessions s ON s.id = n.session_id
                AND s.status = 'scheduled' AND s.scheduled_time = n.scheduled_time  -- some ended or moved meanwhile
        ), changed AS MATERIALIZED (
            SELECT new.*, old.id AS old_id, (old.predicted_at AT TIME ZONE 'UTC')::date AS old_day
            FROM new
            LEFT JOIN session_reschedule_predictions old ON old.session_id = new.session_id AND old.target = :target
            WHERE old.id IS NULL
                OR (old.model_version, old.probability, old.risk_level, old.features_json)
                    IS DISTINCT FROM (:version, new.probability, new.risk_level, new.features_json)
                OR (new.contributions IS NOT NULL AND old.contributions IS DISTINCT FROM new.contributions)
        ), former AS (
            INSERT INTO former_predictions
                (session_id, target, day, scheduled_time, probability, model_version, predicted_at, features)
            SELECT old.session_id, old.target, old_day, old.scheduled_time, old.probability, old.model_version,
                old.predicted_at, ARRAY[{_FORMER_FEATURES}]
            FROM (
                SELECT old_id, old_day FROM changed WHERE old_day IS NOT NULL AND NOT EXISTS (
                    SELECT FROM former_predictions f
                    WHERE f.session_id = changed.session_id AND f.target = :target AND f.day = old_day)
                OFFSET 0  -- most have theirs, and are not looked up
            ) changed JOIN session_reschedule_predictions old ON old.id = old_id
            WHERE old.predicted_at < :now
            ORDER BY old.session_id
            ON CONFLICT DO NOTHING
        )
        INSERT INTO session_reschedule_predictions AS stored (session_id, scheduled_time, target, probability,
            risk_level, model_version, fallback, predicted_at, features_json, contributions)
        SELECT session_id, scheduled_time, :target, probability, risk_level, :version, :fallback, :now,
            features_json, contributions
        FROM changed
        ORDER BY tutor_id, session_id  -- a tutor's are renewed together, so they lie together
        ON CONFLICT (session_id, target) DO UPDATE SET scheduled_time = excluded.scheduled_time,
            probability = excluded.probability, risk_level = excluded.risk_level,
            model_version = excluded.model_version, fallback = excluded.fallback,
            predicted_at = excluded.predicted_at, features_json = excluded.features_json,
            contributions = excluded.contributions, updated_at = now()
        WHERE stored.predicted_at <= excluded.predicted_at  -- a later one stays, also one stored meanwhile
        """
    )


_FROM_TABLE: Final = _upsert("staged n", "CAST(:reasons AS jsonb) -> n.session_id::text")
_FROM_JSON: Final = _upsert(
    f"jsonb_to_recordset(CAST(:rows AS jsonb)) AS n ({_FIELDS}, contributions jsonb)", "n.contributions"
)
