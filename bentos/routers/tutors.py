"""Tutors: the list by reschedule rate, one with its figures, its reschedules; making and removing one."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response
from pydantic import Field
from sqlalchemy import text

from access.audit import record_action
from bentos.answers import json_answer
from bentos.fields import Limit, Offset, PathId, Search
from bentos.people import Answer, NewTutor, TutorPreferences
from bentos.routers import Actor, TheseAnswers, ThisEngine, ThisWorker
from records.people import create_person, deactivate_tutor
from scoring.tutor_detail import TUTOR_DETAIL, whole_tutor
from scoring.tutor_page import TutorQuery, answer_tutors
from scoring.tutor_reschedules import select_history
from tqs.errors import NotFoundError

router = APIRouter(tags=["Tutors"])
TUTOR_HISTORY: Final = select_history()
HISTORY_AGE_S: Final = 1.0
NOT_FOUND: Final[dict[int | str, dict[str, Any]]] = {404: {"description": "There is no such tutor"}}

Rate = Annotated[float, Field(ge=0, le=100, description="Percent.")]
Days = Annotated[int, Query(ge=1, le=365, description="How far back, in days of 24 hours.")]


class ListedTutor(Answer):
    """A tutor in the list; figures are null where the tutor was never scored, rates also where there is no session."""

    id: UUID
    name: str
    reschedule_rate_30d: Rate | None
    reschedule_rate_90d: Rate | None
    is_high_risk: bool
    total_sessions_30d: int | None
    tutor_reschedules_30d: int | None
    last_calculated_at: datetime | None


class TutorList(Answer):
    """The active tutors that were asked for."""

    tutors: list[ListedTutor]
    total: int = Field(description="How many there are in all, on whatever page.")
    limit: int
    offset: int


class Figures(Answer):
    """Figures of the tutor's sessions of the last 7, 30 and 90 days whose outcome is known; rates in percent.

    A rate is null where there is no session. is_high_risk: the rate of 30 days is above risk_threshold.
    """

    reschedule_rate_7d: Rate | None
    reschedule_rate_30d: Rate | None
    reschedule_rate_90d: Rate | None
    total_sessions_7d: int
    total_sessions_30d: int
    total_sessions_90d: int
    tutor_reschedules_7d: int
    tutor_reschedules_30d: int
    tutor_reschedules_90d: int
    is_high_risk: bool
    risk_threshold: Rate


class Scores(Figures):
    """The figures as they are stored."""

    last_calculated_at: datetime


class Statistics(Figures):
    """The scores, and where there are none: counts of 0, rates and last_calculated_at null, no flag."""

    last_calculated_at: datetime | None


class TutorDetail(Answer):
    """A tutor, also one who is not active any more."""

    id: UUID
    name: str
    email: str | None
    is_active: bool
    created_at: datetime
    scores: Scores | None = Field(description="The stored scores; null where the tutor was never scored.")
    statistics: Statistics


class WholeTutor(TutorPreferences, TutorDetail):
    """A tutor with preferences and figures."""


class Reschedule(Answer):
    """A session of the tutor that was moved, or cancelled where new_time is null."""

    id: UUID
    session_id: UUID
    initiator: Literal["tutor", "student"]
    original_time: datetime
    new_time: datetime | None
    reason: str | None
    reason_code: str | None
    cancelled_at: datetime | None
    hours_before_session: float | None = Field(
        description="From cancelled_at to original_time: negative where it came afterwards, null where not known."
    )
    created_at: datetime


class WeekRate(Answer):
    """A week from Monday to Sunday in the time zone of the setting TQS_TIMEZONE."""

    week: date = Field(description="Its Monday.")
    rate: Rate = Field(description="Sessions that the tutor rescheduled, in percent of those whose outcome is known.")


class Trend(Answer):
    """The weeks that the days reach into, oldest first, but those without a session whose outcome is known."""

    reschedule_rate_by_week: list[WeekRate]


class TutorHistory(Answer):
    """Reschedules by anyone of the sessions of the days asked for and of sessions ahead, the newest event first."""

    reschedules: list[Reschedule]
    trend: Trend


@router.get("/tutors", response_model=TutorList)
async def list_tutors(
    answers: TheseAnswers,
    risk_status: Literal["all", "high_risk", "low_risk"] = "all",
    sort_by: Literal["reschedule_rate_30d", "total_sessions_30d", "name"] = "reschedule_rate_30d",
    sort_order: Literal["asc", "desc"] = "desc",
    search: Search = "",
    limit: Limit = 100,
    offset: Offset = 0,
) -> Response:
    """The active tutors with their reschedule rates.

    Nulls come last in either order, ties are broken by id, names compare by code point. `search` is looked for in name
    and e-mail, whatever the case.
    """
    sql, parameters = answer_tutors(TutorQuery(risk_status, sort_by, sort_order, search, limit, offset))
    return json_answer(await answers.fetch(sql, *parameters) or b"")


@router.get("/tutors/{tutor_id}", response_model=TutorDetail, responses=NOT_FOUND)
async def get_tutor(tutor_id: PathId, answers: TheseAnswers) -> Response:
    """One tutor with the figures of the last scoring, also one who is not active any more."""
    return _answer(await answers.fetch(TUTOR_DETAIL, tutor_id), tutor_id)


@router.get("/tutors/{tutor_id}/history", response_model=TutorHistory, responses=NOT_FOUND)
async def get_tutor_history(
    tutor_id: PathId, answers: TheseAnswers, worker: ThisWorker, days: Days = 90, limit: Limit = 100
) -> Response:
    """One tutor's reschedules, the newest first and at most `limit`, and the rate of each week."""
    parameters = (tutor_id, days, limit, worker.settings.timezone)
    return _answer(await answers.fetch(TUTOR_HISTORY, *parameters, max_age_s=HISTORY_AGE_S), tutor_id)


@router.post("/tutors", status_code=201, response_model=WholeTutor)
def create_tutor(tutor: NewTutor, engine: ThisEngine, actor: Actor) -> Response:
    """Make a tutor, with the first version of the profile."""
    with engine.begin() as connection:
        made = create_person(connection, "tutors", tutor.model_dump(exclude_unset=True))
        record_action(connection, actor, "create tutor", str(made))
        body: str = connection.execute(_WHOLE, {"id": made}).scalar_one()
    return Response(body, 201, {"location": f"/api/tutors/{made}"}, "application/json")


@router.delete("/tutors/{tutor_id}", status_code=204, responses=NOT_FOUND)
def delete_tutor(tutor_id: PathId, engine: ThisEngine, actor: Actor) -> Response:
    """Take a tutor off the lists: `is_active` becomes false, all history stays. Again: 204 too, and nothing is done."""
    with engine.begin() as connection:
        removed = deactivate_tutor(connection, tutor_id)
        if removed:
            record_action(connection, actor, "delete tutor", str(tutor_id))
    if removed is None:
        raise _no_tutor(tutor_id)
    return Response(status_code=204)


_WHOLE: Final = text(whole_tutor(":id"))


def _answer(body: bytes | None, tutor_id: UUID) -> Response:
    if body is None:
        raise _no_tutor(tutor_id)
    return json_answer(body)


def _no_tutor(tutor_id: UUID) -> NotFoundError:
    return NotFoundError(f"there is no tutor {tutor_id}; GET /api/tutors lists those there are")
