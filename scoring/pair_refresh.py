"""The predictions of one person made anew: those with some others, or those that are stored and stale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import Engine, text

from scoring.match_lists import Who, stale_partners
from scoring.models import ServedModel
from scoring.pair_people import read_clock
from scoring.pairs import predict_pairs
from scoring.prediction_report import PredictionReport


def predict_person(
    engine: Engine, model: ServedModel, who: Who, person_id: UUID, others: Sequence[str] | None = None
) -> PredictionReport:
    """Predict, as of now, a student with tutors or a tutor with students: those with these ids, or all, in one batch.

    Raises ModelError as `predict_pairs` does.
    """
    me = [str(person_id)]
    students, tutors = (me, others) if who == "student" else (others, me)
    return predict_pairs(engine, model, read_clock(engine), students=students, tutors=tutors)


def refresh_stored(engine: Engine, model: ServedModel, who: Who, person_id: UUID) -> int:
    """Predict anew what is stored of a person and stale; how many pairs those were. Raises as `predict_pairs`."""
    with engine.connect() as connection:
        stale = list(connection.scalars(_STALE[who], {"id": person_id, **model.terms}))
    if stale:
        predict_person(engine, model, who, person_id, stale)
    return len(stale)


_STALE: Final = {who: text(stale_partners(who)) for who in ("student", "tutor")}
