"""How likely students are to leave the tutors whom they have, as it is stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from sqlalchemy import Engine, text

from scoring.match_people import CURRENT_TUTOR
from scoring.models import ServedModel
from scoring.pair_store import FRESH_BY_TERMS


@dataclass(frozen=True, slots=True)
class StudentRisk:
    """What is predicted of a student with the current tutor, of `scoring.match_people.find_current_tutor`."""

    tutor_name: str
    churn_probability: float
    risk_level: str


def read_student_risks(engine: Engine, model: ServedModel, ids: Sequence[UUID]) -> dict[UUID, StudentRisk]:
    """The risks of those of these students of whom, with the current tutor, a fresh prediction by `model` is stored."""
    with engine.connect() as connection:
        rows = connection.execute(_RISKS, {"ids": [str(one) for one in ids], **model.terms}).all()
    return {row.id: StudentRisk(row.name, row.churn_probability, row.risk_level) for row in rows}


_RISKS: Final = text(
    f"""
    SELECT s.id, t.name, p.churn_probability, p.risk_level
    FROM students s CROSS JOIN LATERAL (SELECT s.id::text AS key) AS own
    CROSS JOIN LATERAL ({CURRENT_TUTOR.format(student="own.key")}) AS current
    JOIN tutors t ON t.id = current.tutor_id
    JOIN match_predictions p ON p.student_id = s.id AND p.tutor_id = t.id AND {FRESH_BY_TERMS}
    WHERE s.id = ANY(CAST(:ids AS uuid[]))
    """
)
