"""Runs over many pairs that someone asked for: small ones are done at once, large ones become a job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID

from sqlalchemy import Engine, text

from access.audit import Deed
from scoring.job_queue import open_job
from scoring.match_lists import Who
from scoring.models import ServedModel
from scoring.pair_people import read_clock
from scoring.pair_refresh import predict_person
from scoring.pair_store import SMALL_PAIRS
from scoring.pairs import count_people, predict_pairs, students_to_predict
from tqs.errors import NotFoundError

Kind = Literal["generate_all", "refresh_all"]


@dataclass(frozen=True, slots=True)
class RunReport:
    """What a run did. total: pairs that it was about; created: of those the ones that are new, existing: the others."""

    message: str
    created: int
    existing: int
    total: int


@dataclass(frozen=True, slots=True)
class OpenJob:
    """A run that is too large to wait for. total: pairs that it is about."""

    message: str
    job_id: UUID
    total: int


def run_for_all(engine: Engine, model: ServedModel, kind: Kind, *, actor: str) -> RunReport | OpenJob:
    """Predict all students with all active tutors; `generate_all` passes over students whose predictions are fresh."""
    students, tutors = count_people(engine)
    total = students * tutors
    if total > SMALL_PAIRS:
        return _open(engine, kind, None, total, actor)
    wanted = students_to_predict(engine, model) if kind == "generate_all" else None
    deed = Deed(actor, kind.replace("_", " "), "all pairs")
    created = predict_pairs(engine, model, read_clock(engine), students=wanted, deed=deed).created or 0
    return _report(created, total)


def run_for_person(engine: Engine, model: ServedModel, who: Who, person_id: UUID, *, actor: str) -> RunReport | OpenJob:
    """Predict a student with all active tutors, or an active tutor with all students, whether fresh or not.

    Raises
    ------
    NotFoundError
        there is no such student or active tutor.
    """
    with engine.connect() as connection:
        if not connection.scalar(_EXISTS[who], {"id": person_id}):
            raise NotFoundError(
                f"there is no {who} {person_id} to predict; GET /api/matching/{who}s lists those there are"
            )
    students, tutors = count_people(engine)
    total = tutors if who == "student" else students
    if total > SMALL_PAIRS:
        return _open(engine, f"refresh_{who}", person_id, total, actor)
    found = predict_person(engine, model, who, person_id, deed=Deed(actor, f"refresh {who}", str(person_id)))
    return _report(found.created or 0, found.computed)


def _open(engine: Engine, kind: str, subject: UUID | None, total: int, actor: str) -> OpenJob:
    job = open_job(engine, kind, subject, total=total, actor=actor)
    return OpenJob(f"{total:,} pairs are being predicted; GET /api/jobs/{job} tells how far that is.", job, total)


def _report(created: int, total: int) -> RunReport:
    existing = total - created
    message = f"{total:,} pairs are predicted: {created:,} are new, {existing:,} were there before."
    return RunReport(message, created, existing, total)


_EXISTS: Final = {
    "student": text("SELECT EXISTS (SELECT FROM students WHERE id = :id)"),
    "tutor": text("SELECT EXISTS (SELECT FROM tutors WHERE id = :id AND is_active)"),
}
