"""The sessions ahead as the dashboards list them: a page with what was done about each, and how to walk the list."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import numpy as np
from sqlalchemy import Engine, TextClause, text

from modelling.bands import band_of
from scoring.models import ServedModel
from scoring.session_deeds import SessionDeed, read_session_deeds
from scoring.upcoming_list import UpcomingQuery, answer_upcoming, locate_upcoming, next_unhandled


@dataclass(frozen=True, slots=True)
class ListedSession:
    """A session ahead. student_name: None of one who is known by a text only, which is the student_id.

    probability and what hangs on it: of a reschedule; None where it was not predicted, or not for this time. band:
    low and high of how often sessions scored like it were rescheduled; None where that was not measured of the model
    that made it (`scoring.trust.find_band`). deed: what was done about it last.
    """

    id: UUID
    tutor_id: UUID
    tutor_name: str
    student_id: str
    student_name: str | None
    scheduled_time: datetime
    probability: float | None
    risk_level: str | None
    model_version: str | None
    predicted_at: datetime | None
    band: tuple[float, float] | None
    deed: SessionDeed | None


@dataclass(frozen=True, slots=True)
class SessionPage:
    """Part of a list of sessions, and how many there are in all."""

    sessions: list[ListedSession]
    total: int


def list_sessions(
    engine: Engine, query: UpcomingQuery, thresholds: tuple[float, float], model: ServedModel | None
) -> SessionPage:
    """The page of the API's list, with bands by `model`, which serves now, and with the last deeds."""
    statement, values = bind(answer_upcoming(query, thresholds))
    with engine.connect() as connection:
        answer = json.loads(connection.execute(statement, values).scalar_one())
        rows = answer["sessions"]
        deeds = read_session_deeds(connection, [UUID(row["id"]) for row in rows])
    bands = _find_bands(rows, model)
    sessions = [_make_listed(row, band, deeds) for row, band in zip(rows, bands, strict=True)]
    return SessionPage(sessions, answer["total"])


def find_place(engine: Engine, query: UpcomingQuery, thresholds: tuple[float, float], session_id: UUID) -> int | None:
    """How many sessions of the list come before this one; None where it is not in the list."""
    statement, values = bind(locate_upcoming(query, thresholds, session_id))
    with engine.connect() as connection:
        place: int | None = connection.execute(statement, values).scalar_one_or_none()
    return place


def find_next(engine: Engine, query: UpcomingQuery, thresholds: tuple[float, float], after: UUID | None) -> UUID | None:
    """The next session of the list, after `after` and from the start again, that was not handled."""
    statement, values = bind(next_unhandled(query, thresholds, after))
    with engine.connect() as connection:
        found: UUID | None = connection.execute(statement, values).scalar_one_or_none()
    return found


def bind(asked: tuple[str, Sequence[Any]]) -> tuple[TextClause, dict[str, Any]]:
    """A statement with parameters $1, $2, … as SQLAlchemy takes it."""
    statement, values = asked
    named = text(_PLACE.sub(r":p\1", statement))
    bound = (str(value) if isinstance(value, UUID) else value for value in values)
    return named, {f"p{place}": value for place, value in enumerate(bound, 1)}


_PLACE: Final = re.compile(r"\$(\d+)")


def _find_bands(rows: Sequence[Mapping[str, Any]], model: ServedModel | None) -> list[tuple[float, float] | None]:
    found: list[tuple[float, float] | None] = [None] * len(rows)
    if model is None or model.predictor is None or model.predictor.manifest.bands is None:
        return found
    own = [place for place, row in enumerate(rows) if row["model_version"] == model.version]
    bands = band_of(model.predictor.manifest.bands, np.array([rows[place]["reschedule_probability"] for place in own]))
    for place, low, high in zip(own, bands.low.tolist(), bands.high.tolist(), strict=True):
        found[place] = None if np.isnan(low) else (low, high)
    return found


def _make_listed(
    row: Mapping[str, Any], band: tuple[float, float] | None, deeds: Mapping[UUID, Sequence[SessionDeed]]
) -> ListedSession:
    key, predicted_at = UUID(row["id"]), row["predicted_at"]
    return ListedSession(
        id=key,
        tutor_id=UUID(row["tutor_id"]),
        tutor_name=row["tutor_name"],
        student_id=row["student_id"],
        student_name=row["student_name"],
        scheduled_time=datetime.fromisoformat(row["scheduled_time"]),
        probability=row["reschedule_probability"],
        risk_level=row["risk_level"],
        model_version=row["model_version"],
        predicted_at=None if predicted_at is None else datetime.fromisoformat(predicted_at),
        band=band,
        deed=next(iter(deeds.get(key, ())), None),
    )
