"""Match predictions: one pair, and all matches of a student or a tutor: read where fresh, made where not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import Field
from sqlalchemy import Engine

from access.audit import Deed
from bentos.answers import Answers, json_answer
from bentos.fields import Limit, Offset, PathId
from bentos.people import Answer, ListedMatchingTutor, Scale, Sex, TeachingStyle
from bentos.routers import CONTESTED, UNKNOWN, Actor, MatchModel, TheseAnswers, ThisEngine, ThisWorker
from bentos.routers.tutors import Scores
from scoring.explanations import Contribution
from scoring.match_lists import Order, SortBy, Who, list_matches, read_stale
from scoring.models import ServedModel
from scoring.pair_predictions import WHO_IS_MISSING
from scoring.pair_refresh import predict_person
from tqs.errors import ConflictError, ModelError, NotFoundError, TqsError

router = APIRouter(prefix="/matching", tags=["Matching"])
ATTEMPTS: Final = 3  # where someone is changed between the reading and the storing

Probability = Annotated[float, Field(ge=0, le=1)]
Points = Annotated[float, Field(ge=0, le=4, description="Points apart; 2.5 where one of the two is not known.")]
RiskLevel = Literal["low", "medium", "high"]


class MatchPrediction(Answer):
    """How probable it is that a student and a tutor part after their first session (churn), and how well they fit."""

    id: UUID
    student_id: UUID
    tutor_id: UUID
    churn_probability: Probability
    risk_level: RiskLevel
    compatibility_score: Probability
    pace_mismatch: Points
    style_mismatch: Annotated[float, Field(ge=0, le=1, description="0.5 where one of the two is not known.")]
    communication_mismatch: Points
    age_difference: Annotated[float, Field(ge=0, description="Years; 10 where one of the two is not known.")]
    contributions: list[Contribution] | None = Field(
        description="The five features that moved the score most, before calibration; in lists null until the pair "
        "itself was asked for."
    )
    ai_explanation: str | None = Field(description="The last text of GET /api/matching/explain, null before that.")
    model_version: str
    created_at: datetime
    updated_at: datetime


class MatchedStudent(Answer):
    """The student of a match."""

    id: UUID
    name: str
    age: int | None
    sex: Sex | None
    preferred_pace: Scale | None
    preferred_teaching_style: TeachingStyle | None
    communication_style_preference: Scale | None
    urgency_level: Scale | None
    previous_tutoring_experience: int | None
    previous_satisfaction: Scale | None


class MatchedTutor(ListedMatchingTutor):
    """The tutor of a match."""

    scores: Scores | None = Field(description="Null where the tutor was never scored.")


class Match(MatchPrediction):
    """A prediction with the two whom it is about."""

    student: MatchedStudent
    tutor: MatchedTutor


class MatchList(Answer):
    """A page of the matches of one person."""

    matches: list[Match]
    total: int = Field(description="How many there are in all, on whatever page.")
    limit: int
    offset: int


@router.get("/predict/{student_id}/{tutor_id}", response_model=MatchPrediction, responses=UNKNOWN | CONTESTED)
async def predict_match_of(
    student_id: PathId, tutor_id: PathId, answers: TheseAnswers, model: MatchModel, worker: ThisWorker, actor: Actor
) -> Response:
    """One student with one tutor: the stored prediction if it is fresh, else one made of what is known now, and stored.

    A prediction is fresh while its model serves and neither preferences, nor the tutor's figures, nor the thresholds of
    the risk levels changed since.
    """
    answer = await worker.pair_batch.answer(model, (student_id, tutor_id), actor)
    if answer is None:
        raise await _explain_absence(answers, student_id, tutor_id)
    return json_answer(answer)


@dataclass(frozen=True, slots=True)
class MatchLister:
    """The page of matches that was asked for, and what answers it."""

    answers: Answers
    engine: Engine
    model: ServedModel
    actor: str
    sort_by: SortBy
    sort_order: Order | None
    limit: int
    offset: int

    async def list(self, who: Who, person_id: UUID) -> Response:
        """The page of a student or a tutor, of fresh predictions where they can be made; it leaves out no pair.

        Raises
        ------
        ModelError, ConflictError
            where there are pairs that were never predicted and cannot be at the moment.
        """
        deed = Deed(self.actor, f"predict {who}", str(person_id))
        held_up: TqsError = ConflictError("people were being changed; ask again")
        for _ in range(ATTEMPTS):
            answer = await self._ask(who, person_id, only_fresh=True)
            stale = read_stale(answer)
            if stale is None:
                return json_answer(answer)
            try:
                await run_in_threadpool(predict_person, self.engine, self.model, who, person_id, stale, deed=deed)
            except ModelError as error:  # another model was promoted, which this worker is about to load
                held_up = error
                break
        answer = await self._ask(who, person_id, only_fresh=False)
        if read_stale(answer) is not None:
            raise held_up
        return json_answer(answer)

    async def _ask(self, who: Who, person_id: UUID, *, only_fresh: bool) -> bytes:
        sql = list_matches(who, self.sort_by, self.sort_order)
        asked = (person_id, *self.model.terms.values(), self.limit, self.offset, only_fresh)
        answer = await self.answers.fetch(sql, *asked)
        if answer is None:
            raise NotFoundError(f"there is no {who} {person_id}; GET /api/matching/{who}s lists those there are")
        return answer


async def get_lister(
    answers: TheseAnswers,
    engine: ThisEngine,
    model: MatchModel,
    actor: Actor,
    sort_by: SortBy = "compatibility_score",
    sort_order: Order | None = None,
    limit: Limit = 100,
    offset: Offset = 0,
) -> MatchLister:
    """What both lists of matches take."""
    return MatchLister(answers, engine, model, actor, sort_by, sort_order, limit, offset)


Lister = Annotated[MatchLister, Depends(get_lister)]


@router.get("/students/{student_id}/matches", response_model=MatchList, responses=UNKNOWN | CONTESTED)
async def list_student_matches(student_id: PathId, lister: Lister) -> Response:
    """All matches of one student with the active tutors; those that are missing or not fresh are made first.

    By default the best come first: the highest compatibility_score, the lowest churn_probability or risk_level. Ties
    are broken by id.
    """
    return await lister.list("student", student_id)


@router.get("/tutors/{tutor_id}/matches", response_model=MatchList, responses=UNKNOWN | CONTESTED)
async def list_tutor_matches(tutor_id: PathId, lister: Lister) -> Response:
    """All matches of one tutor with the students, as those of a student; none where the tutor is not active."""
    return await lister.list("tutor", tutor_id)


async def _explain_absence(answers: Answers, student_id: UUID, tutor_id: UUID) -> NotFoundError:
    missing = await answers.fetch(WHO_IS_MISSING, student_id, tutor_id)
    if missing == b"student":
        return NotFoundError(f"there is no student {student_id}; GET /api/matching/students lists those there are")
    if missing == b"tutor":
        return NotFoundError(f"there is no tutor {tutor_id}; GET /api/matching/tutors lists those there are")
    return NotFoundError(f"the tutor {tutor_id} is not active any more, so there is nothing to predict")
