"""How names, figures and times are written in mails."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

NOTHING: Final = "–"
LONGEST_NAME: Final = 80
LONGEST_TEXT: Final = 300
_JOINERS: Final = "\u200c\u200d"  # within words of Persian and of Indian languages
# Breaking and invisible: control characters, direction overrides, line and paragraph separators, private use.
_UNSEEN: Final = ("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp")
# What mail programs make a link of: example.com, https://, ann@example.com. Dots of "Dr. A. Smith" stay.
_LINKED: Final = re.compile(r"(?<=\w)([.:/@])(?=[\w/])|(?<=/)(/)(?=\w)")


def clean(text: str, longest: int = LONGEST_NAME) -> str:
    """`text` on one line, without what is not seen, cut after `longest` characters: fit for a header as it is."""
    seen = "".join(" " if _is_unseen(letter) else letter for letter in text)
    line = " ".join(seen.split())
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"


def make_inert(text: str, longest: int = LONGEST_NAME) -> str:
    """As `clean`, and nothing in it becomes a link of its own where a mail is read."""
    return _LINKED.sub("\\g<0>\u200b", clean(text, longest))


def _is_unseen(letter: str) -> bool:
    return unicodedata.category(letter) in _UNSEEN and letter not in _JOINERS


def write_percent(percent: float | None) -> str:
    """12.345 → "12.3%"; None → "–"."""
    return NOTHING if percent is None else f"{percent:.1f}%"


def write_change(before: float | None, after: float | None) -> str:
    """The difference of two percentages in points with its sign: "+4.2", "−0.3", "0.0"; "–" where one is None."""
    if before is None or after is None:
        return NOTHING
    points = round(after - before, 1)
    return f"{'+' if points > 0 else '−' if points < 0 else ''}{abs(points):.1f}"


def write_points(points: float) -> str:
    """A difference without its sign: "11.1 percentage points"."""
    return f"{abs(points):.1f} percentage points"


def write_count(count: int, one: str, many: str = "") -> str:
    """1 → "1 session", 1200 → "1,200 sessions"."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def write_time(moment: datetime, zone: str) -> str:
    """The local day and time: "Wednesday, 11 March 2026, 13:00". The zone is named once a mail, beside it or below."""
    return f"{write_day(moment, zone)}, {write_clock(moment, zone)}"


def write_day(moment: datetime, zone: str) -> str:
    """The local day: "Wednesday, 11 March 2026"."""
    local = moment.astimezone(ZoneInfo(zone))
    return f"{local:%A}, {local.day} {local:%B %Y}"


def write_clock(moment: datetime, zone: str) -> str:
    """The local time: "13:00"."""
    return f"{moment.astimezone(ZoneInfo(zone)):%H:%M}"


def write_span(span: timedelta) -> str:
    """A span rounded down: "less than a minute", "1 minute" to "119 minutes", "2 hours" to "47 hours", "2 days"."""
    minutes = int(abs(span).total_seconds() // 60)
    if minutes < 1:
        return "less than a minute"
    if minutes < 120:
        return write_count(minutes, "minute")
    return write_count(minutes // 60, "hour") if minutes < 48 * 60 else write_count(minutes // (24 * 60), "day")
