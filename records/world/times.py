"""Times of the world: µs since 1970 UTC inside, timezone-aware timestamps in the frames."""

from __future__ import annotations

import numpy as np
import pandas as pd

from records.columns import DAY_US, HOUR_US, MINUTE_US, Float64, Int64

WEEKDAY_SHARES = (0.17, 0.18, 0.18, 0.17, 0.12, 0.11, 0.07)
HOUR_SHARES = {7: 3, 8: 5, 9: 5, 10: 5, 11: 4, 12: 4, 13: 5, 14: 7, 15: 11, 16: 13, 17: 13, 18: 11, 19: 8, 20: 4, 21: 2}
YEAR_DAYS = 365.25


def make_timestamps(times: Int64, missing: np.ndarray | None = None) -> pd.Series:
    """Timestamps (µs, UTC) of µs since 1970, NaT where `missing`."""
    values = times.astype("datetime64[us]")
    if missing is not None:
        values[missing] = np.datetime64("NaT")
    return pd.Series(values).dt.tz_localize("UTC")


def read_times(times: pd.Series) -> Int64:
    """µs since 1970 of timestamps (UTC) that are all there."""
    moments: Int64 = times.dt.tz_localize(None).to_numpy(dtype="datetime64[us]").astype(np.int64)
    return moments


def day_of_week(times: Int64) -> Int64:
    """0 = Monday; 1970-01-01 was a Thursday."""
    return (times // DAY_US + 3) % 7


def hour_of_day(times: Int64) -> Int64:
    """Hour 0-23, UTC."""
    return times % DAY_US // HOUR_US


def season(times: Int64) -> Float64:
    """Position in the year as a cosine: 1 in early January, -1 in early July."""
    return np.cos(2 * np.pi * (times / DAY_US % YEAR_DAYS) / YEAR_DAYS)


def draw_times_of_day(rng: np.random.Generator, count: int) -> Int64:
    """Starts of lessons in µs since midnight, on the quarter hour, most of them after school."""
    shares = np.array(list(HOUR_SHARES.values()), dtype=np.float64)
    hours = rng.choice(np.array(list(HOUR_SHARES)), count, p=shares / shares.sum())
    quarters = rng.choice(np.array([0, 15, 30, 45]), count, p=(0.55, 0.1, 0.25, 0.1))
    starts: Int64 = hours * HOUR_US + quarters * MINUTE_US
    return starts


def move_to_weekday(rng: np.random.Generator, days: Int64) -> Int64:
    """Midnights (µs) on or up to six days after `days`, spread over the week as lessons are."""
    wanted = rng.choice(np.arange(7), len(days), p=WEEKDAY_SHARES)
    return days + (wanted - day_of_week(days)) % 7 * DAY_US
