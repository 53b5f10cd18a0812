"""Blocks of match predictions into their table: straight in where there are none yet, else by staging and upsert."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID

import numpy as np
import psycopg2
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, text

from modelling.risk import RISK_LEVELS
from modelling.store import read_champion_versions
from records.bulk import BulkColumn, Words, copy_rows
from records.columns import Float64, Int8
from records.locking import run_alone
from records.tables import match_predictions
from scoring.extraction import microseconds
from scoring.models import ServedModel
from tqs.errors import ModelError


@dataclass(frozen=True, slots=True)
class PairBlock:
    """Predictions of every student (UUIDs, uint8 (s, 16)) with every tutor ((t, 16)); columns (s · t,) by student."""

    STORED_FEATURES: ClassVar = (
        "compatibility_score",
        "pace_mismatch",
        "style_mismatch",
        "communication_mismatch",
        "age_difference",
    )

    students: NDArray[np.uint8]
    tutors: NDArray[np.uint8]
    probability: Float64
    risk: Int8
    features: dict[str, Float64]

    def __len__(self) -> int:
        return len(self.probability)


def store_pairs(engine: Engine, model: ServedModel, block: PairBlock, now: datetime) -> int:
    """Store a block, predicted as of `now`, in one transaction; the number of rows that were new or changed.

    `now` becomes the `updated_at` of what is written. A row that was written as of a later moment stays.

    Raises
    ------
    ModelError
        where another model was promoted since `model` was loaded.
    """
    if len(block) == 0:
        return 0
    try:
        with engine.begin() as connection:
            _begin(connection, model)
            if not connection.scalar(_NEEDS_CARE, _people(block)):
                return copy_rows(connection, match_predictions, _columns(model, block, now))
            return _upsert(connection, model, block, now)
    except psycopg2.IntegrityError:
        # Meanwhile someone stored a pair of the block, or deleted a person: the upsert minds both.
        with engine.begin() as connection:
            _begin(connection, model)
            return _upsert(connection, model, block, now)


def remove_inactive_pairs(engine: Engine) -> int:
    """Remove the pairs of tutors who are no longer active; their number."""
    with engine.begin() as connection:
        return connection.execute(_REMOVE).rowcount


def _begin(connection: Connection, model: ServedModel) -> None:
    """Wait for whoever stores pairs, then make sure that `model` still is the one to answer.

    A champion that was refused when it was loaded does not count: what answers in its place is not called that.
    """
    run_alone(connection, "predict match")
    champion = read_champion_versions(connection).get("match")
    if champion not in (None, model.version) and model.refusal is None:
        raise ModelError(
            f"{champion} is the champion of match by now, these pairs were predicted by {model.version}; "
            "the rest of them was left: predict the pairs anew"
        )


def _upsert(connection: Connection, model: ServedModel, block: PairBlock, now: datetime) -> int:
    connection.exec_driver_sql(
        "CREATE TEMP TABLE staged ON COMMIT DROP AS "
        f"SELECT student_id, tutor_id, {', '.join(_WRITTEN)} FROM match_predictions WITH NO DATA"
    )
    copy_rows(connection, "staged", _columns(model, block, now))
    connection.exec_driver_sql("ANALYZE staged")
    return connection.execute(_UPSERT, {**_people(block), "now": now}).rowcount


def _columns(model: ServedModel, block: PairBlock, now: datetime) -> dict[str, BulkColumn]:
    n = len(block)
    return {
        "student_id": np.repeat(block.students, len(block.tutors), axis=0),
        "tutor_id": np.tile(block.tutors, (len(block.students), 1)),
        "churn_probability": block.probability,
        "risk_level": Words(block.risk, RISK_LEVELS),
        **block.features,
        "model_version": Words(np.zeros(n, dtype=np.int8), [model.version]),
        "fallback": np.full(n, model.fallback),
        "updated_at": np.full(n, microseconds([now])[0]),
    }


def _people(block: PairBlock) -> dict[str, list[str]]:
    return {
        "students": [str(UUID(bytes=row.tobytes())) for row in block.students],
        "tutors": [str(UUID(bytes=row.tobytes())) for row in block.tutors],
    }


_VALUES: Final = (
    "churn_probability",
    "risk_level",
    *PairBlock.STORED_FEATURES,
    "model_version",
    "fallback",
)
_WRITTEN: Final = (*_VALUES, "updated_at")
_INSIDE: Final = "student_id = ANY(CAST(:students AS uuid[])) AND tutor_id = ANY(CAST(:tutors AS uuid[]))"
_NEEDS_CARE: Final = text(
    f"""
    SELECT EXISTS (SELECT FROM match_predictions WHERE {_INSIDE})
        OR EXISTS (SELECT FROM tutors WHERE id = ANY(CAST(:tutors AS uuid[])) AND NOT is_active)
    """
)
_REMOVE: Final = text("DELETE FROM match_predictions p USING tutors t WHERE t.id = p.tutor_id AND NOT t.is_active")
_UPSERT: Final = text(
    f"""
    INSERT INTO match_predictions (student_id, tutor_id, {", ".join(_WRITTEN)})
    SELECT new.student_id, new.tutor_id, {", ".join(f"new.{name}" for name in _WRITTEN)}
    FROM staged new
    JOIN tutors t ON t.id = new.tutor_id AND t.is_active
    JOIN students s ON s.id = new.student_id
    LEFT JOIN (SELECT * FROM match_predictions WHERE {_INSIDE}) old
        ON old.student_id = new.student_id AND old.tutor_id = new.tutor_id
    WHERE old.id IS NULL OR (old.updated_at <= :now AND ({", ".join(f"old.{name}" for name in _VALUES)})
        IS DISTINCT FROM ({", ".join(f"new.{name}" for name in _VALUES)}))
    ORDER BY new.student_id, new.tutor_id
    ON CONFLICT (student_id, tutor_id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _WRITTEN)},
        ai_explanation = NULL
    """
)
