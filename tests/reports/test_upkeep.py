"""What the operator is told of mails that failed, and which are tried again."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from reports.contents import Notice
from reports.queueing import queue_notice
from reports.upkeep import notice_failed_mails, requeue_failed_mails
from tests.reports.conftest import COACH, Office
from tests.reports.smtp_server import Server
from tests.scoring.conftest import NOW, days_ago


def states(office: Office) -> Counter[str]:
    """Of the mails, reports that a digest tells not counted."""
    return Counter(state for (state,) in office.mails("state", "digest_id IS NULL"))


def requeue(office: Office) -> int:
    with office.engine.begin() as connection:
        return requeue_failed_mails(connection)


def notice(office: Office, now: datetime) -> Notice | None:
    with office.engine.connect() as connection:
        return notice_failed_mails(connection, now)


def test_mails_that_failed_are_counted_told_and_tried_again(post: Office, server: Server) -> None:
    post.queue(COACH, "gone@example.com", "moved@example.com", sessions=2)
    post.queue("full@example.com")
    answers = {"gone@example.com": "550 no such user", "moved@example.com": "550 no such user"}
    server.answer_recipient = {**answers, "full@example.com": "552 full"}.get
    assert states(post) == {"pending": 7}
    assert notice(post, datetime.now(UTC)) is None

    post.send()

    assert states(post) == {"failed": 5, "sent": 2}
    now = datetime.now(UTC)
    told = notice(post, now)
    assert told is not None
    assert (told.topic, told.count, told.what) == ("mails", 5, "mails could not be sent")
    assert told.errors == (("550 no such user", 4), ("552 full", 1))
    assert told.since == min(post.mails("updated_at", "state = 'failed'"))[0]
    assert notice(post, now + timedelta(days=1)) is None
    server.answer_recipient = lambda recipient: None
    assert requeue(post) == 5
    assert post.send().sent == 5
    assert states(post) == {"sent": 7}
    assert len(set(server.message_ids)) == 3


def test_a_digest_that_failed_is_one_mail_and_its_reports_come_with_it(post: Office, server: Server) -> None:
    post.change(report_mode="hourly")
    post.queue(sessions=3)
    post.records.execute(f"UPDATE email_reports SET created_at = '{days_ago(0.1)}'")
    server.answer_data = lambda taken: "554 spam"
    post.send()
    assert states(post) == {"failed": 1}
    server.answer_data = lambda taken: None
    assert requeue(post) == 1
    assert post.send().sent == 1
    assert set(post.mails("state, error")) == {("sent", None)}


def test_a_notice_that_failed_is_no_reason_for_another(post: Office, server: Server) -> None:
    told = Notice("mails", "mails wait", 1, NOW, (), "Look.")
    with post.engine.begin() as connection:
        queue_notice(connection, told, recipients=["operator@example.com"], now=NOW)
    server.answer_data = lambda taken: "554 spam"
    assert post.send().failed == 1
    assert notice(post, datetime.now(UTC)) is None
    assert requeue(post) == 0


def test_what_failed_more_than_a_week_ago_stays_failed(post: Office, server: Server) -> None:
    post.queue(COACH, "lead@example.com")
    server.answer_data = lambda taken: "554 spam"
    assert post.send().failed == 2
    for recipient, hours in ((COACH, 7 * 24 - 1), ("lead@example.com", 7 * 24 + 1)):
        post.records.execute(
            f"UPDATE email_reports SET updated_at = now() - interval '{hours} hours' WHERE recipient = '{recipient}'"
        )

    assert requeue(post) == 1
    assert set(post.mails("recipient, state")) == {(COACH, "pending"), ("lead@example.com", "failed")}
