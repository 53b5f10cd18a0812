"""Predictions of sessions into their table, one row a session and target, by set-based upserts."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
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


def store_predictions(
    connection: Connection, model: ServedModel, sessions: Sessions, X: Float64, probabilities: Float64, now: datetime
) -> int:
    """Store what `model` says of many sessions as of `now`; the number of rows that were new or changed.

    A row is rewritten, and loses its contributions, where its model version, probability, risk level or any feature
    changed. One that was made as of a later moment stays, and none is written for a session that was moved or is
    not scheduled any more.
    """
    connection.exec_driver_sql(f"CREATE TEMP TABLE staged ({_FIELDS}) ON COMMIT DROP")
    columns: dict[str, BulkColumn] = {
        "session_id": sessions.id,
        "scheduled_time": sessions.scheduled,
        "probability": probabilities,
        "risk_level": Words(model.risk_codes(probabilities), RISK_LEVELS),
    }
    copy_rows(connection, "staged", columns | {name: X[:, j] for j, name in enumerate(_FEATURES)})
    written = connection.execute(_FROM_TABLE, _values(model, now)).rowcount
    connection.exec_driver_sql("DROP TABLE staged")
    return written


def store_explained(
    connection: Connection,
    model: ServedModel,
    sessions: Sessions,
    X: Float64,
    probabilities: Float64,
    now: datetime,
    contributions: Sequence[Sequence[Contribution]] | None = None,
) -> int:
    """As `store_predictions` for a few sessions, without a table to stage them in.

    contributions: of each session, stored with it; None leaves those of a row that stays as it is.
    """
    levels = model.risk_codes(probabilities).tolist()
    reasons = [None] * len(X) if contributions is None else [[asdict(one) for one in row] for row in contributions]
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


def _values(model: ServedModel, now: datetime) -> dict[str, object]:
    return {"target": model.target, "version": model.version, "fallback": model.fallback, "now": now}


_FEATURES: Final = names_of("reschedule")
_FIELDS: Final = ", ".join(
    (
        "session_id uuid",
        "scheduled_time timestamptz",
        "probability float8",
        "risk_level text",
        "contributions jsonb",
        *(f"{name} float8" for name in _FEATURES),
    )
)
_JSON: Final = ", ".join(f"'{name}', {name}" for name in _FEATURES)


def _upsert(staged: str) -> TextClause:
    return text(
        f"""
        WITH new AS MATERIALIZED (
            SELECT n.session_id, s.tutor_id, n.scheduled_time, n.probability, n.risk_level, n.contributions,
                jsonb_build_object({_JSON}) AS features_json
            FROM {staged} JOIN sessions s ON s.id = n.session_id
                AND s.status = 'scheduled' AND s.scheduled_time = n.scheduled_time  -- some ended or moved meanwhile
        )
        INSERT INTO session_reschedule_predictions AS stored (session_id, scheduled_time, target, probability,
            risk_level, model_version, fallback, predicted_at, features_json, contributions)
        SELECT new.session_id, new.scheduled_time, :target, new.probability, new.risk_level, :version, :fallback, :now,
            new.features_json, new.contributions
        FROM new
        LEFT JOIN session_reschedule_predictions old ON old.session_id = new.session_id AND old.target = :target
        WHERE old.id IS NULL
            OR (old.model_version, old.probability, old.risk_level, old.features_json)
                IS DISTINCT FROM (:version, new.probability, new.risk_level, new.features_json)
            OR (new.contributions IS NOT NULL AND old.contributions IS DISTINCT FROM new.contributions)
        ORDER BY new.tutor_id, new.session_id  -- a tutor's are renewed together, so they lie together
        ON CONFLICT (session_id, target) DO UPDATE SET scheduled_time = excluded.scheduled_time,
            probability = excluded.probability, risk_level = excluded.risk_level,
            model_version = excluded.model_version, fallback = excluded.fallback,
            predicted_at = excluded.predicted_at, features_json = excluded.features_json,
            contributions = excluded.contributions, updated_at = now()
        WHERE stored.predicted_at <= excluded.predicted_at  -- a later one stays, also one stored meanwhile
        """
    )


_FROM_TABLE: Final = _upsert("staged n")
_FROM_JSON: Final = _upsert(f"jsonb_to_recordset(CAST(:rows AS jsonb)) AS n ({_FIELDS})")
