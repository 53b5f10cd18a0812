"""Reports that go out together: by the hour, by the day, or above the cap; none is lost and none is told twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from reports.contents import Outcomes
from reports.digests import find_period
from reports.reading import MOST_TUTORS, read_contents
from tests.reports.conftest import COACH, Office
from tests.reports.smtp_server import Server
from tests.scoring.conftest import NOW  # 12:00 UTC

HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("mode", "zone", "now", "start", "end"),
    [
        ("hourly", "UTC", "2026-03-11T12:59:59.9", "2026-03-11T12:00", "2026-03-11T13:00"),
        ("hourly", "UTC", "2026-03-11T12:00", "2026-03-11T12:00", "2026-03-11T13:00"),
        ("hourly", "Asia/Kolkata", "2026-03-11T12:10", "2026-03-11T11:30", "2026-03-11T12:30"),  # 17:40 there
        ("daily", "UTC", "2026-03-11T12:00", "2026-03-11T00:00", "2026-03-12T00:00"),
        ("daily", "Europe/Berlin", "2026-03-11T23:30", "2026-03-11T23:00", "2026-03-12T23:00"),
        ("daily", "Europe/Berlin", "2026-03-29T12:00", "2026-03-28T23:00", "2026-03-29T22:00"),  # 23 hours long
        ("daily", "Europe/Berlin", "2026-10-25T12:00", "2026-10-24T22:00", "2026-10-25T23:00"),  # 25 hours long
        ("hourly", "Europe/Berlin", "2026-10-25T01:30", "2026-10-25T01:00", "2026-10-25T02:00"),  # the second 02:30
    ],
)
def test_periods(mode: str, zone: str, now: str, start: str, end: str) -> None:
    moments = [datetime.fromisoformat(moment).replace(tzinfo=UTC) for moment in (now, start, end)]
    assert find_period(mode, zone, moments[0]) == (moments[1], moments[2])  # type: ignore[arg-type]


def age(office: Office, hours: float) -> None:
    """Make the mails as old as if they had been queued so long before NOW."""
    office.records.execute(
        f"""
        UPDATE email_reports m SET created_at = '{NOW - timedelta(hours=hours)}'::timestamptz + place * interval '1 ms'
        FROM (SELECT id, dense_rank() OVER (ORDER BY created_at) AS place FROM email_reports) o
        WHERE o.id = m.id AND kind = 'session_report'
        """
    )


def test_by_the_hour_many_sessions_are_one_mail_to_each_recipient(post: Office, server: Server) -> None:
    post.change(report_mode="hourly")
    post.queue(COACH, "lead@example.com", sessions=5)
    age(post, 0)

    assert (post.send(NOW).claimed, server.taken) == (0, [])
    assert post.send(NOW + HOUR - timedelta(seconds=1)).claimed == 0
    assert post.send(NOW + HOUR).sent == 2
    assert post.send(NOW + 2 * HOUR).claimed == 0

    assert [taken.recipients for taken in server.taken] in (
        [[COACH], ["lead@example.com"]], [["lead@example.com"], [COACH]]
    )  # fmt: skip
    assert {str(taken.message["Subject"]) for taken in server.taken} == {
        "5 sessions: Wednesday, 11 March 2026, up to 13:00"
    }
    assert len(set(server.message_ids)) == 2  # what they say may differ, so they are two
    assert set(post.mails("state")) == {("sent",)}
    assert post.mails("count(*)", "sent_at IS NULL GROUP BY created_at, recipient, message_id") == []


def test_by_the_day_they_go_out_after_the_local_midnight(post: Office, server: Server) -> None:
    post.change(report_mode="daily", timezone="Europe/Berlin")
    post.queue(sessions=3)
    age(post, 0)
    assert post.send(NOW).claimed == 0
    assert post.send(NOW + 11 * HOUR).sent == 1  # 23:00 UTC
    assert str(server.taken[0].message["Subject"]) == "3 sessions: Wednesday, 11 March 2026"


def test_reports_from_before_the_hour_go_out_at_once_in_one_mail(post: Office, server: Server) -> None:
    post.change(report_mode="hourly")
    for hours in (5, 3, 0.5):  # nobody sent for hours
        post.queue(sessions=2)
        post.records.execute(
            f"UPDATE email_reports SET created_at = '{NOW - timedelta(hours=hours)}' WHERE created_at > '{NOW + HOUR}'"
        )
    assert post.send(NOW + timedelta(minutes=5)).sent == 1
    assert str(server.taken[0].message["Subject"]).startswith("6 sessions: Wednesday, 11 March 2026, up to 12:00")


def test_a_report_too_late_for_the_last_digest_goes_into_the_next(post: Office, server: Server) -> None:
    post.change(report_mode="hourly")
    post.queue()
    age(post, 0.5)
    server.answer_data = lambda taken: "451 later"
    assert post.send(NOW).delayed == 1
    post.queue()
    age(post, 0.5)
    server.answer_data = lambda taken: None
    post.forget_pauses()

    assert post.send(NOW).sent == 1
    assert post.send(NOW + HOUR).sent == 1
    told = [str(taken.message["Subject"]) for taken in server.taken]
    assert told == [f"1 session: Wednesday, 11 March 2026, up to {hour}:00" for hour in (12, 13)]


def test_above_the_cap_the_rest_goes_into_the_digest_of_the_hour(post: Office, server: Server) -> None:
    post.change(report_cap=3)
    post.queue(COACH, "lead@example.com", sessions=5)
    age(post, 0)
    assert post.send(NOW).sent == 6  # three each
    assert sorted(taken.recipients for taken in server.taken) == [[COACH, "lead@example.com"]] * 3
    post.queue(sessions=2)  # the cap is used up
    age(post, 0)
    post.records.execute(f"UPDATE email_reports SET sent_at = '{NOW}' WHERE state = 'sent'")
    assert post.send(NOW + timedelta(minutes=59)).sent == 0

    assert post.send(NOW + HOUR).sent == 2

    digests = {taken.recipients[0]: str(taken.message["Subject"]) for taken in server.taken[3:]}
    assert digests[COACH].startswith("4 sessions: ")
    assert digests["lead@example.com"].startswith("2 sessions: ")
    assert set(post.mails("state")) == {("sent",)}
    post.queue()  # a new hour, a new cap
    post.records.execute(f"UPDATE email_reports SET created_at = '{NOW + HOUR}' WHERE state = 'pending'")
    assert post.send(NOW + HOUR).sent == 1
    assert str(server.taken[-1].message["Subject"]).startswith("Session held: ")


def test_reminders_notices_and_retries_are_outside_the_cap_and_a_retry_counts(post: Office, server: Server) -> None:
    post.change(report_cap=1)
    post.queue()
    age(post, 0)
    server.answer_data = lambda taken: "451 later"
    assert post.send(NOW).delayed == 1
    server.answer_data = lambda taken: None
    post.queue()
    age(post, 0)
    assert post.send(NOW).claimed == 0  # the one that waits for its next attempt uses up the cap
    post.forget_pauses()
    assert post.send(NOW).sent == 1  # and is a mail of its own, since it may have arrived
    assert post.mails("kind, state", "digest_id IS NULL") == [("session_report", "sent"), ("digest", "pending")]


def test_the_cap_holds_for_each_hour_after_a_long_night(post: Office, server: Server) -> None:
    post.change(report_cap=2)
    post.queue(sessions=6)
    age(post, 9)
    assert post.send(NOW).sent == 3
    assert sorted(str(taken.message["Subject"])[:12] for taken in server.taken) == [
        "4 sessions: ", "Session held", "Session held"
    ]  # fmt: skip


def test_a_digest_that_fails_takes_its_reports_with_it(post: Office, server: Server) -> None:
    post.change(report_mode="hourly")
    post.queue(sessions=2)
    age(post, 0.5)
    server.answer_recipient = lambda recipient: "550 no such user"
    assert post.send(NOW).failed == 1
    assert set(post.mails("state, error")) == {("failed", "550 no such user")}


def test_what_a_digest_tells_of_its_tutors(office: Office) -> None:
    office.change(report_mode="hourly")
    flagged, calm, cleared = (office.records.tutor(number) for number in (1, 2, 3))
    office.process(office.session(cleared, 3, "rescheduled"), recipients=())
    office.process(
        office.session(calm), office.session(calm, 0.6, "rescheduled", initiator="student"), office.session(cleared),
    )  # fmt: skip
    office.process(*(office.session(cleared, 0.1 * day) for day in range(1, 7)))  # 1 of 8 are 12.5%
    office.process(office.session(flagged))
    office.process(office.session(flagged, 0.4, "rescheduled"), office.session(flagged, 0.3, "no_show"))
    age(office, 0.5)
    office.send(NOW - timedelta(minutes=20))
    [mail] = office.one("id", "kind = 'digest'")

    with office.engine.connect() as connection:
        digest = read_contents(connection, [mail], NOW)[mail]

    assert digest.outcomes == Outcomes(completed=9, no_show=1, by_tutor=1, by_student=1)  # type: ignore[union-attr]
    assert [one.tutor for one in digest.tutors] == ["tutor 1", "tutor 3", "tutor 2"]  # type: ignore[union-attr]
    first, second, third = digest.tutors  # type: ignore[union-attr]
    assert first.outcomes == Outcomes(1, 1, 1, 0)
    assert first.before is None
    assert (first.after.tutor_reschedules_30d, first.after.total_sessions_30d) == (1, 3)
    assert (second.before.total_sessions_30d, second.after.total_sessions_30d) == (1, 8)  # the first and the last
    assert third.outcomes == Outcomes(1, 0, 0, 1)
    assert (digest.newly_high_risk, digest.no_longer_high_risk) == (1, 1)  # type: ignore[union-attr]


def test_a_digest_of_many_tutors_shows_some_and_counts_the_others(office: Office, server: Server) -> None:
    office.change(report_mode="hourly")
    office.process(*(office.session(office.records.tutor(number)) for number in range(MOST_TUTORS + 4)))
    age(office, 0.5)
    assert office.send(NOW).sent == 1
    [file] = (office.settings.home / "mail").iterdir()
    assert "And 4 other tutors, on the dashboard." in file.read_text()
