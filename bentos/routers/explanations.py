"""Why a match is predicted to last or not, in two or three sentences and in figures."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field
from pydantic_core import from_json

from bentos.fields import PathId
from bentos.people import Answer
from bentos.routers import CONTESTED, UNKNOWN, Actor, MatchModel, TheseAnswers, ThisWorker
from bentos.routers.match_predictions import predict_match_of
from modelling.fallback import RULE_VERSION
from scoring.explanations import Contribution
from scoring.match_facts import READ_PROFILES, STORE_EXPLANATION, gather_facts
from tqs.errors import NotFoundError

router = APIRouter(prefix="/matching", tags=["Matching"])


class MatchExplanation(Answer):
    """An explanation of a match prediction."""

    explanation: str = Field(description="Two or three English sentences.")
    source: Literal["llm", "rules"] = Field(description="Whether a language model wrote them or a rule.")
    contributions: list[Contribution] = Field(
        description="The five features that moved the score most, the largest effect first. They explain the model's "
        "score before calibration: an effect is what the feature adds to its log odds, above 0 where it raises the "
        "risk. Where no model is trained yet, they are the parts that the churn probability is the sum of."
    )


@router.get("/explain/{student_id}/{tutor_id}", responses=UNKNOWN | CONTESTED)
async def explain_match(
    student_id: PathId, tutor_id: PathId, answers: TheseAnswers, model: MatchModel, worker: ThisWorker, actor: Actor
) -> MatchExplanation:
    """Why a student and a tutor are predicted to go on together or not; the text is stored with the prediction.

    A language model writes the text where one is configured and answers in time with nothing but what it was told;
    else a rule does.
    """
    answer = await predict_match_of(student_id, tutor_id, answers, model, worker, actor)
    prediction = from_json(bytes(answer.body))
    people = await answers.fetch(READ_PROFILES, student_id, tutor_id)
    if people is None:
        raise NotFoundError(f"the student {student_id} or the tutor {tutor_id} was deleted a moment ago")
    prediction["fallback"] = prediction["model_version"] == RULE_VERSION
    found = await worker.explainer.explain(gather_facts(prediction, from_json(people)))
    if found.text != prediction["ai_explanation"]:
        updated_at = datetime.fromisoformat(prediction["updated_at"])
        await answers.store(STORE_EXPLANATION, UUID(prediction["id"]), updated_at, found.text, actor)
    return MatchExplanation(explanation=found.text, source=found.source, contributions=prediction["contributions"])
