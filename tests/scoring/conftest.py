"""A few people and sessions written straight into the tables."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, insert

from benchmarks._model import make_predictor
from modelling.risk import RiskThresholds
from records.tables import reschedules, sessions, student_profiles, students, tutor_profiles, tutors
from scoring.models import ServedModel

NOW = datetime(2026, 3, 11, 12, tzinfo=UTC)  # a Wednesday
ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)


def uid(kind: str, number: int) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_OID, f"{kind} {number}")


def days_ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


@dataclass
class Records:
    """Writes records; each method answers the id."""

    engine: Engine
    made: int = 0

    def tutor(self, number: int, *, active: bool = True, **profile: Any) -> str:
        return self._person("tutor", (tutors, tutor_profiles), number, {"is_active": active}, profile)

    def student(self, number: int, **profile: Any) -> str:
        return self._person("student", (students, student_profiles), number, {}, profile)

    def session(
        self,
        tutor: str,
        scheduled: datetime,
        status: str = "completed",
        *,
        student: str = "somebody",
        initiator: str = "tutor",
        cancelled_at: datetime | None = None,
        **columns: Any,
    ) -> str:
        self.made += 1
        key = uid("session", self.made)
        values = {"duration_minutes": 60, "booked_at": scheduled - timedelta(days=20), "source": "import"} | columns
        with self.engine.begin() as connection:
            connection.execute(
                insert(sessions).values(
                    id=key, tutor_id=tutor, student_id=student, scheduled_time=scheduled, status=status, **values
                )
            )
            if status == "rescheduled":
                connection.execute(
                    insert(reschedules).values(
                        session_id=key,
                        initiator=initiator,
                        original_time=scheduled,
                        cancelled_at=cancelled_at or scheduled - timedelta(hours=5),
                    )
                )
        return str(key)

    def rows(self, query: str) -> Sequence[Any]:
        with self.engine.connect() as connection:
            return connection.exec_driver_sql(query).all()

    def execute(self, statement: str) -> None:
        with self.engine.begin() as connection:
            connection.exec_driver_sql(statement)

    def _person(
        self, kind: str, tables: tuple[Any, Any], number: int, more: dict[str, Any], profile: dict[str, Any]
    ) -> str:
        table, versions = tables
        key = uid(kind, number)
        with self.engine.begin() as connection:
            connection.execute(
                insert(table).values(id=key, name=f"{kind} {number}", source="import", **more, **profile)
            )
            connection.execute(insert(versions).values(**{f"{kind}_id": key}, valid_from=ALWAYS, **profile))
        return str(key)


@pytest.fixture
def records(engine: Engine) -> Records:
    return Records(engine)


def serve(target: str, *, rule: bool = False) -> ServedModel:
    """A model of `make_predictor`, or the rule, with thresholds 0.3 and 0.7."""
    return ServedModel(target, RiskThresholds(0.3, 0.7), None if rule else make_predictor(target))
