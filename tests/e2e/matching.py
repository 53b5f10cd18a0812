"""Students and tutors whose matches are known by hand: no model serves, so the rule answers.

All prefer the pace 3 and communicate alike. A year of age apart costs 0.01 up to 0.20, another style 0.30.

            Xaver 41   Yves 20   Zoe 90 (modern)
    Anna 31     0.10      0.11       0.50
    Eve  52     0.11      0.20       0.50
    Carl 90     0.50      0.50       0.00 (modern)

The best pair first: Carl with Zoe, Anna with Xaver, and Eve is left with Yves: 0.30. The best assignment gives Anna to
Yves and Eve to Xaver: 0.22.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from playwright.sync_api import Locator, Page
from sqlalchemy import Engine, text

from tests.e2e.tutors import XSS
from tests.scoring.conftest import Records

STUDENTS = {"Anna": (31, "structured"), XSS: (52, "structured"), "Carl": (90, "modern")}
TUTORS = {"Xaver": (41, "structured"), "Yves": (20, "structured"), "Zoe": (90, "modern")}
AHEAD = datetime.now(UTC) + timedelta(days=2)


def write_matches(engine: Engine) -> dict[str, UUID]:
    """The people above by name, and "session": Anna's next one, with Zoe."""
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE tutors, students, interventions, audit_log CASCADE"))
    records = Records(engine)
    ids: dict[str, UUID] = {}
    alike: dict[str, Any] = {"preferred_pace": 3}
    for number, (name, (age, style)) in enumerate(STUDENTS.items()):
        key = records.student(
            number, age=age, preferred_teaching_style=style, communication_style_preference=3, **alike
        )
        ids[name] = _rename(engine, "students", key, name)
    for number, (name, (age, style)) in enumerate(TUTORS.items()):
        key = records.tutor(number, age=age, teaching_style=style, communication_style=3, **alike)
        ids[name] = _rename(engine, "tutors", key, name)
    booked = AHEAD - timedelta(days=9)
    key = records.session(str(ids["Zoe"]), AHEAD, "scheduled", student=str(ids["Anna"]), booked_at=booked, source="api")
    return ids | {"session": UUID(key)}


def card(page: Page, who: str, name: str) -> Locator:
    """The card of a student or a tutor; who: students or tutors."""
    return page.locator(f".{who} li.card").filter(has=page.locator(".name").get_by_text(name, exact=True))


def choose(page: Page, who: str, name: str) -> None:
    card(page, who, name).locator(".choose").click()


def collect(page: Page, who: str, name: str) -> None:
    card(page, who, name).locator(".collect").click()


def _rename(engine: Engine, table: str, key: str, name: str) -> UUID:
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE {table} SET name = :name WHERE id = :id"), {"name": name, "id": key})
    return UUID(key)
