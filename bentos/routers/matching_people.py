"""Students and tutors with the preferences that matching goes by: lists, details, making one, changing preferences."""

from __future__ import annotations

import json
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter, Response
from sqlalchemy import text

from access.audit import record_action
from bentos.answers import Answers, json_answer
from bentos.fields import Limit, Offset, PathId
from bentos.jobs import refresh_soon
from bentos.people import (
    Changes,
    ListedMatchingTutor,
    MatchingTutor,
    NewStudent,
    Student,
    StudentChanges,
    StudentList,
    TutorChanges,
)
from bentos.routers import Actor, TheseAnswers, ThisEngine, ThisWorker
from records.people import Kind, create_person
from records.people_answers import STUDENT_LIST, TUTOR_ARRAY, person_by_id
from records.profile_changes import change_profile
from tqs.errors import NotFoundError

router = APIRouter(prefix="/matching", tags=["Matching"])
NO_STUDENT: Final[dict[int | str, dict[str, Any]]] = {404: {"description": "There is no such student"}}
NO_TUTOR: Final[dict[int | str, dict[str, Any]]] = {404: {"description": "There is no such tutor"}}


@router.get("/students", response_model=StudentList)
async def list_students(answers: TheseAnswers, limit: Limit = 100, offset: Offset = 0) -> Response:
    """The students in the order of their names."""
    return json_answer(await answers.fetch(STUDENT_LIST, limit, offset) or b"")


@router.get("/students/{student_id}", response_model=Student, responses=NO_STUDENT)
async def get_student(student_id: PathId, answers: TheseAnswers) -> Response:
    """One student with all preferences."""
    return _answer(await answers.fetch(_BY_ID["students"], student_id), "students", student_id)


@router.post("/students", status_code=201, response_model=Student)
def create_student(student: NewStudent, engine: ThisEngine, actor: Actor) -> Response:
    """Make a student, with the first version of the profile."""
    with engine.begin() as connection:
        made = create_person(connection, "students", student.model_dump(exclude_unset=True))
        record_action(connection, actor, "create student", str(made))
        body: str = connection.execute(_NEW_STUDENT, {"id": made}).scalar_one()
    return Response(body, 201, {"location": f"/api/matching/students/{made}"}, "application/json")


@router.patch("/students/{student_id}", response_model=Student, responses=NO_STUDENT)
async def change_student(
    student_id: PathId, changes: StudentChanges, answers: TheseAnswers, worker: ThisWorker, actor: Actor
) -> Response:
    """Change preferences of a student; the student's match predictions are made anew after the answer."""
    changed, body = await _change(answers, actor, "students", student_id, changes)
    if changed:
        refresh_soon(worker, "student", student_id, actor)
    return _answer(body, "students", student_id)


@router.get("/tutors", response_model=list[ListedMatchingTutor])
async def list_matching_tutors(answers: TheseAnswers, limit: Limit = 100, offset: Offset = 0) -> Response:
    """The active tutors with their preferences in the order of their names: a bare array."""
    return json_answer(await answers.fetch(TUTOR_ARRAY, limit, offset) or b"")


@router.get("/tutors/{tutor_id}", response_model=MatchingTutor, responses=NO_TUTOR)
async def get_matching_tutor(tutor_id: PathId, answers: TheseAnswers) -> Response:
    """One tutor with all preferences, also one who is not active any more."""
    return _answer(await answers.fetch(_BY_ID["tutors"], tutor_id), "tutors", tutor_id)


@router.patch("/tutors/{tutor_id}", response_model=MatchingTutor, responses=NO_TUTOR)
async def change_tutor(
    tutor_id: PathId, changes: TutorChanges, answers: TheseAnswers, worker: ThisWorker, actor: Actor
) -> Response:
    """Change preferences of a tutor; the tutor's match predictions are made anew after the answer."""
    changed, body = await _change(answers, actor, "tutors", tutor_id, changes)
    if changed:
        refresh_soon(worker, "tutor", tutor_id, actor)
    return _answer(body, "tutors", tutor_id)


_BY_ID: Final[dict[Kind, str]] = {"students": person_by_id("students"), "tutors": person_by_id("tutors")}
_NEW_STUDENT: Final = text(person_by_id("students", ":id"))


async def _change(
    answers: Answers, actor: str, kind: Kind, person_id: UUID, changes: Changes
) -> tuple[bool, bytes | None]:
    """Whether anything was to change, and the person as it is then; None where there is nobody of that id."""
    values = changes.model_dump(exclude_unset=True)
    row = await answers.change(change_profile(kind, values), person_id, actor, json.dumps(values))
    return (False, None) if row is None else (row[0], row[1].encode())


def _answer(body: bytes | None, kind: Kind, person_id: UUID) -> Response:
    if body is None:
        one = kind.removesuffix("s")
        raise NotFoundError(f"there is no {one} {person_id}; GET /api/matching/{kind} lists those there are")
    return json_answer(body)
