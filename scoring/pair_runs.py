"""Runs over many pairs that someone asked for: small ones are done at once, large ones become a job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID

from sqlalchemy import Engine, text

from access.audit import record_action
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
    created = predict_pairs(engine, model, read_clock(engine), students=wanted).created or 0
    return _report(engine, kind, "all pairs", RunReport("", created, total - created, total), actor)


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
    found = predict_person(engine, model, who, person_id)
    created = found.created or 0
    counts = RunReport("", created, found.computed - created, found.computed)
    return _report(engine, f"refresh_{who}", str(person_id), counts, actor)


def _open(engine: Engine, kind: str, subject: UUID | None, total: int, actor: str) -> OpenJob:
    job = open_job(engine, kind, subject, total=total, actor=actor)
    return OpenJob(f"{total:,} pairs are being predicted; GET /api/jobs/{job} tells how far that is.", job, total)


def _report(engine: Engine, kind: str, subject: str, counts: RunReport, actor: str) -> RunReport:
    with engine.begin() as connection:
        record_action(connection, actor, kind.replace("_", " "), subject, {"pairs": counts.total})
    message = (
        f"{counts.total:,} pairs are predicted: {counts.created:,} are new, {counts.existing:,} were there before."
    )
    return RunReport(message, counts.created, counts.existing, counts.total)


_EXISTS: Final = {
    "student": text("SELECT EXISTS (SELECT FROM students WHERE id = :id)"),
    "tutor": text("SELECT EXISTS (SELECT FROM tutors WHERE id = :id AND is_active)"),
}
