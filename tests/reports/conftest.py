"""Mails in a database, a mail server that takes them, and settings that lead from one to the other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr
from sqlalchemy import Engine, text

from reports.figures import TutorFigures
from reports.queueing import queue_session_reports, read_figures
from reports.sending import SendingReport, send_due_mails
from scoring.tutors import score_tutors_within
from tests.reports.smtp_server import Server, smtp_server
from tests.scoring.conftest import NOW, Records, days_ago
from tqs.settings import Settings, load_settings

COACH = "coach@example.com"


@dataclass
class Office:
    """Sessions that are processed, and the mails that come of it."""

    engine: Engine
    records: Records
    settings: Settings

    def session(self, tutor: str, days: float = 0.5, status: str = "completed", **columns: Any) -> UUID:
        """One that somebody told of when it was over."""
        columns = {"outcome_recorded_at": NOW - timedelta(minutes=1), "source": "api"} | columns
        return UUID(self.records.session(tutor, days_ago(days), status, **columns))

    def process(self, *sessions: UUID, recipients: tuple[str, ...] = (COACH,)) -> int:
        """As a processor does it: figures before, the score, and the reports, in one transaction."""
        with self.engine.begin() as connection:
            rows = connection.execute(
                text("SELECT DISTINCT tutor_id FROM sessions WHERE id = ANY(CAST(:ids AS uuid[]))"),
                {"ids": [str(one) for one in sessions]},
            )
            tutors = list(rows.scalars())
            before = read_figures(connection, tutors)
            score_tutors_within(connection, NOW, tutors=[str(tutor) for tutor in tutors])
            return queue_session_reports(connection, sessions, before, recipients=recipients, timezone="UTC", now=NOW)

    def queue(self, *recipients: str, sessions: int = 1) -> list[UUID]:
        """Reports of sessions of a tutor of their own."""
        tutor = self.records.tutor(self.records.made + 1_000)
        made = [self.session(tutor) for _ in range(sessions)]
        self.process(*made, recipients=recipients or (COACH,))
        return made

    def send(self, now: datetime = NOW, **options: Any) -> SendingReport:
        return send_due_mails(self.engine, self.settings, now, **options)

    def change(self, **settings: Any) -> None:
        self.settings = self.settings.model_copy(update=settings)

    def mails(self, columns: str, where: str = "true") -> list[Any]:
        order = "ORDER BY created_at, recipient, message_id"
        return [tuple(row) for row in self.records.rows(f"SELECT {columns} FROM email_reports WHERE {where} {order}")]

    def one(self, columns: str, where: str = "true") -> Any:
        [row] = self.mails(columns, where)
        return row

    def forget_pauses(self) -> None:
        self.records.execute("UPDATE email_reports SET not_before = now() - interval '1 hour'")

    def end_leases(self) -> None:
        """What time does after a sender was killed."""
        self.records.execute("UPDATE email_reports SET leased_until = now() - interval '1 second'")


@pytest.fixture
def engine(emptied_engine: Engine) -> Engine:
    """Of the database that these tests share."""
    return emptied_engine


@pytest.fixture
def server() -> Iterator[Server]:
    with smtp_server() as server:
        yield server


@pytest.fixture
def office(engine: Engine, tmp_path: Path) -> Office:
    """Without a mail server."""
    settings = load_settings(home=tmp_path, mail_from="Tutor Quality <reports@example.com>")
    return Office(engine, Records(engine), settings)


@pytest.fixture
def post(office: Office, server: Server) -> Office:
    """The office, its mails going to the server."""
    office.change(smtp_url=SecretStr(f"{server.url}?timeout=5"))
    return office


def json_figures(rows: Mapping[str, Any] | None) -> TutorFigures | None:
    return None if rows is None else TutorFigures.from_json(dict(rows))
