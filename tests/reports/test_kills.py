"""A sender that is killed, with kill -9 and wherever: each mail arrives once, or again with the same Message-ID."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.reports.conftest import COACH, Office
from tests.reports.smtp_server import Server, Taken
from tests.scoring.conftest import NOW

# Sends, and at one point says so and waits to be killed.
SENDER = f"""
import signal, sys
import reports.sending as sending
from datetime import datetime
from records.engine import connect
from tqs.settings import load_settings

def stop_before(owner, name):
    def wait(*arguments, **options):
        print("here", flush=True)
        signal.pause()
    setattr(owner, name, wait)

def stop_after(owner, name):
    then = getattr(owner, name)
    def wait(*arguments, **options):
        then(*arguments, **options)
        print("here", flush=True)
        signal.pause()
    setattr(owner, name, wait)

point = sys.argv[1]
if point == "after the claim":
    stop_before(sending, "read_contents")
elif point == "connected":
    stop_before(sending, "hold_mails")
elif point == "before the hand-over":
    stop_before(sending.SmtpTransport, "send")
elif point == "before it is recorded":
    stop_before(sending, "record_sent")
elif point == "after it is recorded":
    stop_after(sending, "record_sent")
settings = load_settings()
sending.send_due_mails(connect(settings).app, settings, datetime.fromisoformat("{NOW.isoformat()}"))
"""


def start(office: Office, server: Server, point: str) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "TQS_DATABASE_URL": office.engine.url.render_as_string(hide_password=False),
        "TQS_HOME": str(office.settings.home),
        "TQS_SMTP_URL": server.url,
        "TQS_MAIL_FROM": "reports@example.com",
    }
    return subprocess.Popen([sys.executable, "-c", SENDER, point], env=environment, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize(
    ("point", "arrivals", "attempts"),
    [
        ("after the claim", 1, 2),
        ("connected", 1, 2),
        ("before the hand-over", 1, 2),
        ("before it is recorded", 2, 2),
        ("after it is recorded", 1, 1),
    ],
)
def test_a_sender_killed(post: Office, server: Server, point: str, arrivals: int, attempts: int) -> None:
    post.queue()
    with start(post, server, point) as sender:
        assert sender.stdout is not None
        assert sender.stdout.readline() == "here\n"
        sender.kill()
    assert sender.returncode == -signal.SIGKILL

    assert post.send().claimed == 0  # its lease holds
    post.end_leases()
    while post.send().claimed:
        pass

    assert server.message_ids == arrivals * [post.one("message_id")[0]]
    assert [taken.recipients for taken in server.taken] == arrivals * [[COACH]]
    assert post.one("state, attempts, lease_token, error") == ("sent", attempts, None, None)


@pytest.mark.parametrize("taken_over", [True, False])
def test_a_sender_killed_while_the_server_has_the_message(post: Office, server: Server, taken_over: bool) -> None:
    post.queue(sessions=2)
    senders: list[subprocess.Popen[str]] = []

    def kill(taken: Taken) -> str | None:
        while not senders:
            time.sleep(0.001)
        os.kill(senders[0].pid, signal.SIGKILL)
        return None if taken_over else "451 not now"  # which nobody hears

    server.answer_data = kill
    with start(post, server, "after DATA") as sender:
        senders.append(sender)
    assert sender.returncode == -signal.SIGKILL
    server.answer_data = lambda taken: None
    assert len(server.taken) == taken_over

    post.end_leases()
    assert post.send().sent == 2
    told = server.message_ids
    assert len(told) == 2 + taken_over
    assert set(told) == {row[0] for row in post.mails("message_id")}
    assert set(post.mails("state, attempts")) == {("sent", 2)}
