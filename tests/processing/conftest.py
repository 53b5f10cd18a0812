"""A desk where sessions are told, and a plant where they are processed."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from processing.drain import DrainReport, drain
from processing.intake import Answer, take_sessions
from processing.posted import PostedSession
from records.work import QUEUE_SESSIONS
from scoring.current_models import CurrentModels
from scoring.sessions import SESSION_TARGETS
from tests.scoring.conftest import Records
from tqs.settings import Settings, load_settings

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
    """Where sessions are told, and what is in the tables: two tutors, and a student that imports know by another id."""

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


@dataclass
class Plant:
    """Tutors with sessions that wait to be processed, at times around the real now: that is what processing goes by."""

    engine: Engine
    records: Records
    settings: Settings
    now: datetime

    def tutor(self, **profile: Any) -> str:
        self.records.made += 1
        return self.records.tutor(self.records.made, **profile)

    def session(self, tutor: str, days: float = 0.5, status: str = "completed", **columns: Any) -> uuid.UUID:
        """One that was scheduled so many days ago (negative: is ahead), told of an hour ago."""
        told = {"outcome_recorded_at": self.now - timedelta(hours=1)} if status != "scheduled" else {}
        at = self.now - timedelta(days=days)
        return uuid.UUID(self.records.session(tutor, at, status, **told | {"source": "api"} | columns))

    def promised(self, tutor: str, days: float = 0.5, status: str = "completed", **columns: Any) -> uuid.UUID:
        """The same, and it waits to be processed."""
        session = self.session(tutor, days, status, **columns)
        self.promise(session)
        return session

    def promise(self, session: uuid.UUID) -> None:
        self.execute(QUEUE_SESSIONS.format(sessions=f"SELECT '{session}'::uuid"))

    def drain(self, **options: Any) -> DrainReport:
        return drain(self.engine, self.settings, CurrentModels(self.engine, self.settings, SESSION_TARGETS), **options)

    def change(self, **settings: Any) -> None:
        self.settings = self.settings.model_copy(update=settings)

    def item(self, session: uuid.UUID, columns: str) -> tuple[Any, ...]:
        """Its row of work."""
        [row] = self.rows(f"SELECT {columns} FROM work_items WHERE session_id = '{session}'")
        return row

    def rows(self, query: str) -> list[Any]:
        return [tuple(row) for row in self.records.rows(query)]

    def one(self, query: str) -> Any:
        [row] = self.rows(query)
        return row

    def execute(self, statement: str) -> None:
        self.records.execute(statement)

    def end_leases(self) -> None:
        """What time does after a processor was killed."""
        self.execute("UPDATE work_items SET leased_until = now() - interval '1 second'")

    def forget_pauses(self) -> None:
        self.execute("UPDATE work_items SET not_before = now() - interval '1 hour'")


def open_plant(engine: Engine, home: Path) -> Plant:
    """Mails of it become files."""
    return Plant(engine, Records(engine), load_settings(home=home), datetime.now(UTC))


@pytest.fixture
def plant(engine: Engine, tmp_path: Path) -> Plant:
    return open_plant(engine, tmp_path)
