"""From the hourly flow to the tutor's mailbox: predicted, drawn, queued, sent by a real server, and reported."""

from __future__ import annotations

import hashlib
import logging
from datetime import UTC, datetime, timedelta

import pytest

from flows.score import predict_upcoming
from scoring.reminder_report import report_reminders
from tests.reports.conftest import Office
from tests.reports.smtp_server import Server
from tests.scoring.conftest import uid


def is_held_out(number: int) -> bool:
    """Whether a share of 0.2 holds that tutor out."""
    digest = hashlib.sha256(f"tqs automatic reminders {uid('tutor', number)}".encode()).hexdigest()
    return int(digest[:13], 16) / 2**52 < 0.2


def test_the_hourly_flow_reminds_treated_tutors_once(
    post: Office, server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = datetime.now(UTC)
    treated = next(number for number in range(1, 100) if not is_held_out(number))
    held_out = next(number for number in range(1, 100) if is_held_out(number))
    ahead = {}
    for number in (treated, held_out):
        tutor = post.records.tutor(number)
        post.records.execute(f"UPDATE tutors SET email = 'tutor{number}@example.org' WHERE id = '{tutor}'")
        for day, status in ((2, "rescheduled"), (3, "completed")):  # the rule says 1 of 2
            post.records.session(tutor, now - timedelta(days=day), status)
        ahead[number] = post.records.session(tutor, now + timedelta(days=1), "scheduled")
    calm = post.records.tutor(200)
    post.records.session(calm, now - timedelta(days=2))
    post.records.session(calm, now + timedelta(days=1), "scheduled")
    monkeypatch.setenv("TQS_HOME", str(post.settings.home))
    monkeypatch.setenv("TQS_DATABASE_URL", post.engine.url.render_as_string(hide_password=False))
    monkeypatch.setenv("TQS_REMINDER_THRESHOLD", "0.4")
    monkeypatch.setattr("flows.score.get_run_logger", lambda: logging.getLogger("tests"))
    caplog.set_level(logging.INFO, "tests")

    for _ in range(2):
        predict_upcoming.fn()

    assert "ReminderRun(reminded=1, held_out=1, new_tutors=2)" in caplog.text
    assert "example.org" not in caplog.text
    assert post.send(datetime.now(UTC)).sent == 1
    [taken] = server.taken
    assert taken.recipients == [f"tutor{treated}@example.org"]
    assert str(taken.message["Subject"]).startswith("Reminder: your session on ")
    body = taken.message.get_body(("plain",))
    assert body is not None
    assert f"Hello tutor {treated}," in body.get_content()
    assert post.records.rows("SELECT session_id::text, arm FROM automatic_reminders ORDER BY arm") == [
        (ahead[held_out], "hold_out"),
        (ahead[treated], "treated"),
    ]
    post.records.execute("UPDATE sessions SET status = 'completed' WHERE status = 'scheduled'")
    report = report_reminders(post.engine, now + timedelta(days=2))
    assert [(arm.sessions, arm.reminded) for arm in (report.treated, report.hold_out)] == [(1, 1), (1, 0)]
