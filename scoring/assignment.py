"""Who is taught by whom: the assignment of students to tutors with the least total churn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import numpy as np
from scipy.optimize import linear_sum_assignment
from sqlalchemy import Engine

from features.catalogue import names_of
from features.pairing import pair_matrix
from modelling.risk import RISK_LEVELS
from records.columns import Float64, Int64
from scoring.models import ServedModel
from scoring.pair_people import People, read_clock, read_people
from scoring.pair_store import PairBlock
from scoring.pairs import predict_blocks
from tqs.errors import NotFoundError, QueryError

MOST_CELLS: Final = 5_000_000  # of the matrix of students and places: 100 MB, and two seconds at worst
NAMED: Final = 20  # ids in a sentence, at most


@dataclass(frozen=True, slots=True)
class AssignedPair:
    """A student and the tutor who is to teach them, with the prediction of the two."""

    student_id: UUID
    tutor_id: UUID
    churn_probability: float
    compatibility_score: float
    risk_level: str
    pace_mismatch: float
    style_mismatch: float
    communication_mismatch: float
    age_difference: float


@dataclass(frozen=True, slots=True)
class Assignment:
    """The pairs in the order of the students that were given, and the students for whom no tutor was left.

    avg_churn_risk, avg_compatibility: over the pairs; None where there is none.
    """

    matches: list[AssignedPair]
    unmatched: list[UUID]
    total_churn_risk: float
    avg_churn_risk: float | None
    total_compatibility: float
    avg_compatibility: float | None


@dataclass(frozen=True, slots=True)
class ComparedAssignment:
    """The assignment with the least total churn, and beside it what taking the best pair first gives, of the same."""

    best: Assignment
    greedy: Assignment

    @property
    def saved(self) -> float:
        """How many fewer students are expected to leave than by the greedy one; never below 0."""
        return max(self.greedy.total_churn_risk - self.best.total_churn_risk, 0.0)


def run_matching(
    engine: Engine,
    model: ServedModel,
    student_ids: Sequence[UUID],
    tutor_ids: Sequence[UUID],
    capacity: int | Mapping[UUID, int] = 1,
) -> Assignment:
    """Assign as many of the students as the tutors have room for, with the least total churn probability there is.

    The predictions are made from what is known now, in one go, and not stored. Equal totals are decided by the ids,
    whatever their order in the lists.

    Parameters
    ----------
    capacity
        how many students a tutor takes: the same number for all, or one for each tutor named (1 for the others).

    Raises
    ------
    QueryError
        an id that is there twice, a capacity for a tutor that is not in the list, or more students times places that
        may be of use than MOST_CELLS.
    NotFoundError
        a student or an active tutor that there is not.
    """
    candidates = _read_candidates(engine, model, student_ids, tutor_ids, capacity)
    return _describe(candidates, model, student_ids, *assign(candidates.churn, candidates.room))


def compare_matching(
    engine: Engine,
    model: ServedModel,
    student_ids: Sequence[UUID],
    tutor_ids: Sequence[UUID],
    capacity: int | Mapping[UUID, int] = 1,
) -> ComparedAssignment:
    """As `run_matching`, and what `assign_greedily` gives on the same predictions."""
    candidates = _read_candidates(engine, model, student_ids, tutor_ids, capacity)
    best, greedy = (
        _describe(candidates, model, student_ids, *find(candidates.churn, candidates.room))
        for find in (assign, assign_greedily)
    )
    return ComparedAssignment(best, greedy)


def assign(cost: Float64, room: Int64) -> tuple[Int64, Int64]:
    """Rows and columns of the pairs of least total cost, of as many rows as there is room for, each row once.

    Parameters
    ----------
    cost
        (n, m), finite.
    room
        (m,) how many rows a column takes at most.

    Raises QueryError for a problem of more than MOST_CELLS.

    Source: D. F. Crouse, On implementing 2D rectangular assignment algorithms, 2016 (SciPy's
    `linear_sum_assignment`), on a column for each place that could be of use.
    """
    useful = _useful_room(cost, room)
    if len(cost) * int(useful.sum()) > MOST_CELLS:
        raise QueryError(
            f"{len(cost):,} students and {useful.sum():,} places of tutors that may be of use to them are more than "
            f"the {MOST_CELLS:,} combinations that can be looked at together; send fewer, or a smaller capacity"
        )
    places = np.repeat(np.arange(cost.shape[1]), useful)
    rows, taken = linear_sum_assignment(cost[:, places])
    return rows, places[taken]


def assign_greedily(cost: Float64, room: Int64) -> tuple[Int64, Int64]:
    """Rows and columns of the pairs that come of taking the cheapest pair there is room for, again and again.

    cost, room: as for `assign`. Of equally cheap pairs that of the first row is taken, and in it of the first column.

    Rows and columns agree on which pairs they like best, so this is the stable matching, which all rows propose at once
    (D. Gale and L. Shapley, College admissions and the stability of marriage, 1962): rounds instead of pairs.
    """
    n, m = cost.shape
    liking = np.argsort(cost, axis=1, kind="stable")
    asked = np.zeros(n, dtype=np.int64)  # how many columns each row has proposed to
    column = np.full(n, -1)  # that holds the row
    while len(free := np.flatnonzero((column < 0) & (asked < m))):
        column[free] = liking[free, asked[free]]
        asked[free] += 1
        held = np.flatnonzero(column >= 0)
        held = held[np.lexsort((held, cost[held, column[held]], column[held]))]
        _, starts, counts = np.unique(column[held], return_index=True, return_counts=True)
        place = np.arange(len(held)) - np.repeat(starts, counts)
        column[held[place >= room[column[held]]]] = -1
    rows = np.flatnonzero(column >= 0)
    return rows, column[rows]


def _useful_room(cost: Float64, room: Int64) -> Int64:
    """How many places of each column may be of use: (m,).

    A row needs no column beyond its cheapest ones with room for all n rows: one of their places is always left, and
    costs no more. So a column needs no more places than there are rows that may need it.
    """
    n = len(cost)
    order = np.argsort(cost, axis=1, kind="stable")
    before = np.cumsum(room[order], axis=1) - room[order]
    needed_by = np.bincount(order[before < n], minlength=cost.shape[1])
    return np.minimum(room, needed_by)


@dataclass(frozen=True, slots=True)
class _Candidates:
    """churn: (students, tutors), in the order of `people`. room: (tutors,)."""

    people: People
    churn: Float64
    room: Int64


def _read_candidates(
    engine: Engine,
    model: ServedModel,
    student_ids: Sequence[UUID],
    tutor_ids: Sequence[UUID],
    capacity: int | Mapping[UUID, int],
) -> _Candidates:
    _refuse_repeated("student_ids", student_ids)
    _refuse_repeated("tutor_ids", tutor_ids)
    room = _read_room(tutor_ids, capacity)
    people = read_people(engine, read_clock(engine), [str(one) for one in student_ids], [str(one) for one in tutor_ids])
    students, tutors = _uuids(people.student_ids), _uuids(people.tutor_ids)
    _refuse_unknown("students", student_ids, students)
    _refuse_unknown("active tutors", tutor_ids, tutors)
    churn = np.concatenate([block.probability for block in predict_blocks(people, model)])
    return _Candidates(people, churn.reshape(len(students), len(tutors)), np.array([room[one] for one in tutors]))


def _describe(
    candidates: _Candidates, model: ServedModel, student_ids: Sequence[UUID], rows: Int64, columns: Int64
) -> Assignment:
    people = candidates.people
    X = pair_matrix(people.students.take(rows), people.tutors.take(columns))
    probabilities = model.predict(X)
    levels = [RISK_LEVELS[code] for code in model.risk_codes(probabilities).tolist()]
    names = names_of("match")
    measures = {name: X[:, names.index(name)].tolist() for name in PairBlock.STORED_FEATURES}
    students, tutors = _uuids(people.student_ids[rows]), _uuids(people.tutor_ids[columns])
    pairs = [
        AssignedPair(
            student,
            tutor,
            churn_probability=probability,
            risk_level=level,
            **{name: values[i] for name, values in measures.items()},
        )
        for i, (student, tutor, probability, level) in enumerate(
            zip(students, tutors, probabilities.tolist(), levels, strict=True)
        )
    ]
    order = {one: place for place, one in enumerate(student_ids)}
    pairs.sort(key=lambda pair: order[pair.student_id])
    matched = {pair.student_id for pair in pairs}
    return _summarise(pairs, [one for one in student_ids if one not in matched])


def _summarise(pairs: list[AssignedPair], unmatched: list[UUID]) -> Assignment:
    churn = sum(pair.churn_probability for pair in pairs)
    compatibility = sum(pair.compatibility_score for pair in pairs)
    n = len(pairs)
    return Assignment(
        matches=pairs,
        unmatched=unmatched,
        total_churn_risk=churn,
        avg_churn_risk=churn / n if n else None,
        total_compatibility=compatibility,
        avg_compatibility=compatibility / n if n else None,
    )


def _read_room(tutor_ids: Sequence[UUID], capacity: int | Mapping[UUID, int]) -> dict[UUID, int]:
    if isinstance(capacity, int):
        return dict.fromkeys(tutor_ids, capacity)
    unknown = [one for one in capacity if one not in set(tutor_ids)]
    if unknown:
        raise QueryError(f"capacity names tutors that tutor_ids does not: {_name(unknown)}; leave them out")
    return dict.fromkeys(tutor_ids, 1) | dict(capacity)


def _refuse_repeated(field: str, ids: Sequence[UUID]) -> None:
    repeated = [one for one, times in Counter(ids).items() if times > 1]
    if repeated:
        raise QueryError(f"{field} holds some more than once: {_name(repeated)}; send each once")


def _refuse_unknown(who: str, asked: Sequence[UUID], found: Sequence[UUID]) -> None:
    there = set(found)
    missing = [one for one in asked if one not in there]
    if missing:
        raise NotFoundError(
            f"there are no {who} {_name(missing)}; GET /api/matching/{who.rsplit(maxsplit=1)[-1]} lists those there are"
        )


def _name(ids: Sequence[UUID]) -> str:
    more = f" and {len(ids) - NAMED:,} more" if len(ids) > NAMED else ""
    return ", ".join(map(str, ids[:NAMED])) + more


def _uuids(rows: np.typing.NDArray[np.uint8]) -> list[UUID]:
    return [UUID(bytes=row.tobytes()) for row in rows]
