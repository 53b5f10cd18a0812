"""What the product is for: sessions posted change a tutor's rates, raise the flag, show at once, are told by mail."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import BrowserContext, expect
from sqlalchemy import URL

from access.keys import create_key
from tests.bentos.conftest import ROOT, serving, wait_until
from tests.e2e.conftest import Dashboards
from tests.e2e.tutors import row
from tests.reports.smtp_server import smtp_server
from tests.scoring.conftest import Records

POLL_S = 3600.0  # the page shows what it is told, or nothing
COACH = "coach@example.com"
MOVED = {1, 4, 9, 16}  # days ago on which the tutor moved the session: 2 of 6 within a week, 4 of 20 within a month


@contextmanager
def processing(database: URL, home: Path, **settings: str) -> Iterator[Path]:
    """The resident processor, until it has ended by SIGTERM; its log."""
    log = home / "processor.log"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TQS_")}
    environment |= {"TQS_HOME": str(home), "TQS_DATABASE_URL": database.render_as_string(hide_password=False)}
    with log.open("wb") as output:
        command = [sys.executable, "-m", "processing.processor"]
        process = subprocess.Popen(command, cwd=ROOT, env=environment | settings, stdout=output, stderr=output)
    try:
        yield log
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, log.read_text()


def session(tutor: str, days_ago: int, now: datetime) -> dict[str, Any]:
    at = now - timedelta(days=days_ago)
    told = {
        "session_id": str(uuid.uuid4()),
        "tutor_id": tutor,
        "student_id": "somebody",
        "scheduled_time": at.isoformat(),
        "duration_minutes": 60,
        "status": "completed",
    }
    if days_ago not in MOVED:
        return told
    info = {
        "initiator": "tutor",
        "original_time": at.isoformat(),
        "cancelled_at": (at - timedelta(hours=3)).isoformat(),
        "reason": "<b>ill</b>",
    }
    return told | {"status": "rescheduled", "reschedule_info": info}


def test_twenty_sessions_posted(dashboards: Dashboards, visitor: BrowserContext, tmp_path: Path) -> None:
    database, now = dashboards.engine.url, datetime.now(UTC)
    alma = Records(dashboards.engine).tutor(1)
    key = create_key(dashboards.engine, "rails", scopes=["read", "ingest"])
    mail = {"TQS_MAIL_FROM": "reports@example.com", "TQS_REPORT_RECIPIENTS": COACH}
    with (
        smtp_server() as letters,
        processing(database, tmp_path, TQS_SMTP_URL=letters.url, **mail) as log,
        serving(database, tmp_path, TQS_API_WORKERS="1") as (url, _, _),
        httpx.Client(base_url=url, headers={"X-API-Key": key}, timeout=60) as client,
    ):
        page = visitor.new_page()
        page.goto(dashboards.address + "/tutors")
        shown = row(page, "tutor 1")
        expect(shown).to_be_visible()
        page.evaluate("window.kept = true")

        sessions = [session(alma, days, now) for days in range(1, 21)]
        for one in sessions:
            assert client.post("/api/sessions", json=one).status_code == 202
        ahead = session(alma, -2, now) | {"status": "scheduled"}
        assert client.post("/api/sessions", json=ahead).status_code == 202

        wait_until(lambda: len(letters.taken) == 20, 60)
        [tutor] = client.get("/api/tutors", params={"risk_status": "high_risk"}).json()["tutors"]
        assert (tutor["id"], tutor["is_high_risk"]) == (alma, True)
        assert (tutor["total_sessions_30d"], tutor["tutor_reschedules_30d"]) == (20, 4)
        assert (tutor["reschedule_rate_30d"], tutor["reschedule_rate_90d"]) == (20.0, 20.0)
        scores = client.get(f"/api/tutors/{alma}").json()["scores"]
        assert scores["reschedule_rate_7d"] == pytest.approx(100 * 2 / 6)
        wait_until(lambda: predicted(client) == [(ahead["session_id"], 0.2)], 60)
        wait_until(lambda: client.get("/api/health").json()["queue"]["pending"] == 0, 60)  # as of the last heartbeat

        expect(shown).to_contain_text("20.0")
        expect(shown).to_contain_text("High")
        assert page.evaluate("window.kept")  # it was not loaded again
    assert "ready" in log.read_text()
    assert "stopped" in log.read_text()

    assert {str(taken.message["Message-ID"]) for taken in letters.taken} == {
        f"<session.{uuid.UUID(one['session_id']).hex}.{one['status']}@tqs.invalid>" for one in sessions
    }
    messages = [taken.message for taken in letters.taken]
    assert any("High risk now" in str(message["Subject"]) for message in messages)
    for message in messages:
        assert "tutor 1" in part(message, "plain")
        assert f"/tutor?id={alma}" in part(message, "html")
        assert "<b>ill" not in part(message, "html")
    last = next(message for message in messages if "4 of 20 sessions" in part(message, "plain"))
    page.set_content(part(last, "html"))
    expect(page.get_by_role("cell", name="20.0%").first).to_be_visible()
    expect(page.get_by_role("link")).to_have_attribute("href", f"http://127.0.0.1:5006/tutor?id={alma}")
    page.close()


def predicted(client: httpx.Client) -> list[tuple[str, float]]:
    rows = client.get("/api/upcoming-sessions").json()["sessions"]
    return [(one["id"], one["reschedule_probability"]) for one in rows]


def part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    assert body is not None
    return str(body.get_content())
