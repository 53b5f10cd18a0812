"""Stored match predictions: every student with every active tutor, in blocks of bounded memory.

While one block is written by COPY the next one is computed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Final, TypeVar
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine, text

from features.catalogue import names_of
from features.pairing import StudentVectors, TutorVectors, pair_block, student_vectors, tutor_vectors
from records.columns import Int64
from records.reading import read_history
from scoring.extraction import microseconds
from scoring.models import ServedModel
from scoring.pair_store import PairBlock, remove_inactive_pairs, store_pairs
from scoring.prediction_report import PredictionReport, report_predictions

BLOCK_PAIRS: Final = 65_536

Ids = NDArray[np.uint8]
Progress = Callable[[int, int], None]
Vectors = TypeVar("Vectors", StudentVectors, TutorVectors)


@dataclass(frozen=True, slots=True)
class People:
    """Who to pair, in the order of their ids: UUIDs as uint8 (n, 16), and what features need of them."""

    student_ids: Ids
    students: StudentVectors
    tutor_ids: Ids
    tutors: TutorVectors


def predict_pairs(
    engine: Engine,
    model: ServedModel,
    now: datetime,
    *,
    students: Sequence[str] | None = None,
    tutors: Sequence[str] | None = None,
    progress: Progress | None = None,
) -> PredictionReport:
    """Predict, as of `now`, whether each student (all, or those with these ids) and active tutor would part.

    A stored prediction is rewritten only where it changed, and then loses its explanation. Pairs of tutors that
    are no longer active are removed (those of deleted people go with them). Each block is a transaction of its own:
    an interrupted run leaves whole, valid predictions, and the next one goes on from there.

    Of two runs at once the one with the later `now` stays, whichever ends last.

    progress: called with the pairs done and their total.

    Raises
    ------
    ModelError
        where another model is promoted meanwhile; the pairs stored so far stay.
    """
    people = read_people(engine, now, students, tutors)
    total = len(people.students) * len(people.tutors)
    removed = remove_inactive_pairs(engine)
    done = written = 0
    with ThreadPoolExecutor(max_workers=1) as writer:
        waiting: Future[int] | None = None
        for block in predict_blocks(people, model):
            if waiting is not None:
                written += waiting.result()
            waiting = writer.submit(store_pairs, engine, model, block, now)
            done += len(block)
            if progress is not None:
                progress(done, total)
        if waiting is not None:
            written += waiting.result()
    return report_predictions(model, computed=total, written=written, removed=removed)


def predict_blocks(people: People, model: ServedModel, block_pairs: int = BLOCK_PAIRS) -> Iterator[PairBlock]:
    """Predictions of all pairs, about `block_pairs` at a time, by student and within that by tutor."""
    names = names_of("match")
    most_tutors = min(len(people.tutors), block_pairs)
    most_students = max(1, block_pairs // max(1, most_tutors))
    buffer = np.empty(most_students * most_tutors * len(names))
    for rows, columns in _tiles(len(people.students), len(people.tutors), most_students, most_tutors):
        students, tutors = _part(people.students, rows), _part(people.tutors, columns)
        pairs = len(students) * len(tutors)
        X = buffer[: pairs * len(names)].reshape(pairs, len(names))
        pair_block(students, tutors, X)
        probabilities = model.predict(X)
        yield PairBlock(
            students=people.student_ids[rows],
            tutors=people.tutor_ids[columns],
            probability=probabilities,
            risk=model.risk_codes(probabilities),
            features={name: X[:, names.index(name)].copy() for name in PairBlock.STORED_FEATURES},
        )


def read_people(
    engine: Engine, now: datetime, students: Sequence[str] | None = None, tutors: Sequence[str] | None = None
) -> People:
    """Students and active tutors (all, or of these ids), as they are known just before `now`."""
    student_ids = _select_ids(engine, "SELECT id::text AS id FROM students", students)
    tutor_ids = _select_ids(engine, "SELECT id::text AS id FROM tutors WHERE is_active", tutors)
    history = read_history(engine)
    as_of = int(microseconds([now])[0])
    student = _codes(history.directory.students, student_ids)
    tutor = _codes(history.directory.tutors, tutor_ids)
    return People(
        student_ids=_uuid_bytes(history.directory.students[student]),
        students=student_vectors(history.student_profiles, student, np.full(len(student), as_of)),
        tutor_ids=_uuid_bytes(history.directory.tutors[tutor]),
        tutors=tutor_vectors(history.tutor_profiles, history.sessions, tutor, np.full(len(tutor), as_of)),
    )


def _codes(directory: NDArray[np.object_], ids: Sequence[str]) -> Int64:
    """The codes, ascending, of those ids that the directory holds: a person may have been deleted meanwhile."""
    return np.flatnonzero(np.isin(directory.astype(str), np.array(ids, dtype=str))).astype(np.int64)


def _uuid_bytes(ids: NDArray[np.object_]) -> Ids:
    return np.frombuffer(b"".join(UUID(text).bytes for text in ids), dtype=np.uint8).reshape(len(ids), 16)


def _select_ids(engine: Engine, everyone: str, wanted: Sequence[str] | None) -> list[str]:
    query, values = everyone, {}
    if wanted is not None:
        query, values = f"SELECT id FROM ({everyone}) p WHERE id = ANY(:wanted)", {"wanted": list(wanted)}
    with engine.connect() as connection:
        return list(connection.scalars(text(query), values))


def _part(people: Vectors, rows: slice) -> Vectors:
    return type(people)(**{field.name: getattr(people, field.name)[rows] for field in fields(people)})


def _tiles(students: int, tutors: int, most_students: int, most_tutors: int) -> Iterator[tuple[slice, slice]]:
    for start in range(0, students, most_students):
        for first in range(0, tutors, most_tutors):
            yield (
                slice(start, min(start + most_students, students)),
                slice(first, min(first + most_tutors, tutors)),
            )
