"""The predictions of one person made anew: those with some others, or those that are stored and stale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import Engine, text

from access.audit import Deed
from scoring.match_lists import Who, stale_partners
from scoring.models import ServedModel
from scoring.pair_people import read_clock
from scoring.pairs import predict_pairs
from scoring.prediction_report import PredictionReport


def predict_person(
    engine: Engine,
    model: ServedModel,
    who: Who,
    person_id: UUID,
    others: Sequence[str] | None = None,
    *,
    deed: Deed | None = None,
) -> PredictionReport:
    """Predict, as of now, a student with tutors or a tutor with students: those with these ids, or all, in one batch.

    deed, and ModelError: as of `predict_pairs`.
    """
    me = [str(person_id)]
    students, tutors = (me, others) if who == "student" else (others, me)
    return predict_pairs(engine, model, read_clock(engine), students=students, tutors=tutors, deed=deed)


def refresh_stored(engine: Engine, model: ServedModel, who: Who, person_id: UUID, *, actor: str) -> int:
    """Predict anew what is stored of a person and stale; how many pairs those were. Raises as `predict_pairs`.

    actor: whose change made it stale.
    """
    with engine.connect() as connection:
        stale = list(connection.scalars(_STALE[who], {"id": person_id, **model.terms}))
    if stale:
        predict_person(engine, model, who, person_id, stale, deed=Deed(actor, f"renew {who}", str(person_id)))
    return len(stale)


_STALE: Final = {who: text(stale_partners(who)) for who in ("student", "tutor")}
