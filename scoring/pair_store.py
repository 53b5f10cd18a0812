"""Blocks of match predictions into their table: straight in where there are none yet, else by staging and upsert."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final
from uuid import UUID

import numpy as np
import psycopg2
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from access.audit import Deed
from modelling.risk import RISK_LEVELS, risk_level_sql
from modelling.store import read_champion_versions
from records.bulk import BulkColumn, Words, copy_rows
from records.columns import Float64, Int8, Int64
from records.locking import run_alone
from records.tables import match_predictions
from scoring.extraction import microseconds
from scoring.models import ServedModel
from tqs.errors import ModelError

SMALL_PAIRS: Final = 20_000  # stored at once: a fraction of a second, so nothing has to wait for its turn


@dataclass(frozen=True, slots=True)
class PairBlock:
    """Predictions of every student (UUIDs, uint8 (s, 16)) with every tutor ((t, 16)); columns (s · t,) by student.

    students_changed, tutors_changed: when each one's inputs had last changed as these predictions saw them, µs.
    """

    STORED_FEATURES: ClassVar = (
        "compatibility_score",
        "pace_mismatch",
        "style_mismatch",
        "communication_mismatch",
        "age_difference",
    )

    students: NDArray[np.uint8]
    students_changed: Int64
    tutors: NDArray[np.uint8]
    tutors_changed: Int64
    probability: Float64
    risk: Int8
    features: dict[str, Float64]

    def __len__(self) -> int:
        return len(self.probability)


@dataclass(frozen=True, slots=True)
class Stored:
    """What a block wrote: rows that were new, and rows that changed or were older than a change of their people."""

    created: int
    changed: int

    @property
    def written(self) -> int:
        """All of them."""
        return self.created + self.changed


# Of a prediction `p`, its student `s` and tutor `t`: who made it serves, its risk level is what the thresholds say by
# now, and nothing that it rests on changed since. The places are for `ServedModel.terms`.
FRESH: Final = f"""p.model_version = {{version}}
    AND p.risk_level = {risk_level_sql("p.churn_probability", "{low}", "{high}")}
    AND p.updated_at > greatest(s.inputs_changed_at, t.inputs_changed_at)"""
FRESH_BY_TERMS: Final = FRESH.format(version=":version", low=":low", high=":high")


def store_pairs(
    engine: Engine, model: ServedModel, block: PairBlock, now: datetime, deed: Deed | None = None
) -> Stored:
    """Store a block, predicted as of `now`, in one transaction.

    `now` becomes the `updated_at` of what is written. A row that would not change is not rewritten, unless it is older
    than a change of its people's inputs, and one that was written as of a later moment stays. Pairs of people whose
    inputs changed since they were read are left out: they would be out of date as soon as they were stored.

    deed: what the audit log says of it where anything was written; nothing where it is nobody's.

    Raises
    ------
    ModelError
        where another model was promoted since `model` was loaded.
    """
    if len(block) == 0:
        return Stored(0, 0)
    try:
        return _store(engine, model, block, now, deed, may_copy=len(block) > SMALL_PAIRS)
    except (DBAPIError, psycopg2.Error) as error:  # COPY goes past SQLAlchemy, which wraps those of all else
        cause = error.orig if isinstance(error, DBAPIError) else error
        if not isinstance(cause, psycopg2.IntegrityError | psycopg2.errors.DeadlockDetected):
            raise
        # Meanwhile someone stored a pair of the block, or deleted a person: the upsert minds both.
        return _store(engine, model, block, now, deed, may_copy=False)


def remove_inactive_pairs(engine: Engine, deed: Deed | None = None) -> int:
    """Remove the pairs of tutors who are no longer active; their number. deed: as of `store_pairs`."""
    with engine.begin() as connection:
        removed = connection.execute(_REMOVE).rowcount
        if deed is not None and removed:
            deed.record(connection, {"removed": removed})
    return removed


def _store(
    engine: Engine, model: ServedModel, block: PairBlock, now: datetime, deed: Deed | None, *, may_copy: bool
) -> Stored:
    with engine.begin() as connection:
        _begin(connection, model, block)
        if may_copy and not connection.scalar(_NEEDS_CARE, _people(block)):
            stored = Stored(copy_rows(connection, match_predictions, _columns(model, block, now)), 0)
        else:
            stored = _upsert(connection, model, block, now)
        if deed is not None and stored.written:
            deed.record(connection, asdict(stored))
    return stored


def _begin(connection: Connection, model: ServedModel, block: PairBlock) -> None:
    """Wait for whoever stores a large block, then make sure that `model` still is the one to answer.

    Changes of the block's people that are not committed yet are waited for, and none is made until the block is stored.
    A champion that was refused when it was loaded does not count: what answers in its place is not called that.
    """
    if len(block) > SMALL_PAIRS:
        run_alone(connection, "predict match")
    champion = read_champion_versions(connection).get("match")
    if champion not in (None, model.version) and model.refusal is None:
        raise ModelError(
            f"{champion} is the champion of match by now, these pairs were predicted by {model.version}; "
            "the rest of them was left: predict the pairs anew"
        )
    people = _people(block)
    for lock in _LOCKS:
        connection.execute(lock, people)


def _upsert(connection: Connection, model: ServedModel, block: PairBlock, now: datetime) -> Stored:
    connection.exec_driver_sql(
        "CREATE TEMP TABLE staged ON COMMIT DROP AS "
        f"SELECT student_id, tutor_id, {', '.join(_WRITTEN)}, updated_at AS seen FROM match_predictions WITH NO DATA"
    )
    seen = np.maximum(block.students_changed[:, np.newaxis], block.tutors_changed).ravel()
    copy_rows(connection, "staged", {**_columns(model, block, now), "seen": seen})
    connection.exec_driver_sql("ANALYZE staged")
    row = connection.execute(_UPSERT, {"now": now}).one()
    return Stored(row.created, row.changed)


def _columns(model: ServedModel, block: PairBlock, now: datetime) -> dict[str, BulkColumn]:
    n = len(block)
    moments = np.full(n, microseconds([now])[0])
    return {
        "student_id": np.repeat(block.students, len(block.tutors), axis=0),
        "tutor_id": np.tile(block.tutors, (len(block.students), 1)),
        "churn_probability": block.probability,
        "risk_level": Words(block.risk, RISK_LEVELS),
        **block.features,
        "model_version": Words(np.zeros(n, dtype=np.int8), [model.version]),
        "fallback": np.full(n, model.fallback),
        "created_at": moments,
        "updated_at": moments,
    }


def _people(block: PairBlock) -> dict[str, list[Any]]:
    return {
        "students": [str(UUID(bytes=row.tobytes())) for row in block.students],
        "tutors": [str(UUID(bytes=row.tobytes())) for row in block.tutors],
        "students_changed": _moments(block.students_changed),
        "tutors_changed": _moments(block.tutors_changed),
    }


def _moments(times: Int64) -> list[datetime]:
    return [_EPOCH + timedelta(microseconds=time) for time in times.tolist()]


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_VALUES: Final = (
    "churn_probability",
    "risk_level",
    *PairBlock.STORED_FEATURES,
    "model_version",
    "fallback",
)
_WRITTEN: Final = (*_VALUES, "created_at", "updated_at")
_CHANGED: Final = (*_VALUES, "updated_at")
_INSIDE: Final = "student_id = ANY(CAST(:students AS uuid[])) AND tutor_id = ANY(CAST(:tutors AS uuid[]))"
_LOCKS: Final = [
    text(f"SELECT FROM {people} WHERE id = ANY(CAST(:{people} AS uuid[])) ORDER BY id FOR SHARE")
    for people in ("tutors", "students")
]
_NEEDS_CARE: Final = text(
    f"""
    SELECT EXISTS (SELECT FROM match_predictions WHERE {_INSIDE})
        OR cardinality(CAST(:students AS uuid[])) > (
            SELECT count(*) FROM students
            JOIN unnest(CAST(:students AS uuid[]), CAST(:students_changed AS timestamptz[])) AS seen (id, changed)
                USING (id)
            WHERE inputs_changed_at = seen.changed
        )
        OR cardinality(CAST(:tutors AS uuid[])) > (
            SELECT count(*) FROM tutors
            JOIN unnest(CAST(:tutors AS uuid[]), CAST(:tutors_changed AS timestamptz[])) AS seen (id, changed)
                USING (id)
            WHERE inputs_changed_at = seen.changed AND is_active
        )
    """
)
_REMOVE: Final = text("DELETE FROM match_predictions p USING tutors t WHERE t.id = p.tutor_id AND NOT t.is_active")
# Rows are written in the order of their pairs, so two upserts at once never wait for each other in a ring.
_UPSERT: Final = text(
    f"""
    WITH written AS (
        INSERT INTO match_predictions AS p (student_id, tutor_id, {", ".join(_WRITTEN)})
        SELECT new.student_id, new.tutor_id, {", ".join(f"new.{name}" for name in _WRITTEN)}
        FROM staged new
        JOIN tutors t ON t.id = new.tutor_id AND t.is_active
        JOIN students s ON s.id = new.student_id
        LEFT JOIN match_predictions old ON old.student_id = new.student_id AND old.tutor_id = new.tutor_id
        WHERE greatest(s.inputs_changed_at, t.inputs_changed_at) = new.seen AND (
            old.id IS NULL OR (old.updated_at <= :now AND (
                (old.updated_at <= new.seen AND new.seen < :now)
                OR ({", ".join(f"old.{name}" for name in _VALUES)})
                    IS DISTINCT FROM ({", ".join(f"new.{name}" for name in _VALUES)})
            ))
        )
        ORDER BY new.student_id, new.tutor_id
        ON CONFLICT (student_id, tutor_id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _CHANGED)},
            contributions = NULL, ai_explanation = NULL
        WHERE p.updated_at <= excluded.updated_at
        RETURNING xmax = 0 AS created  -- of a row that is new: no transaction has updated it
    )
    SELECT count(*) FILTER (WHERE created) AS created, count(*) FILTER (WHERE NOT created) AS changed FROM written
    """
)
