from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.timezones import local_times
from records.columns import SECOND_US
from tests.features.histories import at
from tqs.errors import SettingsError

ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Amman")


def shown_by_zoneinfo(time, timezone):
    shown = datetime.fromtimestamp(time // SECOND_US, ZoneInfo(timezone)).replace(tzinfo=UTC)
    return round(shown.timestamp()) * SECOND_US


@given(
    st.lists(st.integers(at("2000-01-01 00:00") // SECOND_US, at("2037-12-31 23:59") // SECOND_US), min_size=1),
    st.sampled_from(ZONES),
)
def test_equals_zoneinfo_at_any_second(seconds, timezone):
    times = np.array(seconds) * SECOND_US
    expected = [shown_by_zoneinfo(time, timezone) for time in times.tolist()]
    assert local_times(times, timezone).tolist() == expected


@pytest.mark.parametrize("timezone", ZONES)
def test_equals_zoneinfo_in_every_quarter_of_an_hour_of_two_years(timezone):
    times = np.arange(at("2025-01-01 00:00"), at("2027-01-01 00:00"), 900 * SECOND_US)
    expected = [shown_by_zoneinfo(time, timezone) for time in times.tolist()]
    assert local_times(times, timezone).tolist() == expected


def test_the_clock_moves_at_the_very_microsecond():
    change = at("2026-03-29 01:00")
    shift = local_times(np.array([change - 1, change]), "Europe/Berlin") - np.array([change - 1, change])
    assert (shift // SECOND_US).tolist() == [3600, 7200]


def test_utc_and_no_times_at_all():
    times = np.array([1, 2])
    assert local_times(times, "UTC").tolist() == [1, 2]
    assert local_times(times[:0], "Europe/Berlin").tolist() == []


@pytest.mark.parametrize("name", ["Europe/Atlantis", "", "../etc/passwd", "Europe"])
def test_an_unknown_zone_is_named(name):
    with pytest.raises(SettingsError, match="no time zone is called"):
        local_times(np.array([0]), name)
