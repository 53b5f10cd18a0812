"""Students and tutors with the preferences that matching goes by: lists, details, making one, changing preferences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from fastapi import APIRouter, Response
from sqlalchemy import Engine, text

from access.audit import record_action
from bentos.answers import json_answer
from bentos.fields import Limit, Offset, PathId
from bentos.jobs import refresh_soon
from bentos.people import (
    ListedMatchingTutor,
    MatchingTutor,
    NewStudent,
    Student,
    StudentChanges,
    StudentList,
    TutorChanges,
)
from bentos.routers import Actor, TheseAnswers, ThisEngine, ThisWorker
from records.people import Kind, change_profile, create_person
from records.people_answers import STUDENT_LIST, TUTOR_ARRAY, person_by_id
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
        body: str = connection.execute(_READ["students"], {"id": made}).scalar_one()
    return Response(body, 201, {"location": f"/api/matching/students/{made}"}, "application/json")


@router.patch("/students/{student_id}", response_model=Student, responses=NO_STUDENT)
def change_student(
    student_id: PathId, changes: StudentChanges, engine: ThisEngine, worker: ThisWorker, actor: Actor
) -> Response:
    """Change preferences of a student; the student's match predictions are made anew after the answer."""
    changed, body = _change(engine, actor, "students", student_id, changes.model_dump(exclude_unset=True))
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
def change_tutor(
    tutor_id: PathId, changes: TutorChanges, engine: ThisEngine, worker: ThisWorker, actor: Actor
) -> Response:
    """Change preferences of a tutor; the tutor's match predictions are made anew after the answer."""
    changed, body = _change(engine, actor, "tutors", tutor_id, changes.model_dump(exclude_unset=True))
    if changed:
        refresh_soon(worker, "tutor", tutor_id, actor)
    return _answer(body, "tutors", tutor_id)


_BY_ID: Final[dict[Kind, str]] = {"students": person_by_id("students"), "tutors": person_by_id("tutors")}
_READ: Final = {kind: text(person_by_id(kind, ":id")) for kind in _BY_ID}


def _change(
    engine: Engine, actor: str, kind: Kind, person_id: UUID, changes: Mapping[str, Any]
) -> tuple[bool, bytes | None]:
    """Whether anything was to change, and the person as it is then; None where there is nobody of that id."""
    with engine.begin() as connection:
        changed = change_profile(connection, kind, person_id, changes)
        if changed:
            action = f"change {kind.removesuffix('s')}"
            record_action(connection, actor, action, str(person_id), {"fields": sorted(changes)})
        body = connection.execute(_READ[kind], {"id": person_id}).scalar_one_or_none()
    return changed, None if body is None else body.encode()


def _answer(body: bytes | None, kind: Kind, person_id: UUID) -> Response:
    if body is None:
        one = kind.removesuffix("s")
        raise NotFoundError(f"there is no {one} {person_id}; GET /api/matching/{kind} lists those there are")
    return json_answer(body)
