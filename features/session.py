"""What a session's own booking says: when it is, how far ahead, how long, and how long ago it was booked."""

from __future__ import annotations

from typing import Final

import numpy as np

from features.catalogue import features_of
from features.timezones import local_times
from records.columns import DAY_US, HOUR_US, MISSING, Float64, Int64

_DEFAULTS: Final = {feature.name: feature.default for feature in features_of("reschedule")}
DEFAULT_DURATION_MINUTES: Final = _DEFAULTS["session_duration_minutes"]

# Category of each local hour: morning 5–12, afternoon 12–17, evening 17–22, night else.
_TIME_OF_DAY: Final = (3,) * 5 + (0,) * 7 + (1,) * 5 + (2,) * 5 + (3,) * 2


def session_columns(
    scheduled: Int64, booked: Int64, duration: Float64, as_of: Int64, timezone: str
) -> dict[str, Float64]:
    """The features of time and lead, each (n,).

    Parameters
    ----------
    scheduled, booked, as_of
        (n,) µs; `booked` is MISSING where nobody told.
    duration
        (n,) booked length in minutes; NaN where unknown counts as 60.
    timezone
        IANA name of the zone in which weekday and hour are read.
    """
    local = local_times(scheduled, timezone)
    day = (local // DAY_US + 3) % 7  # 1970-01-01 was a Thursday
    hour = local % DAY_US // HOUR_US
    ahead = np.maximum(scheduled - as_of, 0)
    told = booked != MISSING
    since = np.maximum(as_of - np.where(told, booked, as_of), 0)
    return {
        "day_of_week": day.astype(np.float64),
        "hour_of_day": hour.astype(np.float64),
        "time_of_day_category": np.array(_TIME_OF_DAY, dtype=np.float64)[hour],
        "is_weekend": (day >= 5).astype(np.float64),
        "days_until_session": ahead / DAY_US,
        "hours_until_session": ahead / HOUR_US,
        "session_duration_minutes": np.where(np.isfinite(duration), duration, DEFAULT_DURATION_MINUTES),
        "hours_since_booked": np.where(told, since / HOUR_US, _DEFAULTS["hours_since_booked"]),
    }
