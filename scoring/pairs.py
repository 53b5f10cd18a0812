"""Stored match predictions: every student with every active tutor, in blocks of bounded memory.

While one block is written by COPY the next one is computed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Final, TypeVar

import numpy as np
from sqlalchemy import Engine, text

from access.audit import Deed
from features.catalogue import names_of
from features.pairing import StudentVectors, TutorVectors, pair_block
from scoring.models import ServedModel
from scoring.pair_people import People, read_people
from scoring.pair_store import FRESH_BY_TERMS, PairBlock, Stored, remove_inactive_pairs, store_pairs
from scoring.prediction_report import PredictionReport, report_predictions

BLOCK_PAIRS: Final = 65_536

Vectors = TypeVar("Vectors", StudentVectors, TutorVectors)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come: pairs done, their total, and of those done the ones that are new in the table."""

    done: int
    total: int
    created: int


def predict_pairs(
    engine: Engine,
    model: ServedModel,
    now: datetime,
    *,
    students: Sequence[str] | None = None,
    tutors: Sequence[str] | None = None,
    progress: Callable[[Progress], None] | None = None,
    deed: Deed | None = None,
) -> PredictionReport:
    """Predict, as of `now`, whether each student (all, or those with these ids) and active tutor would part.

    A stored prediction is rewritten only where it changed or a change of its people made it stale, and then loses its
    explanation. A run for all tutors and students removes the pairs of tutors that are no longer active (those of
    deleted people go with them). Each block is a transaction of its own: an interrupted run leaves whole, valid
    predictions.

    Of two runs at once the one with the later `now` stays, whichever ends last.

    progress: called after each block; what it raises ends the run.
    deed: what the audit log says of each block that wrote anything; None where it is nobody's, as by schedule.

    Raises
    ------
    ModelError
        where another model is promoted meanwhile; the pairs stored so far stay.
    """
    people = read_people(engine, now, students, tutors)
    total = len(people.students) * len(people.tutors)
    removed = remove_inactive_pairs(engine, deed) if students is None and tutors is None else 0
    done = created = changed = 0

    def count(waiting: Future[Stored]) -> None:
        nonlocal created, changed
        stored = waiting.result()
        created += stored.created
        changed += stored.changed

    with ThreadPoolExecutor(max_workers=1) as writer:
        waiting: Future[Stored] | None = None
        for block in predict_blocks(people, model):
            if waiting is not None:
                count(waiting)
                if progress is not None:
                    progress(Progress(done, total, created))
            waiting = writer.submit(store_pairs, engine, model, block, now, deed)
            done += len(block)
        if waiting is not None:
            count(waiting)
            if progress is not None:
                progress(Progress(done, total, created))
    return report_predictions(model, computed=total, written=created + changed, created=created, removed=removed)


def predict_blocks(people: People, model: ServedModel, block_pairs: int = BLOCK_PAIRS) -> Iterator[PairBlock]:
    """Predictions of all pairs, about `block_pairs` at a time, by student and within that by tutor."""
    names = names_of("match")
    most_tutors = min(len(people.tutors), block_pairs)
    most_students = max(1, block_pairs // max(1, most_tutors))
    buffer = np.empty(min(most_students, len(people.students)) * most_tutors * len(names))
    for rows, columns in _tiles(len(people.students), len(people.tutors), most_students, most_tutors):
        students, tutors = _part(people.students, rows), _part(people.tutors, columns)
        pairs = len(students) * len(tutors)
        X = buffer[: pairs * len(names)].reshape(pairs, len(names))
        pair_block(students, tutors, X)
        probabilities = model.predict(X)
        yield PairBlock(
            students=people.student_ids[rows],
            students_changed=people.students_changed[rows],
            tutors=people.tutor_ids[columns],
            tutors_changed=people.tutors_changed[columns],
            probability=probabilities,
            risk=model.risk_codes(probabilities),
            features={name: X[:, names.index(name)].copy() for name in PairBlock.STORED_FEATURES},
        )


def count_people(engine: Engine) -> tuple[int, int]:
    """How many students and how many active tutors there are."""
    with engine.connect() as connection:
        row = connection.execute(_COUNTS).one()
    return row.students, row.tutors


def students_to_predict(engine: Engine, model: ServedModel) -> list[str]:
    """The students who lack a fresh prediction by `model` with some active tutor, in order."""
    with engine.connect() as connection:
        return list(connection.scalars(_INCOMPLETE, model.terms))


_COUNTS: Final = text(
    "SELECT (SELECT count(*) FROM students) AS students, (SELECT count(*) FROM tutors WHERE is_active) AS tutors"
)
# Counted among all rows: of a version that was promoted a moment ago the planner knows nothing, and would look up each.
_INCOMPLETE: Final = text(
    f"""
    SELECT s.id::text FROM students s LEFT JOIN (
        SELECT p.student_id, count(*) FILTER (WHERE t.is_active AND {FRESH_BY_TERMS}) AS fresh
        FROM match_predictions p JOIN students s ON s.id = p.student_id JOIN tutors t ON t.id = p.tutor_id
        GROUP BY p.student_id
    ) f ON f.student_id = s.id
    WHERE coalesce(f.fresh, 0) < (SELECT count(*) FROM tutors WHERE is_active) ORDER BY s.id
    """
)


def _part(people: Vectors, rows: slice) -> Vectors:
    return type(people)(**{field.name: getattr(people, field.name)[rows] for field in fields(people)})


def _tiles(students: int, tutors: int, most_students: int, most_tutors: int) -> Iterator[tuple[slice, slice]]:
    for start in range(0, students, most_students):
        for first in range(0, tutors, most_tutors):
            yield (
                slice(start, min(start + most_students, students)),
                slice(first, min(first + most_tutors, tutors)),
            )
