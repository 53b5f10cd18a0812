"""Stored predictions for the sessions ahead: will they be rescheduled, will they be missed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

import numpy as np
from sqlalchemy import Connection, Engine

from access.audit import record_action
from features.catalogue import names_of
from features.matrix import session_features_from_past
from records.columns import Bool, Float64
from records.locking import run_alone
from records.upcoming import Upcoming, read_upcoming
from scoring.explanations import explain_risky
from scoring.extraction import microseconds
from scoring.models import ServedModel
from scoring.prediction_report import PredictionReport, report_predictions
from scoring.session_store import store_explained, store_predictions
from scoring.shadow import log_sessions

SESSION_TARGETS: Final = ("reschedule", "no_show")
DAYS_AHEAD: Final = 14
FEW: Final = 300  # sessions that are stored sooner without a table to stage them in

Models = Mapping[str, ServedModel]


@dataclass(frozen=True, slots=True)
class BatchReport:
    """What a batch did: sessions predicted, those that could not be (unknown, past or over), and both together."""

    predicted: int
    errors: int
    total: int


def predict_upcoming(
    engine: Engine,
    models: Models,
    now: datetime,
    *,
    targets: Sequence[str] = SESSION_TARGETS,
    days: float = DAYS_AHEAD,
    timezone: str = "UTC",
    shadows: Models | None = None,
) -> list[PredictionReport]:
    """Predict `targets` for all sessions still scheduled that start in (now, now + days], as of `now`; one report each.

    A prediction is stored once per session and target, with the features that it was made from and `predicted_at`,
    their as_of, and where its risk is not low with what moved it most. It is rewritten where its model version,
    probability, risk level or any feature changed, unless it was made as of a later moment than `now`. Features such as
    hours_until_session change with every `now`: a run of another moment rewrites all of them, one of the same moment
    only what differs. Those of sessions that are over stay as they are: history.

    shadows: challengers that run in shadow; what they say of a session is stored beside it the first time.
    """
    with engine.begin() as connection:
        upcoming = read_upcoming(connection, now, days=days)
    X = upcoming_features(upcoming, now, timezone)
    with engine.begin() as connection:
        reports = _store(connection, [models[target] for target in targets], upcoming, X, now)
    log_sessions(engine, shadows or {}, models, upcoming.sessions, X, now)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in _SETTLE:
            connection.exec_driver_sql(statement)
    return reports


def predict_batch(
    engine: Engine,
    models: Models,
    now: datetime,
    *,
    days: int | None = None,
    ids: Sequence[UUID] | None = None,
    timezone: str = "UTC",
    actor: str,
) -> BatchReport:
    """Predict the sessions of the next `days`, or those with these ids, as `predict_upcoming` does; on the record.

    An id counts once, however often it is there. Errors are the ids of sessions that do not exist, have started, or
    are not scheduled any more.
    """
    wanted = None if ids is None else sorted(set(ids))
    with engine.begin() as connection:
        upcoming = read_upcoming(connection, now, days=days, ids=wanted)
    X = upcoming_features(upcoming, now, timezone)
    total = len(upcoming) if wanted is None else len(wanted)
    report = BatchReport(len(upcoming), total - len(upcoming), total)
    with engine.begin() as connection:
        _store(connection, [models[target] for target in SESSION_TARGETS], upcoming, X, now)
        subject = "sessions by id" if days is None else f"sessions of {days} days"
        record_action(connection, actor, "predict sessions", subject, {"predicted": report.predicted})
    return report


def predict_tutors_sessions(
    connection: Connection, models: Models, tutors: Iterable[UUID], now: datetime, *, timezone: str = "UTC"
) -> int:
    """Predict what of these tutors `predict_upcoming` would, as a part of the transaction; how many sessions.

    Reasons are left to the hourly run: they would make a processed session cost several times as much.
    Others may store predictions meanwhile: of two for one session that of the later moment stays.
    """
    upcoming = read_upcoming(connection, now, days=DAYS_AHEAD, tutors=tutors)
    if len(upcoming):
        X = upcoming_features(upcoming, now, timezone)
        store = store_explained if len(upcoming) <= FEW else store_predictions
        for target in SESSION_TARGETS:
            model = models[target]
            store(connection, model, upcoming.sessions, X, model.predict(X), now)
    return len(upcoming)


def upcoming_features(upcoming: Upcoming, now: datetime, timezone: str) -> Float64:
    """The feature matrix (n, 24) of the n sessions ahead as of `now`."""
    as_of = np.full(len(upcoming), microseconds([now])[0])
    return session_features_from_past(upcoming.past, upcoming.sessions, as_of, timezone)


def told_features(durations: Float64) -> Bool:
    """Where the features of sessions hold a value that was told (n, 24), not the default in the place of one.

    durations: booked minutes of the sessions (n,), NaN where nobody told.
    """
    names = names_of("reschedule")
    told = np.ones((len(durations), len(names)), dtype=np.bool_)
    told[:, names.index("session_duration_minutes")] = np.isfinite(durations)
    return told


# Lists are read from indexes alone where vacuum has seen the rows, which else happens days after they were written.
_SETTLE: Final = (
    "VACUUM (ANALYZE, SKIP_LOCKED) session_reschedule_predictions",
    "VACUUM (SKIP_LOCKED) sessions",
)


def _store(
    connection: Connection, models: Sequence[ServedModel], upcoming: Upcoming, X: Float64, now: datetime
) -> list[PredictionReport]:
    probabilities = [model.predict(X) for model in models]
    known = told_features(upcoming.sessions.duration)
    reasons = [explain_risky(model, X, p, known) for model, p in zip(models, probabilities, strict=True)]
    run_alone(connection, "predict sessions")
    reports = []
    for model, probability, why in zip(models, probabilities, reasons, strict=True):
        written = store_predictions(connection, model, upcoming.sessions, X, probability, now, why)
        reports.append(report_predictions(model, computed=len(X), written=written))
    return reports
