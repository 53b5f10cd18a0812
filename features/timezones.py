"""Local time for whole columns at once."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from records.columns import SECOND_US, Int64
from tqs.errors import SettingsError

_YEAR_US: Final = 31_556_952 * SECOND_US
_DAY_S: Final = 86_400


def local_times(times: Int64, timezone: str) -> Int64:
    """What the clocks of `timezone` (an IANA name) show at UTC times, as µs since 1970-01-01 00:00 on those clocks.

    Raises
    ------
    SettingsError
        If there is no such time zone.
    """
    if timezone == "UTC" or len(times) == 0:
        return times
    first_year = max(1970 + int(times.min()) // _YEAR_US - 1, 1)
    last_year = min(1970 + int(times.max()) // _YEAR_US + 1, 9998)
    moments, offsets = _offsets(timezone, first_year, last_year)
    return times + offsets[np.searchsorted(moments, times, side="right")]


@lru_cache(maxsize=256)
def _offsets(timezone: str, first_year: int, last_year: int) -> tuple[Int64, Int64]:
    """The moments at which the offset from UTC changes, and the offsets before, between and after them, µs.

    Found by comparing midnights and halving the days between which the offset differs.
    """
    try:
        zone = ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise SettingsError(f"no time zone is called {timezone!r}; use an IANA name such as Europe/Berlin") from error

    def offset_at(second: int) -> int:
        return int((zone.utcoffset(datetime.fromtimestamp(second, zone)) or timedelta()).total_seconds())

    start, end = (datetime(year, 1, 1).toordinal() - _EPOCH_ORDINAL for year in (first_year, last_year + 1))
    midnights = [day * _DAY_S for day in range(start, end + 1)]
    at_midnight = [offset_at(second) for second in midnights]
    moments, offsets = [], [at_midnight[0]]
    for i in range(len(midnights) - 1):
        if at_midnight[i] != at_midnight[i + 1]:
            before, after = midnights[i], midnights[i + 1]
            while after - before > 1:
                middle = (before + after) // 2
                before, after = (middle, after) if offset_at(middle) == at_midnight[i] else (before, middle)
            moments.append(after * SECOND_US)
            offsets.append(at_midnight[i + 1])
    return np.array(moments, dtype=np.int64), np.array(offsets, dtype=np.int64) * SECOND_US


_EPOCH_ORDINAL: Final = datetime(1970, 1, 1).toordinal()
