"""The tutors for one student, best first: by the stored predictions that are fresh, and by new ones for the others."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine, text

from modelling.risk import RISK_LEVELS
from records.bulk import read_rows
from records.columns import Bool, Float64
from scoring.models import ServedModel
from scoring.pair_people import Ids, read_clock, read_people
from scoring.pair_store import FRESH
from scoring.pairs import predict_blocks

MOST_COMPUTED: Final = 500  # some 50 ms


@dataclass(frozen=True, slots=True)
class RankedTutor:
    """What is predicted of a student with one tutor; place: 0 for the tutor with the least churn."""

    tutor_id: UUID
    place: int
    churn_probability: float
    risk_level: str
    compatibility_score: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """All active tutors for a student, in the order of the predicted churn; the more compatible of equal ones first.

    tutor_ids: (n, 16) UUIDs. churn, compatibility: (n,). risk: (n,) places in RISK_LEVELS.
    left_out: ids of those with whom no prediction is fresh and who were too many to make one for each meanwhile.
    """

    tutor_ids: Ids
    churn: Float64
    compatibility: Float64
    risk: NDArray[np.int8]
    left_out: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.churn)

    def page(self, limit: int, offset: int = 0, among: Collection[UUID] | None = None) -> tuple[list[RankedTutor], int]:
        """The tutors `offset` to `offset + limit` of all, or of those `among` these, and how many these are."""
        if among is None:
            places = np.arange(len(self))
        else:
            places = np.flatnonzero([UUID(bytes=row.tobytes()) in among for row in self.tutor_ids])
        return [self._at(place) for place in places[offset : offset + limit].tolist()], len(places)

    def find(self, tutor_id: UUID) -> RankedTutor | None:
        """The prediction with this tutor; None where the tutor is not among them."""
        places = np.flatnonzero(_is(self.tutor_ids, tutor_id))
        return self._at(int(places[0])) if len(places) else None

    def _at(self, place: int) -> RankedTutor:
        return RankedTutor(
            UUID(bytes=self.tutor_ids[place].tobytes()),
            place,
            float(self.churn[place]),
            RISK_LEVELS[self.risk[place]],
            float(self.compatibility[place]),
        )


def rank_tutors(
    engine: Engine,
    model: ServedModel,
    student_id: UUID,
    most_computed: int = MOST_COMPUTED,
    *,
    anew: UUID | None = None,
) -> Ranking | None:
    """The active tutors for the student by what `model` predicts; None where there is no such student.

    anew: a tutor with whom the prediction is made as of now, also where one is stored: it then says the same as
    `scoring.pair_changes.judge_pair`.
    most_computed: if more predictions than that are not there, or not fresh, their tutors are left out;
    `scoring.pair_refresh.predict_person` makes and stores them.
    """
    with engine.connect() as connection:
        if connection.scalar(_STUDENT, {"id": student_id}) is None:
            return None
        stored = read_rows(connection, _STORED, _TYPES, {"student": str(student_id), **model.terms})
    ids, churn, compatibility = stored["id"], stored["churn"], stored["compatibility"]
    if anew is not None:
        churn[_is(ids, anew)] = np.nan
    missing = np.flatnonzero(np.isnan(churn))
    names = tuple(str(UUID(bytes=row.tobytes())) for row in ids[missing])
    left_out = names if len(missing) > most_computed else ()
    if names and not left_out:
        people = read_people(engine, read_clock(engine), [str(student_id)], names)
        made = {
            row.tobytes(): (block.probability[i], block.features["compatibility_score"][i])
            for block in predict_blocks(people, model)
            for i, row in enumerate(block.tutors)
        }
        for place in missing.tolist():
            churn[place], compatibility[place] = made.get(ids[place].tobytes(), (np.nan, np.nan))
    order = np.lexsort((-compatibility, churn))  # stable: equal ones stay in the order of their ids
    order = order[np.isfinite(churn[order])]
    ranked = churn[order]
    return Ranking(ids[order], ranked, compatibility[order], model.risk_codes(ranked), left_out)


def _is(ids: Ids, one: UUID) -> Bool:
    found: Bool = (ids == np.frombuffer(one.bytes, dtype=np.uint8)).all(axis=1)
    return found


_STUDENT: Final = text("SELECT id FROM students WHERE id = :id")
_TYPES: Final = {"id": "V16", "churn": ">f8", "compatibility": ">f8"}
_STORED: Final = f"""
    SELECT t.id, coalesce(p.churn_probability, 'NaN'), coalesce(p.compatibility_score, 'NaN')
    FROM students s JOIN tutors t ON t.is_active
    LEFT JOIN match_predictions p ON p.student_id = s.id AND p.tutor_id = t.id
        AND {FRESH.format(version="%(version)s", low="%(low)s", high="%(high)s")}
    WHERE s.id = %(student)s ORDER BY t.id"""
