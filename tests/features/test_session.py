import numpy as np
import pytest

from features.session import session_columns
from records.columns import MINUTE_US, MISSING
from tests.features.histories import DAY, HOUR, at


def features_of_session(scheduled, as_of=None, booked=MISSING, duration=60.0, timezone="UTC"):
    as_of = scheduled - DAY if as_of is None else as_of
    columns = session_columns(
        np.array([scheduled]), np.array([booked]), np.array([duration]), np.array([as_of]), timezone
    )
    return {name: column[0] for name, column in columns.items()}


@pytest.mark.parametrize(
    ("hour", "category"),
    [(0, 3), (4, 3), (5, 0), (11, 0), (12, 1), (16, 1), (17, 2), (21, 2), (22, 3), (23, 3)],
)
def test_parts_of_the_day(hour, category):
    features = features_of_session(at("2026-05-04 00:00") + hour * HOUR + 59 * MINUTE_US)
    assert (features["hour_of_day"], features["time_of_day_category"]) == (hour, category)


@pytest.mark.parametrize(
    ("day", "weekday", "weekend"),
    [("2026-05-04", 0, 0), ("2026-05-08", 4, 0), ("2026-05-09", 5, 1), ("2026-05-10", 6, 1), ("1969-12-29", 0, 0)],
)
def test_weekdays_begin_on_monday(day, weekday, weekend):
    features = features_of_session(at(f"{day} 23:59"))
    assert (features["day_of_week"], features["is_weekend"]) == (weekday, weekend)


@pytest.mark.parametrize(
    ("utc", "timezone", "weekday", "hour"),
    [
        ("2026-03-29 00:59", "Europe/Berlin", 6, 1),  # the hour before summer time begins
        ("2026-03-29 01:00", "Europe/Berlin", 6, 3),
        ("2026-10-25 00:30", "Europe/Berlin", 6, 2),  # half past two, for the first time
        ("2026-10-25 01:30", "Europe/Berlin", 6, 2),  # and again
        ("2026-05-04 03:30", "America/New_York", 6, 23),  # still Sunday there
        ("2026-05-10 20:00", "Asia/Kolkata", 0, 1),  # Monday already, at half past one
        ("2026-04-04 14:59", "Australia/Lord_Howe", 6, 1),  # a shift by half an hour
        ("2026-04-04 15:00", "Australia/Lord_Howe", 6, 1),
    ],
)
def test_weekday_and_hour_are_local(utc, timezone, weekday, hour):
    features = features_of_session(at(utc), timezone=timezone)
    assert (features["day_of_week"], features["hour_of_day"]) == (weekday, hour)


def test_lead_times():
    scheduled = at("2026-05-04 12:00")
    features = features_of_session(scheduled, as_of=scheduled - 36 * HOUR, booked=scheduled - 100 * HOUR)
    assert features["hours_until_session"] == 36
    assert features["days_until_session"] == 1.5
    assert features["hours_since_booked"] == 64


def test_what_is_unknown_or_out_of_order_keeps_to_the_defaults():
    scheduled = at("2026-05-04 12:00")
    for duration in (np.nan, np.inf):
        features = features_of_session(scheduled, as_of=scheduled + HOUR, duration=duration)
        assert features["session_duration_minutes"] == 60
        assert features["hours_since_booked"] == -1
        assert features["hours_until_session"] == features["days_until_session"] == 0
    assert features_of_session(scheduled, as_of=scheduled - HOUR, booked=scheduled)["hours_since_booked"] == 0
