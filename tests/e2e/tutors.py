"""Tutors written straight into the tables, and where the page shows them."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from playwright.sync_api import Page
from sqlalchemy import Engine, insert, text

from records.tables import tutor_scores, tutors

NOW = datetime(2026, 3, 11, 12, tzinfo=UTC)
XSS = '<img src=x onerror="window.hacked=true"><b>Eve</b>'


def write_tutors(engine: Engine) -> None:
    """Alma above the threshold, Bert on it, Eve with a hostile name, Never unscored, and twelve more: 16 in all."""
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE tutors CASCADE"))
    add_tutor(engine, "Alma", (2, 4), (4, 10), (10, 40), email="alma@example.org", trend=0.1)
    add_tutor(engine, "Bert", (0, 2), (3, 20), (6, 50), trend=-0.15)
    add_tutor(engine, XSS, (0, 1), (1, 50), (1, 60), trend=0.0)
    add_tutor(engine, "Never", None, None, None)
    for number in range(12):
        add_tutor(engine, f"Other {number:02}", (0, 1), (1, 100 + number), (1, 200), trend=0.0)


def tutor_id(name: str) -> uuid.UUID:
    return uuid.uuid5(uuid.NAMESPACE_OID, name)


def add_tutor(
    engine: Engine,
    name: str,
    of_7: tuple[int, int] | None,
    of_30: tuple[int, int] | None,
    of_90: tuple[int, int] | None,
    *,
    trend: float | None = None,
    email: str | None = None,
) -> None:
    """A tutor with (rescheduled, sessions) of 7, 30 and 90 days; None: never scored."""
    key = tutor_id(name)
    with engine.begin() as connection:
        connection.execute(insert(tutors).values(id=key, name=name, email=email, source="api"))
        if of_7 is None or of_30 is None or of_90 is None:
            return
        rates: dict[str, Any] = {}
        for days, (part, whole) in ((7, of_7), (30, of_30), (90, of_90)):
            rates[f"reschedule_rate_{days}d"] = 100 * part / whole
            rates[f"total_sessions_{days}d"] = whole
            rates[f"tutor_reschedules_{days}d"] = part
        connection.execute(
            insert(tutor_scores).values(
                tutor_id=key,
                **rates,
                no_shows_90d=0,
                reschedule_trend=trend,
                is_high_risk=100 * of_30[0] / of_30[1] > 15,
                risk_threshold=15.0,
                last_calculated_at=NOW,
            )
        )


def row(page: Page, name: str) -> Any:
    return page.locator("tbody tr").filter(has=page.get_by_role("rowheader").filter(has_text=name))


def shown_names(page: Page) -> Any:
    return page.locator("tbody th .text")
