"""A tutor's history by hand, weeks where the clocks change among them."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine

from bentos.routers.tutors import TutorHistory
from scoring.tutor_reschedules import list_reschedules, select_history
from tests.answers import fetch_answer
from tests.scoring.conftest import NOW, Records, days_ago

BERLIN = "Europe/Berlin"


def ask(engine: Engine, tutor: str, *, now: datetime = NOW, days: int = 90, limit: int = 100, zone: str = "UTC") -> Any:
    sql = select_history(f"timestamptz '{now.isoformat()}'")
    body = fetch_answer(engine, sql, uuid.UUID(tutor), days, limit, zone)
    return TutorHistory.model_validate_json(body or b"", strict=True)


def weeks(history: TutorHistory) -> dict[date, float]:
    return {week.week: week.rate for week in history.trend.reschedule_rate_by_week}


def test_weeks_by_hand(engine: Engine, records: Records) -> None:
    ada, bob = records.tutor(1), records.tutor(2)
    monday = datetime(2026, 3, 2, tzinfo=UTC)
    records.session(ada, monday)  # the week's first moment
    records.session(ada, monday + timedelta(days=6, hours=23, minutes=59), "rescheduled")  # and its last minute
    records.session(ada, monday + timedelta(days=2), "rescheduled", initiator="student")
    records.session(ada, monday - timedelta(minutes=1), "no_show")  # the Sunday before
    records.session(ada, datetime(2026, 3, 9, 9, tzinfo=UTC), "rescheduled")  # this week
    records.session(bob, monday, "rescheduled")

    history = ask(engine, ada)

    expected = {date(2026, 2, 23): 0.0, date(2026, 3, 2): 100 / 3, date(2026, 3, 9): 100.0}
    assert weeks(history) == pytest.approx(expected)
    assert list(weeks(history)) == sorted(expected)  # and no week without a session


def test_a_session_counts_once_its_time_has_come_and_its_outcome_is_known(engine: Engine, records: Records) -> None:
    ada = records.tutor(1)
    records.session(ada, days_ago(1), "rescheduled")
    records.session(ada, days_ago(2))
    records.session(ada, days_ago(0.02))  # 29 minutes ago: it lasts an hour, so how it ends is not known
    records.session(ada, days_ago(-1), "rescheduled", cancelled_at=days_ago(2))  # ahead
    records.session(ada, days_ago(1.5), "scheduled")
    records.session(ada, days_ago(1.2), outcome_recorded_at=days_ago(-1))  # told tomorrow

    assert weeks(ask(engine, ada)) == {date(2026, 3, 9): 50.0}  # the first two


def test_the_first_week_is_whole(engine: Engine, records: Records) -> None:
    """NOW is a Wednesday noon; a day before it is Tuesday, whose week began on Monday."""
    ada = records.tutor(1)
    records.session(ada, datetime(2026, 3, 9, 0, tzinfo=UTC))
    records.session(ada, datetime(2026, 3, 11, 8, tzinfo=UTC), "rescheduled")
    records.session(ada, datetime(2026, 3, 8, 23, tzinfo=UTC), "rescheduled")

    assert weeks(ask(engine, ada, days=1)) == {date(2026, 3, 9): 50.0}
    assert weeks(ask(engine, ada, days=3)) == {date(2026, 3, 2): 100.0, date(2026, 3, 9): 50.0}


def test_weeks_begin_at_local_midnight_before_and_after_the_clocks_go_forward(engine: Engine, records: Records) -> None:
    """In Berlin 2026 clocks go forward on Sunday 29 March: that week has 167 hours."""
    ada = records.tutor(1)
    zone = ZoneInfo(BERLIN)
    first, last = datetime(2026, 3, 23, tzinfo=zone), datetime(2026, 3, 29, 23, 59, tzinfo=zone)
    assert (first.astimezone(UTC).hour, last.astimezone(UTC).hour) == (23, 21)  # 22 March; UTC+1, then UTC+2
    records.session(ada, first)
    records.session(ada, last, "rescheduled")
    records.session(ada, first - timedelta(minutes=1))  # 23:59 of Sunday the 22nd
    records.session(ada, datetime(2026, 3, 30, tzinfo=zone), "rescheduled")  # 22:00 of the 29th in UTC

    now = datetime(2026, 4, 1, tzinfo=UTC)
    assert weeks(ask(engine, ada, now=now, zone=BERLIN)) == {
        date(2026, 3, 16): 0.0,
        date(2026, 3, 23): 50.0,
        date(2026, 3, 30): 100.0,
    }
    assert weeks(ask(engine, ada, now=now)) == pytest.approx({date(2026, 3, 16): 0.0, date(2026, 3, 23): 100.0})


def test_the_week_in_which_the_clocks_go_back_has_one_hour_more(engine: Engine, records: Records) -> None:
    """In Berlin 2025 02:30 of Sunday 26 October comes twice; Monday the 27th begins at 23:00 UTC."""
    ada = records.tutor(1)
    zone = ZoneInfo(BERLIN)
    for fold in (0, 1):
        twice = datetime(2025, 10, 26, 2, 30, tzinfo=zone, fold=fold)
        records.session(ada, twice.astimezone(UTC), "rescheduled")
    records.session(ada, datetime(2025, 10, 26, 22, 59, tzinfo=UTC))
    records.session(ada, datetime(2025, 10, 26, 23, 0, tzinfo=UTC))

    now = datetime(2025, 11, 5, tzinfo=UTC)
    expected = {date(2025, 10, 20): 200 / 3, date(2025, 10, 27): 0.0}
    assert weeks(ask(engine, ada, now=now, zone=BERLIN)) == pytest.approx(expected)


def test_the_first_week_starts_on_its_local_monday(engine: Engine, records: Records) -> None:
    """Kiritimati is 14 hours ahead: 4 March 12:00 UTC is Thursday there, and its week began on Sunday 1 March 10:00."""
    ada = records.tutor(1)
    records.session(ada, datetime(2026, 3, 1, 10, tzinfo=UTC))
    records.session(ada, datetime(2026, 3, 1, 9, 59, tzinfo=UTC), "rescheduled")

    assert weeks(ask(engine, ada, days=7, zone="Pacific/Kiritimati")) == {date(2026, 3, 2): 0.0}


def test_reschedules_newest_first_with_their_notice(engine: Engine, records: Records) -> None:
    ada, bob = records.tutor(1), records.tutor(2)
    ahead = records.session(ada, days_ago(-3), "rescheduled", cancelled_at=days_ago(1))
    late = records.session(ada, days_ago(4), "rescheduled", cancelled_at=days_ago(3.75), initiator="student")
    unknown = records.session(ada, days_ago(5), "rescheduled")
    early = records.session(ada, days_ago(2), "rescheduled", cancelled_at=days_ago(12.5))
    records.session(ada, days_ago(91), "rescheduled")
    records.session(ada, days_ago(1))
    records.session(bob, days_ago(1), "rescheduled")
    records.execute(f"UPDATE reschedules SET cancelled_at = NULL WHERE session_id = '{unknown}'")

    found = ask(engine, ada).reschedules

    assert [str(event.session_id) for event in found] == [ahead, late, unknown, early]
    assert [event.hours_before_session for event in found] == [96.0, -6.0, None, 252.0]
    assert [event.initiator for event in found] == ["tutor", "student", "tutor", "tutor"]
    assert (found[0].original_time, found[0].cancelled_at, found[0].new_time) == (days_ago(-3), days_ago(1), None)
    assert [str(event.session_id) for event in ask(engine, ada, limit=2).reschedules] == [ahead, late]


def test_what_was_told_of_a_reschedule_is_answered_as_it_is(engine: Engine, records: Records) -> None:
    ada = records.tutor(1)
    records.session(ada, days_ago(2), "rescheduled", cancelled_at=days_ago(2) - timedelta(minutes=90))
    records.execute(
        "UPDATE reschedules SET reason = 'so \"ill\"\n–', reason_code = 'ILL',"
        " new_time = original_time + interval '1 day'"
    )

    (event,) = ask(engine, ada).reschedules

    assert (event.reason, event.reason_code, event.new_time) == ('so "ill"\n–', "ILL", days_ago(1))
    assert event.hours_before_session == 1.5


def test_a_tutor_without_sessions_has_an_empty_history(engine: Engine, records: Records) -> None:
    history = ask(engine, records.tutor(1, active=False))

    assert history.model_dump() == {"reschedules": [], "trend": {"reschedule_rate_by_week": []}}


def test_nobody_has_no_history(engine: Engine) -> None:
    assert fetch_answer(engine, select_history(), uuid.uuid4(), 90, 100, "UTC") is None


def test_a_page_of_reschedules_with_their_notice(engine: Engine, records: Records) -> None:
    ada, bob = records.tutor(1), records.tutor(2)
    early = records.session(ada, days_ago(3), "rescheduled", cancelled_at=days_ago(6))  # 72 hours
    late = records.session(ada, days_ago(9), "rescheduled", initiator="student", cancelled_at=days_ago(8.5))
    silent = records.session(ada, days_ago(20), "rescheduled")
    ahead = records.session(ada, days_ago(-4), "rescheduled", cancelled_at=days_ago(1))
    records.session(ada, days_ago(1))
    records.session(bob, days_ago(2), "rescheduled")
    records.execute(f"UPDATE reschedules SET cancelled_at = NULL WHERE session_id = '{silent}'")
    moved = (NOW + timedelta(days=5)).isoformat()
    records.execute(f"UPDATE reschedules SET new_time = '{moved}', reason = 'ill' WHERE session_id = '{ahead}'")

    page = list_reschedules(engine, uuid.UUID(ada), limit=3)

    # by when they were called off: 1, 6 and 8.5 days ago, then the one that was to be 20 days ago
    assert [str(one.session_id) for one in page.reschedules] == [ahead, early, late]
    assert [one.notice_hours for one in page.reschedules] == [120.0, 72.0, -12.0]
    assert [one.initiator for one in page.reschedules] == ["tutor", "tutor", "student"]
    assert (page.reschedules[0].new_time, page.reschedules[0].reason) == (NOW + timedelta(days=5), "ill")
    assert page.reschedules[1].new_time is None
    assert page.total == 4
    (last,) = list_reschedules(engine, uuid.UUID(ada), limit=3, offset=3).reschedules
    assert (str(last.session_id), last.notice_hours) == (silent, None)
    assert list_reschedules(engine, uuid.uuid4(), limit=3).total == 0
