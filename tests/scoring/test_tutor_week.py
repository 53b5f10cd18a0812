from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Engine

from scoring.tutor_week import WeekHour, count_week_hours
from tests.scoring.conftest import NOW, Records, days_ago

BERLIN = "Europe/Berlin"


def test_hours_of_the_local_week_in_winter_and_in_summer(engine: Engine, records: Records) -> None:
    """Berlin is an hour ahead of UTC in winter and two in summer: 22:30 UTC is Monday 23:30, then Tuesday 00:30."""
    ada, other = records.tutor(1), records.tutor(2)
    winter, summer = datetime(2026, 2, 2, 22, 30, tzinfo=UTC), datetime(2026, 5, 4, 22, 30, tzinfo=UTC)
    assert {moment.weekday() for moment in (winter, summer)} == {0}
    assert [moment.astimezone(ZoneInfo(BERLIN)).hour for moment in (winter, summer)] == [23, 0]
    records.session(ada, winter, "rescheduled")
    records.session(ada, datetime(2026, 2, 9, 22, 45, tzinfo=UTC))  # the hour of a week later
    records.session(ada, summer, "rescheduled", initiator="student")
    records.session(other, winter)

    hours = count_week_hours(engine, UUID(ada), datetime(2026, 6, 1, tzinfo=UTC), BERLIN)

    assert hours == [WeekHour(0, 23, 2, 1), WeekHour(1, 0, 1, 0)]
    assert count_week_hours(engine, UUID(ada), datetime(2026, 6, 1, tzinfo=UTC), "UTC") == [WeekHour(0, 22, 3, 1)]


def test_only_what_was_known_of_the_last_days_counts(engine: Engine, records: Records) -> None:
    ada = records.tutor(1)
    records.session(ada, days_ago(179))  # Friday at noon, as NOW is 12:00 on a Wednesday
    records.session(ada, days_ago(180))  # as long ago as that: before the first moment that counts
    records.session(ada, days_ago(7), outcome_recorded_at=days_ago(-1))  # told tomorrow
    records.session(ada, days_ago(14), "scheduled")
    records.session(ada, days_ago(-7), "scheduled")

    assert count_week_hours(engine, UUID(ada), NOW, "UTC") == [WeekHour((2 - 179) % 7, 12, 1, 0)]
    assert count_week_hours(engine, UUID(ada), NOW, "UTC", days=100) == []
