"""How often someone may do something: refused keys by address, calls by key, counted over all workers of a machine."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from limits import RateLimitItem, RateLimitItemPerMinute, parse_many
from limits.strategies import MovingWindowRateLimiter

from bentos.windows import SharedWindows
from tqs.errors import SettingsError

REFUSALS: Final = RateLimitItemPerMinute(60)
MOST_CALLS: Final = 10**9
LONGEST_WINDOW_S: Final = 86_400


class Throttle:
    """At most so many in any window, for each who asks. Lives in one thread."""

    def __init__(self, path: Path, limit: RateLimitItem, clock: Callable[[], float] = time.time) -> None:
        self.limit = limit
        self._clock = clock
        self._windows = SharedWindows(path, limit.get_expiry(), clock)
        self._limiter = MovingWindowRateLimiter(self._windows)

    def take(self, who: str) -> int:
        """Count one more of `who`; 0 where that is within the limit, else in how many seconds one more will be."""
        return 0 if self._limiter.hit(self.limit, who) else self._wait(who)

    def close(self) -> None:
        """Let go of the file."""
        self._windows.close()

    def _wait(self, who: str) -> int:
        return max(1, math.ceil(self._limiter.get_window_stats(self.limit, who).reset_time - self._clock()))


def read_rate_limit(text: str | None) -> RateLimitItem | None:
    """The limit that TQS_RATE_LIMIT names, such as 600/minute; None where it names none.

    Raises
    ------
    SettingsError
        for anything else, or a limit that nobody could keep or count.
    """
    if text is None:
        return None
    try:
        (limit,) = parse_many(text)
    except ValueError:  # also where there are two
        limit = None
    if limit is None or not 1 <= limit.amount <= MOST_CALLS or limit.get_expiry() > LONGEST_WINDOW_S:
        raise SettingsError(
            f"TQS_RATE_LIMIT: {text[:100]!r} is no limit of calls for each key; write one like 600/minute "
            "(second, minute, hour or day), or leave it out for none"
        )
    return limit
