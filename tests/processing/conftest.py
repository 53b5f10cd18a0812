"""Two tutors, a student that imports know by another id, and sessions to tell of."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Engine, text

from processing.intake import Answer, take_sessions
from processing.posted import PostedSession

ANN, BOB = uuid.UUID(int=0xA1), uuid.UUID(int=0xB0)  # Bob is not active any more
PIA = uuid.UUID("bbbbbbbb-0000-4000-8000-00000000000a")  # "pia" in the company's own files
NOON = datetime(2026, 3, 11, 12, tzinfo=UTC)


def body(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A scheduled session as JSON; a change to None takes the field out."""
    told = {
        "session_id": str(uuid.UUID(int=number)),
        "tutor_id": str(ANN),
        "student_id": "somebody",
        "scheduled_time": "2026-03-11T12:00:00Z",
        "status": "scheduled",
        "booked_at": "2026-03-01T09:00:00Z",
        "duration_minutes": 60,
        "subject": "maths",
        **changes,
    }
    return {name: value for name, value in told.items() if value is not None}


def moved(number: int = 1, info: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """The same session, cancelled by the tutor two hours before."""
    told = {"initiator": "tutor", "original_time": "2026-03-11T12:00:00Z", "cancelled_at": "2026-03-11T10:00:00Z"}
    return body(number, status="rescheduled", reschedule_info={**told, **(info or {})}, **changes)


@dataclass
class Desk:
    """Where sessions are told, and what is in the tables."""

    engine: Engine

    def tell(self, *bodies: dict[str, Any]) -> list[Answer]:
        return take_sessions(self.engine, [PostedSession.model_validate(one) for one in bodies], "tests")

    def rows(self, query: str) -> Sequence[Any]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query))]

    def execute(self, statement: str) -> None:
        with self.engine.begin() as connection:
            connection.execute(text(statement))

    def everything(self) -> list[Any]:
        """All that intake may write."""
        tables = ("sessions", "reschedules", "work_items", "audit_log")
        return [self.rows(f"SELECT * FROM {table} ORDER BY id") for table in tables]


@pytest.fixture
def desk(engine: Engine) -> Desk:
    desk = Desk(engine)
    desk.execute(
        f"INSERT INTO tutors (id, name, is_active, source) VALUES ('{ANN}', 'Ann', true, 'import'), "
        f"('{BOB}', 'Bob', false, 'import')"
    )
    desk.execute(f"INSERT INTO students (id, name, external_id, source) VALUES ('{PIA}', 'Pia', 'pia', 'import')")
    return desk
