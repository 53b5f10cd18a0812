"""Blocks of match predictions into their table: straight in where there are none yet, else by staging and upsert."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final
from uuid import UUID

import numpy as np
import psycopg2
from numpy.typing import NDArray
from sqlalchemy import Connection, Engine, text

from modelling.risk import RISK_LEVELS
from records.bulk import BulkColumn, Words, copy_rows
from records.columns import Float64, Int8
from records.tables import match_predictions
from scoring.locking import run_alone
from scoring.models import ServedModel


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


def store_pairs(engine: Engine, model: ServedModel, block: PairBlock) -> int:
    """Store a block in one transaction; the number of rows that were new or changed."""
    if len(block) == 0:
        return 0
    try:
        with engine.begin() as connection:
            run_alone(connection, "predict match")
            if not connection.scalar(_ANY, _people(block)):
                return copy_rows(connection, match_predictions, _columns(model, block))
            return _upsert(connection, model, block)
    except psycopg2.IntegrityError:
        # Meanwhile someone stored a pair of the block, or deleted a person: the upsert minds both.
        with engine.begin() as connection:
            run_alone(connection, "predict match")
            return _upsert(connection, model, block)


def remove_inactive_pairs(engine: Engine) -> int:
    """Remove the pairs of tutors who are no longer active; their number."""
    with engine.begin() as connection:
        return connection.execute(_REMOVE).rowcount


def _upsert(connection: Connection, model: ServedModel, block: PairBlock) -> int:
    connection.exec_driver_sql(
        "CREATE TEMP TABLE staged ON COMMIT DROP AS "
        f"SELECT student_id, tutor_id, {', '.join(_VALUES)} FROM match_predictions WITH NO DATA"
    )
    copy_rows(connection, "staged", _columns(model, block))
    connection.exec_driver_sql("ANALYZE staged")
    return connection.execute(_UPSERT, _people(block)).rowcount


def _columns(model: ServedModel, block: PairBlock) -> dict[str, BulkColumn]:
    n = len(block)
    return {
        "student_id": np.repeat(block.students, len(block.tutors), axis=0),
        "tutor_id": np.tile(block.tutors, (len(block.students), 1)),
        "churn_probability": block.probability,
        "risk_level": Words(block.risk, RISK_LEVELS),
        **block.features,
        "model_version": Words(np.zeros(n, dtype=np.int8), [model.version]),
        "fallback": np.full(n, model.fallback),
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
_INSIDE: Final = "student_id = ANY(CAST(:students AS uuid[])) AND tutor_id = ANY(CAST(:tutors AS uuid[]))"
_ANY: Final = text(f"SELECT EXISTS (SELECT FROM match_predictions WHERE {_INSIDE})")
_REMOVE: Final = text("DELETE FROM match_predictions p USING tutors t WHERE t.id = p.tutor_id AND NOT t.is_active")
_UPSERT: Final = text(
    f"""
    INSERT INTO match_predictions (student_id, tutor_id, {", ".join(_VALUES)})
    SELECT new.student_id, new.tutor_id, {", ".join(f"new.{name}" for name in _VALUES)}
    FROM staged new
    JOIN tutors t ON t.id = new.tutor_id AND t.is_active
    JOIN students s ON s.id = new.student_id
    LEFT JOIN (SELECT * FROM match_predictions WHERE {_INSIDE}) old
        ON old.student_id = new.student_id AND old.tutor_id = new.tutor_id
    WHERE old.id IS NULL OR ({", ".join(f"old.{name}" for name in _VALUES)})
        IS DISTINCT FROM ({", ".join(f"new.{name}" for name in _VALUES)})
    ORDER BY new.student_id, new.tutor_id
    ON CONFLICT (student_id, tutor_id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _VALUES)},
        ai_explanation = NULL, updated_at = now()
    """
)
