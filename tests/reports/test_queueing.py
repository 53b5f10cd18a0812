"""What is queued of a processed session: once for each recipient, with the figures before and after."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine

from reports.contents import Notice, SessionReport
from reports.queueing import queue_notice, queue_session_reports, read_figures
from reports.reading import read_contents
from tests.reports.conftest import COACH, Office, json_figures
from tests.reports.letters import figures
from tests.scoring.conftest import NOW, days_ago


def test_the_figures_before_and_after_by_hand(office: Office) -> None:
    tutor = office.records.tutor(1)
    office.process(*(office.session(tutor, days) for days in (1, 2, 3, 10, 40)))  # none rescheduled
    moved = office.session(tutor, 0.5, "rescheduled", cancelled_at=days_ago(0.6))

    assert office.process(moved) == 1

    subject, facts, state, attempts = office.one("subject, facts, state, attempts", f"session_id = '{moved}'")
    assert json_figures(facts["before"]) == figures((0, 3), (0, 4), (0, 5))
    assert json_figures(facts["after"]) == figures((1, 4), (1, 5), (1, 6))
    assert subject == (
        "High risk now: tutor 1 – session cancelled by the tutor, Wednesday, 11 March 2026, 00:00"
    )  # 1 of 5 are 20%
    assert (state, attempts) == ("pending", 0)


def test_the_first_score_has_nothing_before(office: Office) -> None:
    office.queue()
    [facts] = office.one("facts")
    assert facts["before"] is None
    assert json_figures(facts["after"]) == figures((0, 1), (0, 1), (0, 1))


def test_processing_twice_queues_once_for_each_recipient(office: Office) -> None:
    tutor = office.records.tutor(1)
    sessions = [office.session(tutor) for _ in range(3)]
    assert office.process(*sessions, recipients=(COACH, "lead@example.com")) == 6
    before = office.mails("*")

    assert office.process(*sessions, recipients=(COACH, "lead@example.com")) == 0
    assert office.process(sessions[0], sessions[0], recipients=(COACH,)) == 0
    assert office.mails("*") == before
    assert {row[0] for row in office.mails("message_id")} == {
        f"<session.{session.hex}.completed@tqs.invalid>" for session in sessions
    }


def test_without_recipients_or_sessions_nothing_is_queued(office: Office) -> None:
    session = office.session(office.records.tutor(1))
    assert office.process(session, recipients=()) == office.process() == office.process(uuid4()) == 0
    assert office.mails("id") == []


def test_only_outcomes_that_somebody_waits_for_are_reported(office: Office) -> None:
    tutor = office.records.tutor(1)
    week = 7 + 1 / 24  # a session is known to be held when it is over, after an hour
    told = {
        "long ago, but told just now": office.session(tutor, 40),
        "imported within the week": office.session(tutor, week, source="import", outcome_recorded_at=None),
    }
    kept = [
        office.session(tutor, -1, "scheduled", outcome_recorded_at=None),
        office.session(tutor, 1, source="world"),
        office.session(tutor, week + 0.1, source="import", outcome_recorded_at=None),
    ]
    office.records.execute("UPDATE sessions SET duration_minutes = 59 WHERE source = 'import'")

    office.process(*told.values(), *kept)
    at_the_edge = office.mails("session_id", "session_id IN (SELECT id FROM sessions WHERE source = 'import')")
    assert at_the_edge == []  # 59 minutes: known a minute more than a week ago
    office.records.execute("UPDATE sessions SET duration_minutes = 61 WHERE source = 'import'")
    office.process(*told.values(), *kept)

    assert {row[0] for row in office.mails("session_id")} == set(told.values())


def test_an_outcome_is_reported_once_it_is_known(office: Office) -> None:
    session = office.session(office.records.tutor(1), 0.5, "scheduled")
    assert office.process(session) == 0
    office.records.execute("UPDATE sessions SET status = 'no_show'")
    assert office.process(session) == 1
    assert office.one("subject")[0] == "No-show: tutor 1, Wednesday, 11 March 2026, 00:00"


def test_what_fails_with_the_processor_is_not_queued(office: Office, engine: Engine) -> None:
    session = office.session(office.records.tutor(1))
    with pytest.raises(ZeroDivisionError), engine.begin() as connection:  # noqa: PT012
        assert queue_session_reports(connection, [session], {}, recipients=[COACH], timezone="UTC", now=NOW) == 1
        raise ZeroDivisionError
    assert office.mails("id") == []


def test_a_report_says_what_was_when_it_was_queued(office: Office, engine: Engine) -> None:
    tutor = office.records.tutor(1)
    office.process(office.session(tutor, 2, "rescheduled"))
    [mail] = office.one("id")
    office.process(*(office.session(tutor, days) for days in (1, 2)), recipients=())

    with engine.connect() as connection:
        content = read_contents(connection, [mail], NOW)[mail]
        assert read_figures(connection, [UUID(tutor)]) == {UUID(tutor): figures((1, 3), (1, 3), (1, 3))}
    assert isinstance(content, SessionReport)
    assert content.after == figures((1, 1), (1, 1), (1, 1))
    assert content.processed_at == NOW
    assert content.move is not None
    assert content.move.cancelled_at == days_ago(2) - timedelta(hours=5)


NOTICE = Notice("sessions", "sessions wait", 3, days_ago(1), (("DataError", 3),), "Look at them.")


def test_a_notice_is_queued_once_a_topic_and_day(office: Office, engine: Engine) -> None:
    def queue(notice: Notice, days: int = 0) -> int:
        with engine.begin() as connection:
            return queue_notice(connection, notice, recipients=["a@x.org", "b@x.org"], now=NOW + timedelta(days=days))

    other = Notice("mails", "mails wait", 1, NOW, (), "Look.")
    assert [queue(NOTICE), queue(NOTICE), queue(other), queue(NOTICE, days=1)] == [2, 0, 2, 2]
    [[mail], *_] = office.mails("id", "message_id = '<notice.sessions.20260311@tqs.invalid>'")
    with engine.connect() as connection:
        assert read_contents(connection, [mail], NOW)[mail] == NOTICE
