"""From the queue to a real server: each mail once, whatever the server answers; what became of it is recorded."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr
from sqlalchemy import insert, text

from records.locking import run_alone
from records.tables import email_reports, interventions
from reports.contents import Notice
from reports.outbox import MOST_ATTEMPTS, claim_mails, pause_after, record_delayed, record_failed, record_sent
from reports.queueing import queue_notice
from tests.reports.conftest import COACH, Office
from tests.reports.smtp_server import Server, Taken
from tests.scoring.conftest import NOW, days_ago

LEAD = "lead@example.com"
PAUSE = "extract(epoch FROM not_before - now())::float8"


def test_reports_go_over_one_connection_and_are_recorded(post: Office, server: Server) -> None:
    post.queue(COACH, LEAD, sessions=3)

    report = post.send()

    assert (report.claimed, report.sent, report.delayed, report.failed, report.trouble) == (6, 6, 0, 0, None)
    assert [(taken.connection, taken.recipients) for taken in server.taken] == [(1, [COACH, LEAD])] * 3
    assert len(set(server.message_ids)) == 3
    assert post.mails("state, attempts, error, lease_token, leased_until") == [("sent", 1, None, None, None)] * 6
    assert post.mails("id", "sent_at IS NULL OR sent_at > now()") == []
    told = {(str(taken.message["Message-ID"]), str(taken.message["Subject"])) for taken in server.taken}
    assert set(post.mails("message_id, subject")) == told
    assert str(server.taken[0].message["From"]) == "Tutor Quality <reports@example.com>"
    assert post.send().claimed == 0
    assert len(server.taken) == 3


def test_without_a_server_mails_are_files(office: Office) -> None:
    office.queue(COACH, LEAD, sessions=2)
    assert office.send().sent == 4
    files = sorted((office.settings.home / "mail").iterdir())
    assert len(files) == 2
    assert all(b"To: coach@example.com, lead@example.com\r\n" in file.read_bytes() for file in files)


def test_a_refusal_for_now_is_tried_again_later_with_the_same_message_id(post: Office, server: Server) -> None:
    post.queue()
    ids = []

    def refuse(taken: Taken) -> str:
        ids.append(str(taken.message["Message-ID"]))
        return "451 4.3.0 <coach@example.com> try again"

    server.answer_data = refuse
    for attempt, (least, most) in enumerate([(45, 75), (90, 150), (180, 300)], 1):
        report = post.send()
        assert (report.delayed, report.failed, report.sent) == (1, 0, 0)
        state, attempts, error, pause = post.one(f"state, attempts, error, {PAUSE}")
        assert (state, attempts, error) == ("pending", attempt, "451 4.3.0 (address) try again")
        assert least - 2 < pause < most
        assert post.send().claimed == 0
        post.forget_pauses()
    server.answer_data = lambda taken: None

    assert post.send().sent == 1
    assert post.one("state, attempts, error") == ("sent", 4, None)
    assert {*ids, *server.message_ids} == {post.one("message_id")[0]}


def test_pauses_double_up_to_a_quarter_of_an_hour() -> None:
    for attempts, minutes in ((1, 1), (2, 2), (3, 4), (4, 8), (5, 15), (6, 15), (2_000, 15)):
        spread = [pause_after(attempts) / 60 for _ in range(200)]
        assert 0.75 * minutes <= min(spread) < 0.85 * minutes
        assert 1.15 * minutes < max(spread) <= 1.25 * minutes


def test_a_refusal_for_good_is_final_and_harms_no_neighbour(post: Office, server: Server) -> None:
    good, bad, other = (post.queue(recipient)[0] for recipient in (COACH, "gone@example.com", LEAD))
    server.answer_recipient = {"gone@example.com": "550 5.1.1 no such user"}.get

    report = post.send()

    assert (report.sent, report.failed, report.trouble) == (2, 1, None)
    assert post.one("state, attempts, error, sent_at", f"session_id = '{bad}'") == (
        "failed", 1, "550 5.1.1 no such user", None
    )  # fmt: skip
    assert dict(post.mails("session_id, state", "state = 'sent'")) == {good: "sent", other: "sent"}
    post.forget_pauses()
    assert post.send().claimed == 0


def test_of_a_partial_refusal_only_those_refused_get_it_again(post: Office, server: Server) -> None:
    post.queue(COACH, LEAD, "gone@example.com")
    server.answer_recipient = {LEAD: "450 full", "gone@example.com": "550 no such user"}.get
    report = post.send()
    assert (report.sent, report.delayed, report.failed) == (1, 1, 1)
    server.answer_recipient = lambda recipient: None
    post.forget_pauses()

    assert post.send().sent == 1

    assert [taken.recipients for taken in server.taken] == [[COACH], [LEAD]]
    assert len(set(server.message_ids)) == 1
    assert post.mails("recipient, state, attempts") == [
        (COACH, "sent", 1), ("gone@example.com", "failed", 1), (LEAD, "sent", 2)
    ]  # fmt: skip


@pytest.mark.parametrize("way", ["hangs", "drops"])
def test_a_server_that_breaks_off_after_the_data_gets_the_same_message_again(
    post: Office, server: Server, way: str
) -> None:
    post.change(smtp_url=SecretStr(f"{server.url}?timeout=0.3"))
    post.queue()

    def take_and_break_off(taken: Taken) -> Any:
        server.taken.append(taken)  # it has the message, which nobody will ever learn
        if way == "drops":
            server.drop()
        return asyncio.sleep(20)

    server.answer_data = take_and_break_off
    report = post.send()
    assert (report.delayed, report.sent, report.failed) == (1, 0, 0)
    assert report.trouble in ("the mail server did not answer in time", "the mail server closed the connection")
    assert post.one("state, attempts, error") == ("pending", 1, report.trouble)
    server.answer_data = lambda taken: None
    post.forget_pauses()

    assert post.send().sent == 1
    assert server.message_ids == 2 * [post.one("message_id")[0]]


def test_a_server_that_is_away_costs_no_mail_anything(post: Office, server: Server) -> None:
    post.change(smtp_url=SecretStr("smtp://127.0.0.1:1?timeout=1"))
    post.queue(sessions=5)

    report = post.send()

    assert (report.claimed, report.sent, report.failed, report.delayed) == (5, 0, 0, 2)
    assert report.trouble == "the mail server cannot be reached (Connection refused)"
    assert sorted(post.mails("attempts, lease_token")) == [(0, None)] * 3 + [(1, None)] * 2
    assert post.mails("id", "not_before < now() + interval '40 seconds'") == []  # and it is left alone for a while
    post.change(smtp_url=SecretStr(server.url))
    post.forget_pauses()
    assert post.send().sent == 5
    assert len(set(server.message_ids)) == len(server.taken) == 5


def test_nothing_is_held_in_the_database_while_the_server_is_talked_to(post: Office, server: Server) -> None:
    seen = []

    def look(taken: Taken) -> None:
        with post.engine.connect() as connection:
            rows = connection.execute(
                text(
                    "SELECT state FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
            seen.extend(rows.scalars())
            connection.execute(text("SELECT FROM email_reports FOR UPDATE NOWAIT"))

    server.answer_data = look
    post.queue(sessions=2)
    assert post.send().sent == 2
    assert set(seen) <= {"idle"}


def test_two_senders_at_once_send_each_mail_once(post: Office, server: Server) -> None:
    post.change(report_cap=1_000)
    post.queue(COACH, LEAD, sessions=60)
    start = threading.Barrier(3)

    def send(_: int) -> int:
        start.wait()
        sent = 0
        while (report := post.send()).claimed:
            sent += report.sent
        return sent

    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(send, range(3))) == 120

    told = Counter((str(taken.message["Message-ID"]), one) for taken in server.taken for one in taken.recipients)
    assert len(told) == 120
    assert set(told.values()) == {1}
    assert set(post.mails("state, attempts")) == {("sent", 1)}


def test_a_claim_waits_for_the_other_one_so_that_the_cap_holds(office: Office) -> None:
    office.queue()
    waits = text(
        "SELECT count(*) FROM pg_locks JOIN pg_database d ON d.oid = database "
        "WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted"
    )
    with ThreadPoolExecutor(1) as pool, office.engine.connect() as other:
        run_alone(other, "claim mails")
        sending = pool.submit(office.send)
        while not sending.done() and other.scalar(waits) == 0:
            pass
        assert not sending.done()
        other.rollback()
        assert sending.result().sent == 1


def test_who_lost_its_lease_neither_sends_nor_records(post: Office, server: Server) -> None:
    post.queue()
    slow = claim_mails(post.engine, mode="each", cap=30, timezone="UTC", now=NOW)
    assert claim_mails(post.engine, mode="each", cap=30, timezone="UTC", now=NOW).mails == []
    post.end_leases()
    quick = claim_mails(post.engine, mode="each", cap=30, timezone="UTC", now=NOW)

    assert record_sent(post.engine, slow, slow.mails, "x") == 0
    assert record_failed(post.engine, slow, slow.mails, "x") == 0
    assert record_delayed(post.engine, slow, slow.mails, "x") == 0
    assert post.one("state, error") == ("pending", None)
    assert record_sent(post.engine, quick, quick.mails, "told") == 1
    assert record_failed(post.engine, quick, quick.mails, "x") == 0
    assert post.one("state, subject, attempts") == ("sent", "told", 2)


def test_a_mail_that_was_taken_over_meanwhile_is_left_alone(post: Office, server: Server) -> None:
    post.queue(sessions=2)

    def take_over(taken: Taken) -> None:  # while the first is handed over
        if not server.taken:
            post.records.execute("UPDATE email_reports SET lease_token = gen_random_uuid()")

    server.answer_data = take_over
    report = post.send()
    assert (report.claimed, report.sent, len(server.taken)) == (2, 0, 1)
    assert post.mails("state") == [("pending",)] * 2


def test_a_sender_that_is_told_to_stop_gives_the_others_back(post: Office, server: Server) -> None:
    post.queue(sessions=3)
    report = post.send(stop=lambda: len(server.taken) == 1)
    assert (report.claimed, report.sent) == (3, 1)
    assert post.mails("attempts, leased_until", "state = 'pending'") == [(0, None)] * 2
    assert post.send().sent == 2


def test_after_many_attempts_a_mail_is_given_up(post: Office, server: Server) -> None:
    post.queue()
    post.records.execute(f"UPDATE email_reports SET attempts = {MOST_ATTEMPTS - 1}")
    server.answer_data = lambda taken: "451 later"
    report = post.send()
    assert (report.failed, report.delayed) == (1, 0)
    assert post.one("state, attempts, error") == ("failed", MOST_ATTEMPTS, "451 later")


def test_a_mail_that_cannot_be_written_harms_no_neighbour(
    post: Office, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    good, bad, worse = post.queue(sessions=3)
    for session, facts in ((bad, """jsonb_set(facts, '{after,total_sessions_30d}', '"Ada"')"""), (worse, "'{}'")):
        post.records.execute(f"UPDATE email_reports SET facts = {facts} WHERE session_id = '{session}'")
    report = post.send()
    assert (report.sent, report.failed) == (1, 2)
    errors = dict(post.mails("session_id, error", "state = 'failed'"))
    assert errors == {
        bad: "it could not be put into words (ValueError)",
        worse: "the figures kept with it cannot be read (KeyError)",
    }
    assert "Ada" not in caplog.text
    assert post.one("state", f"session_id = '{good}'") == ("sent",)


def remind(office: Office, session: UUID, recipient: str = "ada@example.com") -> None:
    """As scoring.interventions queues a reminder."""
    with office.engine.begin() as connection:
        tutor = connection.scalar(text(f"SELECT tutor_id FROM sessions WHERE id = '{session}'"))
        key = connection.scalar(
            insert(interventions)
            .values(session_id=session, tutor_id=tutor, kind="reminder", actor="tests")
            .returning(interventions.c.id)
        )
        connection.execute(
            insert(email_reports).values(
                kind="reminder",
                session_id=session,
                intervention_id=key,
                recipient=recipient,
                subject="Reminder: your session on Thursday",
                message_id=f"<reminder.{key}@tqs.invalid>",
            )
        )


def test_a_reminder_goes_to_the_tutor(post: Office, server: Server) -> None:
    session = UUID(post.records.session(post.records.tutor(1), NOW + timedelta(days=1), "scheduled"))
    remind(post, session)
    assert post.send().sent == 1
    [taken] = server.taken
    assert (taken.recipients, taken.message["Subject"]) == (["ada@example.com"], "Reminder: your session on Thursday")
    body = taken.message.get_body(("plain",))
    assert body is not None
    assert "Thursday, 12 March 2026, 12:00 (UTC)" in body.get_content()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("UPDATE sessions SET status = 'rescheduled'", "the session is rescheduled by now"),
        (f"UPDATE sessions SET scheduled_time = '{NOW}'", "the session has begun by now"),
        ("UPDATE tutors SET is_active = false", "the tutor is not active any more"),
        (
            "INSERT INTO tutors (id, name, source) VALUES (gen_random_uuid(), 'Bob', 'import'); "
            "UPDATE sessions SET tutor_id = (SELECT id FROM tutors WHERE name = 'Bob')",
            "the session has another tutor by now",
        ),
        ("UPDATE email_reports SET recipient = 'Ada'", "the recipient is no e-mail address"),
        ("UPDATE email_reports SET recipient = E'a@x.org\\r\\nBcc: b@x.org'", "the recipient is no e-mail address"),
    ],
)
def test_a_reminder_that_nobody_should_get_any_more(post: Office, server: Server, change: str, reason: str) -> None:
    remind(post, UUID(post.records.session(post.records.tutor(1), NOW + timedelta(days=1), "scheduled")))
    post.records.execute(change)
    assert post.send().failed == 1
    state, error = post.one("state, error")
    assert state == "failed"
    assert error.startswith(reason)
    assert server.taken == []


def test_a_notice_goes_before_the_reports(post: Office, server: Server) -> None:
    post.queue(sessions=2)
    with post.engine.begin() as connection:
        told = Notice("sessions", "sessions wait", 3, days_ago(1), (), "Look at them.")
        queue_notice(connection, told, recipients=["operator@example.com"], now=NOW)
    post.records.execute("UPDATE email_reports SET not_before = now() - interval '1 minute' WHERE kind <> 'notice'")
    assert post.send().sent == 3
    assert str(server.taken[0].message["Subject"]) == "Needs a look: 3 sessions wait"
    assert server.taken[0].recipients == ["operator@example.com"]


def test_a_session_that_is_gone_takes_its_mail_with_it(post: Office, server: Server) -> None:
    post.change(report_mode="hourly")
    [session] = post.queue()
    post.records.execute(f"UPDATE email_reports SET created_at = '{days_ago(0.1)}'")
    post.send(days_ago(0.09))
    post.records.execute(f"DELETE FROM sessions WHERE id = '{session}'")
    assert post.send().failed == 1
    assert post.mails("kind, error") == [("digest", "what it is about is not stored any more")]


def test_addresses_beyond_ascii_are_a_transaction_of_their_own(post: Office, server: Server) -> None:
    post.queue(COACH, "jürgen@example.com")
    assert post.send().sent == 2
    assert sorted(taken.recipients for taken in server.taken) == [[COACH], ["jürgen@example.com"]]
    assert len(set(server.message_ids)) == 1
