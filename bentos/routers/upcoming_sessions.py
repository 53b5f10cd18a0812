"""The sessions ahead: listed with their stored predictions; predicted anew, one or many."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from pydantic import ConfigDict, Field, model_validator

from bentos.answers import json_answer
from bentos.fields import Offset, PathId
from bentos.people import Answer, Form
from bentos.routers import Actor, TheseAnswers, ThisEngine, ThisWorker
from scoring.explanations import Contribution
from scoring.models import ServedModel
from scoring.session_predictions import SessionPrediction, predict_session
from scoring.sessions import SESSION_TARGETS, BatchReport, predict_batch
from scoring.upcoming_list import MAX_DAYS, MAX_LIMIT, UpcomingQuery, answer_upcoming
from tqs.errors import ModelError

router = APIRouter(prefix="/upcoming-sessions", tags=["Upcoming sessions"])
LIST_AGE_S: Final = 1.0
NOT_FOUND: Final[dict[int | str, dict[str, Any]]] = {404: {"description": "There is no such session"}}
MOST_IDS: Final = 1_000

RiskLevel = Literal["low", "medium", "high"]
Probability = Annotated[float, Field(ge=0, le=1)]
DaysAhead = Annotated[int, Query(ge=1, le=MAX_DAYS, description="How far ahead, in days of 24 hours from now.")]
UpcomingLimit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="How many to answer at most.")]
SessionId = Annotated[UUID, Field(strict=False)]  # JSON has no UUIDs: as text


class UpcomingSession(Answer):
    """A session ahead with its stored prediction: null until there is one. student_name: null for one known by text."""

    id: UUID
    tutor_id: UUID
    tutor_name: str
    student_id: str
    student_name: str | None
    scheduled_time: datetime
    status: Literal["scheduled"]
    reschedule_probability: Probability | None
    risk_level: RiskLevel | None
    model_version: str | None
    predicted_at: datetime | None


class UpcomingList(Answer):
    """The sessions ahead that were asked for."""

    sessions: list[UpcomingSession]
    total: int = Field(description="How many there are in all, on whatever page.")
    limit: int
    offset: int


def _ask_for_one(schema: dict[str, Any]) -> None:
    for member in schema["properties"].values():
        del member["default"]
    schema["oneOf"] = [{"required": [name]} for name in schema["properties"]]
    schema["examples"] = [{"days_ahead": 2}]


class BatchRequest(Form):
    """Which sessions to predict: either those with these ids or all of the next days."""

    model_config = ConfigDict(json_schema_extra=_ask_for_one)

    session_ids: list[SessionId] = Field(default=[], min_length=1, max_length=MOST_IDS)
    days_ahead: int = Field(default=1, ge=1, le=MAX_DAYS)

    @model_validator(mode="after")
    def _either(self) -> Self:
        if len(self.model_fields_set) != 1:
            found = "both are there" if self.model_fields_set else "neither is there"
            raise ValueError(f"either session_ids or days_ahead is needed: {found}")
        return self


class BatchAnswer(Answer):
    """How many sessions were predicted, how many ids could not be (unknown, past, over), and how many there were."""

    predicted: int
    errors: int
    total: int


class PredictedSession(Answer):
    """A prediction that was made just now. features: what it was made from. contributions: what moved it most."""

    session_id: UUID
    reschedule_probability: Probability
    risk_level: RiskLevel
    model_version: str
    predicted_at: datetime
    features: dict[str, float]
    contributions: list[Contribution] = Field(
        description="At most five, the largest effect (on the log odds before calibration) first; none by the rule."
    )


async def get_models(worker: ThisWorker) -> dict[str, ServedModel]:
    """What answers for the targets of sessions."""
    serving = worker.models.serving
    if not serving:
        raise ModelError("the models are not loaded yet; try again in a few seconds")
    return {target: serving[target].model for target in SESSION_TARGETS}


TheseModels = Annotated[dict[str, ServedModel], Depends(get_models)]


@router.get("", response_model=UpcomingList)
async def list_upcoming_sessions(
    answers: TheseAnswers,
    worker: ThisWorker,
    days_ahead: DaysAhead = 7,
    risk_level: Literal["low", "medium", "high", ""] = "",
    tutor_id: UUID | Literal[""] = "",
    sort_by: Literal[
        "scheduled_time", "reschedule_probability", "tutor_name", "student_id", "student_name"
    ] = "scheduled_time",
    sort_order: Literal["asc", "desc"] = "asc",
    limit: UpcomingLimit = 50,
    offset: Offset = 0,
) -> Response:
    """The sessions still scheduled that start within the next days, with the predictions there are.

    Nothing is computed: a session that was not predicted yet, or was moved since, has nulls. Nulls come last in
    either order, ties are broken by id, names compare by code point. No value for risk_level or tutor_id: all.
    """
    query = UpcomingQuery(days_ahead, risk_level or None, tutor_id or None, sort_by, sort_order, limit, offset)
    sql, parameters = answer_upcoming(query, worker.settings.risk_thresholds("reschedule"))
    return json_answer(await answers.fetch(sql, *parameters, max_age_s=LIST_AGE_S) or b"")


@router.post("/batch-predict", response_model=BatchAnswer)
def predict_upcoming_sessions(
    request: BatchRequest, engine: ThisEngine, models: TheseModels, worker: ThisWorker, actor: Actor
) -> BatchReport:
    """Predict many sessions ahead anew and store it: those with these ids, or all of the next days.

    An id counts once, however often it is there. Ids of sessions that are unknown, past, or not scheduled any more
    count as errors; the others are predicted all the same.
    """
    by_id = "session_ids" in request.model_fields_set
    return predict_batch(
        engine,
        models,
        datetime.now(UTC),
        days=None if by_id else request.days_ahead,
        ids=request.session_ids if by_id else None,
        timezone=worker.settings.timezone,
        actor=actor,
    )


@router.post("/{session_id}/refresh", response_model=PredictedSession, responses=NOT_FOUND)
@router.get("/{session_id}/predict", response_model=PredictedSession, responses=NOT_FOUND)
def predict_session_now(
    session_id: PathId, engine: ThisEngine, models: TheseModels, worker: ThisWorker, actor: Actor
) -> SessionPrediction:
    """Predict one session ahead as of now, from what is known now, and store it with what moved it most.

    By GET as well: the time left until a session is a feature, so a stored prediction is never of now. A session that
    is past, or not scheduled any more: 400.
    """
    return predict_session(
        engine, models, session_id, datetime.now(UTC), timezone=worker.settings.timezone, actor=actor
    )
