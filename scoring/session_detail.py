"""All that is known of one session: who, when, what is predicted and why, and what was done about it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Engine, text

from scoring.session_deeds import SessionDeed, read_session_deeds
from scoring.sessions import SESSION_TARGETS, Models
from scoring.trust import TrustedPrediction, trusted_prediction
from scoring.upcoming_list import STUDENT_KEY


@dataclass(frozen=True, slots=True)
class SessionDetail:
    """A session of any time and status.

    student_name: None of one who is known by a text only, which is the student_id. ahead: still scheduled, and starts
    later. predicted: the targets whose prediction is stored and is for this time. predictions: of them those that could
    be explained, by target; none while the models are being loaded. deeds: the newest first.
    """

    id: UUID
    tutor_id: UUID
    tutor_name: str
    tutor_email: str | None
    tutor_is_active: bool
    student_id: str
    student_name: str | None
    scheduled_time: datetime
    duration_minutes: int | None
    status: str
    tutor_rescheduled: bool
    ahead: bool
    predicted: tuple[str, ...]
    predictions: dict[str, TrustedPrediction]
    deeds: list[SessionDeed]


def find_session(engine: Engine, models: Models, session_id: UUID) -> SessionDetail | None:
    """The session of that id; None where there is none. models: what serves now, by target; may be empty."""
    with engine.connect() as connection:
        row: Any = connection.execute(_SESSION, {"id": session_id}).one_or_none()
        if row is None:
            return None
        deeds = read_session_deeds(connection, [session_id]).get(session_id, [])
    values = dict(row._mapping)
    predicted = tuple(target for target in SESSION_TARGETS if target in values["predicted"])
    predictions = {
        target: trusted_prediction(engine, models, session_id, target) for target in predicted if target in models
    }
    return SessionDetail(**values | {"predicted": predicted}, predictions=predictions, deeds=deeds)


_SESSION: Final = text(
    f"""
    SELECT s.id, s.tutor_id, t.name AS tutor_name, t.email AS tutor_email, t.is_active AS tutor_is_active,
        s.student_id, u.name AS student_name, s.scheduled_time, s.duration_minutes, s.status,
        s.status = 'rescheduled' AND EXISTS (
            SELECT FROM reschedules r WHERE r.session_id = s.id AND r.initiator = 'tutor'
        ) AS tutor_rescheduled,
        s.status = 'scheduled' AND s.scheduled_time > now() AS ahead,
        ARRAY(
            SELECT p.target FROM session_reschedule_predictions p
            WHERE p.session_id = s.id AND p.scheduled_time = s.scheduled_time
        ) AS predicted
    FROM sessions s JOIN tutors t ON t.id = s.tutor_id LEFT JOIN students u ON u.id = {STUDENT_KEY}
    WHERE s.id = :id
    """
)
