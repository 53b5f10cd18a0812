"""How figures and times are written on every page."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

NOTHING: Final = "–"


def format_percent(percent: float | None) -> str:
    """12.345 → "12.3%"; None → "–"."""
    return NOTHING if percent is None else f"{percent:.1f}%"


def format_count(count: int | None) -> str:
    """12345 → "12,345"; None → "–"."""
    return NOTHING if count is None else f"{count:,}"


def format_points(fraction: float | None) -> str:
    """A difference of fractions in percentage points with its sign: 0.042 → "+4.2 pp", −0.042 → "−4.2 pp"."""
    if fraction is None:
        return NOTHING
    points = round(100 * fraction, 1)
    sign = "+" if points > 0 else "−" if points < 0 else ""
    return f"{sign}{abs(points):.1f} pp"


def format_time(moment: datetime, zone: str, *, seconds: bool = False) -> str:
    """The local time with its zone: "21 Nov 2026, 14:05 CET"."""
    local = moment.astimezone(ZoneInfo(zone))
    clock = f"{local:%H:%M:%S}" if seconds else f"{local:%H:%M}"
    return f"{local.day} {local:%b %Y}, {clock} {local:%Z}"


def format_day(moment: datetime, zone: str) -> str:
    """The local day: "21 Nov 2026"."""
    local = moment.astimezone(ZoneInfo(zone))
    return f"{local.day} {local:%b %Y}"


def format_short_time(moment: datetime, zone: str) -> str:
    """The local time where the zone is named beside it: "Sat 21 Nov 2026, 14:05"."""
    local = moment.astimezone(ZoneInfo(zone))
    return f"{local:%a} {local.day} {local:%b %Y}, {local:%H:%M}"


def tell_side(value: float, low: float, high: float) -> str:
    """Where a value stands beside an interval: "lower", "higher", or "" within it."""
    return "lower" if value < low else "higher" if value > high else ""
