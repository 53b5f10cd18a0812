"""The assignment of students to tutors."""

from __future__ import annotations

from typing import Annotated, Final, Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field

from bentos.people import Answer, Form
from bentos.routers import UNKNOWN, MatchModel, ThisEngine
from scoring.assignment import Assignment, run_matching

router = APIRouter(prefix="/matching", tags=["Matching"])
MOST_PEOPLE: Final = 1_000

PersonId = Annotated[UUID, Field(strict=False)]  # JSON has no UUIDs: as text
Room = Annotated[int, Field(ge=0, le=MOST_PEOPLE)]


class MatchingRequest(Form):
    """Whom to bring together; the lists need not be of the same length."""

    student_ids: list[PersonId] = Field(min_length=1, max_length=MOST_PEOPLE)
    tutor_ids: list[PersonId] = Field(min_length=1, max_length=MOST_PEOPLE)
    capacity: Room | dict[PersonId, Room] = Field(
        default=1,
        description="How many students a tutor takes at most: a number for all of them, or an object with a number for "
        "each tutor id (1 for those it does not name).",
    )


class AssignedMatch(Answer):
    """A student and the tutor who is to teach them."""

    student_id: UUID
    tutor_id: UUID
    churn_probability: float
    compatibility_score: float
    risk_level: Literal["low", "medium", "high"]
    pace_mismatch: float
    style_mismatch: float
    communication_mismatch: float
    age_difference: float


class MatchingAnswer(Answer):
    """The assignment with the least total churn of as many students as there is room for."""

    matches: list[AssignedMatch] = Field(description="In the order of student_ids.")
    unmatched: list[UUID] = Field(description="The students for whom no tutor had room.")
    total_churn_risk: float
    avg_churn_risk: float | None = Field(description="Over the matches; null where there is none.")
    total_compatibility: float
    avg_compatibility: float | None


@router.post("/run-matching", response_model=MatchingAnswer, responses=UNKNOWN)
def run_matching_of(request: MatchingRequest, engine: ThisEngine, model: MatchModel) -> Assignment:
    """Assign students to tutors with the least total churn probability; nothing is stored.

    Every student is matched as long as there is room. Equal totals are decided by the ids, so the order of the lists
    changes nothing. More than five million combinations of a student and a place that may be of use are too many: 400.
    """
    return run_matching(engine, model, request.student_ids, request.tutor_ids, request.capacity)
