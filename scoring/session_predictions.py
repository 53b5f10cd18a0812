"""The prediction of one session ahead: made anew, explained, stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Engine, select

from access.audit import record_action
from features.catalogue import names_of
from modelling.risk import RISK_LEVELS
from records.tables import sessions
from records.upcoming import read_upcoming
from scoring.explanations import Contribution, explain_predictions, explain_risky
from scoring.models import ServedModel
from scoring.session_store import store_explained
from scoring.sessions import told_features, upcoming_features
from tqs.errors import NotFoundError, QueryError


@dataclass(frozen=True, slots=True)
class SessionPrediction:
    """How probable a reschedule of a session is as of `predicted_at`, and why.

    features: the 24 that it was made from. contributions: the five that moved it most; none where the rule answers.
    """

    session_id: UUID
    reschedule_probability: float
    risk_level: str
    model_version: str
    predicted_at: datetime
    features: dict[str, float]
    contributions: list[Contribution]


def predict_session(
    engine: Engine,
    models: Mapping[str, ServedModel],
    session_id: UUID,
    now: datetime,
    *,
    timezone: str = "UTC",
    actor: str,
) -> SessionPrediction:
    """Predict a session as of `now` and store it with its contributions, low as its risk may be; else as
    `predict_upcoming` does.

    How probable a no-show is, is predicted and stored as well, from the same features.

    Raises
    ------
    NotFoundError
        there is no session of that id.
    QueryError
        it has started, or is not scheduled any more.
    """
    model, other = models["reschedule"], models["no_show"]
    with engine.begin() as connection:
        # Locked against change, so that it is ahead until its prediction is stored.
        query = select(sessions.c.status, sessions.c.scheduled_time).where(sessions.c.id == session_id)
        found = connection.execute(query.with_for_update(read=True)).one_or_none()
        if found is None:
            raise NotFoundError(f"there is no session {session_id}")
        require_ahead(session_id, found.status, found.scheduled_time, now)
        upcoming = read_upcoming(connection, now, ids=[session_id])
        X = upcoming_features(upcoming, now, timezone)
        probabilities = model.predict(X)
        known = told_features(upcoming.sessions.duration)
        contributions = [[]] if model.predictor is None else explain_predictions(model.predictor, X, known=known)
        store_explained(connection, model, upcoming.sessions, X, probabilities, now, contributions)
        missed = other.predict(X)
        store_explained(connection, other, upcoming.sessions, X, missed, now, explain_risky(other, X, missed, known))
        record_action(connection, actor, "predict session", str(session_id), {"model_version": model.version})
    return SessionPrediction(
        session_id=session_id,
        reschedule_probability=float(probabilities[0]),
        risk_level=RISK_LEVELS[model.risk_codes(probabilities)[0]],
        model_version=model.version,
        predicted_at=now,
        features=dict(zip(names_of("reschedule"), X[0].tolist(), strict=True)),
        contributions=contributions[0],
    )


def require_ahead(session_id: UUID, status: str, scheduled_time: datetime, now: datetime) -> None:
    """Refuse a session unless it is scheduled and starts after `now`.

    Raises
    ------
    QueryError
        saying which of the two does not hold.
    """
    if status != "scheduled":
        raise QueryError(
            f"session {session_id} is {status.replace('_', '-')} and not scheduled any more; "
            "GET /api/upcoming-sessions lists those that are"
        )
    if scheduled_time <= now:
        raise QueryError(
            f"session {session_id} is past, it was to start at {scheduled_time.isoformat()}; "
            "GET /api/upcoming-sessions lists those ahead"
        )
