"""Stored predictions for the sessions ahead: will they be rescheduled, will they be missed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import numpy as np
from sqlalchemy import Connection, Engine, text

from features.catalogue import names_of
from features.table import session_features
from modelling.risk import RISK_LEVELS
from records.bulk import BulkColumn, Words, copy_rows
from records.columns import Float64, Sessions
from records.locking import run_alone
from records.reading import read_history, select_upcoming
from scoring.extraction import microseconds
from scoring.models import ServedModel
from scoring.prediction_report import PredictionReport, report_predictions

SESSION_TARGETS: Final = ("reschedule", "no_show")
DAYS_AHEAD: Final = 14


def predict_upcoming(
    engine: Engine,
    models: Mapping[str, ServedModel],
    now: datetime,
    *,
    targets: Sequence[str] = SESSION_TARGETS,
    days: float = DAYS_AHEAD,
    timezone: str = "UTC",
) -> list[PredictionReport]:
    """Predict `targets` for all sessions still scheduled that start in (now, now + days], as of `now`; one report each.

    A prediction is stored once per session and target, with the features that it was made from and `predicted_at`,
    their as_of. It is rewritten where its model version, probability, risk level or any feature changed, unless it was
    made as of a later moment than `now`. Features such as hours_until_session change with every `now`: a run of
    another moment rewrites all of them, one of the same moment only what differs. Those of sessions that are over stay
    as they are: history.
    """
    history = read_history(engine)
    as_of = int(microseconds([now])[0])
    upcoming = select_upcoming(history.sessions, as_of, days)
    X = session_features(history, upcoming, np.full(len(upcoming), as_of), timezone)
    return [_predict_target(engine, models[target], now, upcoming, X) for target in targets]


def _predict_target(
    engine: Engine, model: ServedModel, now: datetime, sessions: Sessions, X: Float64
) -> PredictionReport:
    probabilities = model.predict(X)
    with engine.begin() as connection:
        run_alone(connection, f"predict {model.target}")
        _stage(connection, model, sessions, X, probabilities)
        values = {"target": model.target, "version": model.version, "fallback": model.fallback, "now": now}
        written = connection.execute(_UPSERT, values).rowcount
    return report_predictions(model, computed=len(X), written=written)


def _stage(connection: Connection, model: ServedModel, sessions: Sessions, X: Float64, probabilities: Float64) -> None:
    features = ", ".join(f"{name} float8" for name in _FEATURES)
    connection.exec_driver_sql(
        f"CREATE TEMP TABLE staged (session_id uuid, probability float8, risk_level text, {features}) ON COMMIT DROP"
    )
    columns: dict[str, BulkColumn] = {
        "session_id": sessions.id,
        "probability": probabilities,
        "risk_level": Words(model.risk_codes(probabilities), RISK_LEVELS),
    }
    copy_rows(connection, "staged", columns | {name: X[:, j] for j, name in enumerate(_FEATURES)})


_FEATURES: Final = names_of("reschedule")
_JSON: Final = ", ".join(f"'{name}', {name}" for name in _FEATURES)
_UPSERT: Final = text(
    f"""
    WITH new AS MATERIALIZED (
        SELECT staged.session_id, probability, risk_level, jsonb_build_object({_JSON}) AS features_json
        FROM staged JOIN sessions s ON s.id = staged.session_id AND s.status = 'scheduled'  -- some ended meanwhile
    )
    INSERT INTO session_reschedule_predictions AS stored
        (session_id, target, probability, risk_level, model_version, fallback, predicted_at, features_json)
    SELECT new.session_id, :target, new.probability, new.risk_level, :version, :fallback, :now, new.features_json
    FROM new
    LEFT JOIN session_reschedule_predictions old ON old.session_id = new.session_id AND old.target = :target
    WHERE old.id IS NULL OR (
        old.predicted_at <= :now AND (old.model_version, old.probability, old.risk_level, old.features_json)
            IS DISTINCT FROM (:version, new.probability, new.risk_level, new.features_json)
    )
    ORDER BY new.session_id
    ON CONFLICT (session_id, target) DO UPDATE SET probability = excluded.probability,
        risk_level = excluded.risk_level, model_version = excluded.model_version, fallback = excluded.fallback,
        predicted_at = excluded.predicted_at, features_json = excluded.features_json, updated_at = now()
    """
)
