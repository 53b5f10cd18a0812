"""Match predictions made for many pairs at once, and how far the large runs are."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import Field
from pydantic_core import to_json

from bentos.answers import json_answer
from bentos.fields import PathId
from bentos.people import Answer
from bentos.routers import UNKNOWN, Actor, MatchModel, TheseAnswers, ThisEngine
from scoring.job_queue import READ_JOB
from scoring.pair_runs import OpenJob, RunReport, run_for_all, run_for_person
from tqs.errors import NotFoundError

router = APIRouter(tags=["Matching"])

JobKind = Literal["generate_all", "refresh_all", "refresh_tutor", "refresh_student"]


class FinishedRun(Answer):
    """What a run did."""

    message: str
    created: int = Field(description="Pairs that were predicted for the first time.")
    existing: int = Field(description="Pairs that had a prediction before.")
    total: int


class StartedJob(Answer):
    """A run that goes on after the answer; the header Location names it too."""

    message: str
    job_id: UUID
    total: int


class Job(Answer):
    """A large run. done, total: pairs; created and existing as of a finished run, of the pairs done."""

    id: UUID
    kind: JobKind
    state: Literal["pending", "running", "done", "failed"]
    done: int
    total: int | None
    created: int
    existing: int
    error: str | None = Field(description="Why it failed, null where it did not.")
    created_at: datetime
    updated_at: datetime


LARGE: Final[dict[int | str, dict[str, Any]]] = {
    202: {"model": StartedJob, "description": "More than 20,000 pairs: a job, told of at GET /api/jobs/{id}"}
}


@router.post("/matching/generate-all", response_model=FinishedRun, responses=LARGE)
def generate_all(engine: ThisEngine, model: MatchModel, actor: Actor) -> Response:
    """Predict all pairs of students and active tutors that have no fresh prediction.

    Asked for again while the job of the same kind is open, it answers with that job.
    """
    return _answer(run_for_all(engine, model, "generate_all", actor=actor))


@router.post("/matching/refresh-all", response_model=FinishedRun, responses=LARGE)
def refresh_all(engine: ThisEngine, model: MatchModel, actor: Actor) -> Response:
    """Predict all pairs of students and active tutors anew, from what is known now."""
    return _answer(run_for_all(engine, model, "refresh_all", actor=actor))


@router.post("/matching/refresh-tutor/{tutor_id}", response_model=FinishedRun, responses=LARGE | UNKNOWN)
def refresh_tutor(tutor_id: PathId, engine: ThisEngine, model: MatchModel, actor: Actor) -> Response:
    """Predict one active tutor with all students anew."""
    return _answer(run_for_person(engine, model, "tutor", tutor_id, actor=actor))


@router.post("/matching/refresh-student/{student_id}", response_model=FinishedRun, responses=LARGE | UNKNOWN)
def refresh_student(student_id: PathId, engine: ThisEngine, model: MatchModel, actor: Actor) -> Response:
    """Predict one student with all active tutors anew."""
    return _answer(run_for_person(engine, model, "student", student_id, actor=actor))


@router.get("/jobs/{job_id}", response_model=Job, responses=UNKNOWN)
async def get_job(job_id: PathId, answers: TheseAnswers) -> Response:
    """How far a large run is. A process that dies is replaced, and its run goes on."""
    answer = await answers.fetch(READ_JOB, job_id)
    if answer is None:
        raise NotFoundError(f"there is no job {job_id}")
    return json_answer(answer)


def _answer(found: RunReport | OpenJob) -> Response:
    if isinstance(found, RunReport):
        return Response(to_json(found), media_type="application/json")
    return Response(to_json(found), 202, {"location": f"/api/jobs/{found.job_id}"}, "application/json")
