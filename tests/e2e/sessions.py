"""Sessions ahead with predictions written straight into the tables, and where their page shows them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from playwright.sync_api import Page
from sqlalchemy import Engine, insert, select, text

from features.catalogue import names_of
from records.tables import session_reschedule_predictions, sessions, students, tutors
from tests.e2e.tutors import XSS, tutor_id

VERSION = "v9"  # of no model that serves
REASONS = (
    {"feature": "tutor_reschedule_rate_30d", "value": 0.5, "effect": 0.8, "phrase": "the tutor rescheduled 50%"},
    {"feature": "day_of_week", "value": 2.0, "effect": -0.2, "phrase": "the session is on a Wednesday"},
)


def clear_sessions(engine: Engine) -> None:
    """Nobody and nothing is left but keys and models."""
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE tutors, students CASCADE"))


def add_session(
    engine: Engine,
    tutor: str,
    student: str,
    hours: float,
    probability: float | None = None,
    *,
    no_show: float = 0.04,
    reasons: Sequence[dict[str, Any]] = REASONS,
    version: str = VERSION,
) -> uuid.UUID:
    """A session of this tutor and student, made where they are not there, so many hours ahead; its id."""
    start = datetime.now(UTC) + timedelta(hours=hours)
    known, key = uuid.uuid5(uuid.NAMESPACE_URL, student), uuid.uuid4()
    with engine.begin() as connection:
        for table, row, name in ((tutors, tutor_id(tutor), tutor), (students, known, student)):
            if connection.execute(select(table.c.id).where(table.c.id == row)).one_or_none() is None:
                email = {"email": f"{row}@example.org"} if table is tutors else {}
                connection.execute(insert(table).values(id=row, name=name, source="api", **email))
        values = {"tutor_id": tutor_id(tutor), "student_id": str(known), "scheduled_time": start, "source": "api"}
        connection.execute(insert(sessions).values(id=key, status="scheduled", duration_minutes=60, **values))
        for target, chance in (("reschedule", probability), ("no_show", no_show)):
            if probability is not None:
                connection.execute(
                    insert(session_reschedule_predictions).values(
                        session_id=key,
                        scheduled_time=start,
                        target=target,
                        probability=chance,
                        risk_level="low",  # by thresholds of another time
                        model_version=version,
                        fallback=version == "rule",
                        predicted_at=datetime.now(UTC) - timedelta(minutes=5),
                        features_json=dict.fromkeys(names_of(target), 0.0),
                        contributions=list(reasons),
                    )
                )
    return key


def write_morning(engine: Engine) -> dict[str, uuid.UUID]:
    """Five sessions of tomorrow and two of later, by their students.

    Of tomorrow, in the order of how likely they are moved: Zoe 0.75, the one with a hostile name 0.5, Yan 0.25,
    Xu 0.125, Wim without a prediction. Later: Vic 0.875 in three days, Ulf 0.25 in ten.
    """
    clear_sessions(engine)
    booked = (
        ("Alma", "Zoe", 20, 0.75),
        ("Bert", XSS, 22, 0.5),
        ("Alma", "Yan", 3, 0.25),
        ("Cleo", "Xu", 5, 0.125),
        ("Cleo", "Wim", 6, None),
        ("Bert", "Vic", 72, 0.875),
        ("Cleo", "Ulf", 240, 0.25),
    )
    return {student: add_session(engine, tutor, student, hours, p) for tutor, student, hours, p in booked}


def shown_students(page: Page) -> Any:
    """The students of the rows, in order."""
    return page.locator("tbody tr td:nth-child(3) .text")


def row_of(page: Page, session: uuid.UUID) -> Any:
    """The row of a session."""
    return page.locator(f'tbody tr[data-id="{session}"]')
