"""How often sessions are moved and missed: of late against before, and a small picture week by week."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from math import ceil
from typing import Final
from zoneinfo import ZoneInfo

from markupsafe import Markup

from dashboards.components.data_table import Tone
from dashboards.formats import NOTHING, format_count, format_percent
from dashboards.views.tiles import Tile
from scoring.rate_trend import DAYS, Change, RateTrend, Week

LEAST_TOP_PERCENT: Final = 10
STEP_PERCENT: Final = 5
UNTOLD_SHARE: Final = 0.05  # of the sessions that are over: above it the rates are too high, and it is said
_TARGETS: Final = ("reschedule", "no_show")
LINES: Final = (("moved", "Moved or cancelled"), ("missed", "No-show"))


def trend_tiles(trend: RateTrend | None) -> list[Tile]:
    """Both rates of the last days, and whether they changed."""
    titles = (f"Moved or cancelled, {DAYS} days", f"No-shows, {DAYS} days")
    if trend is None:
        return [Tile(title, NOTHING, "being counted") for title in titles]
    return [
        Tile(title, format_share(change.now), describe_change(change), f"models?target={target}", *mark_change(change))
        for title, change, target in zip(titles, (trend.rescheduled, trend.no_shows), _TARGETS, strict=True)
    ]


def format_share(share: float | None) -> str:
    """0.1234 → "12.3%"."""
    return format_percent(None if share is None else 100 * share)


def describe_change(change: Change) -> str:
    """The difference in points, only as far as chance does not explain it."""
    if change.difference is None:
        if change.now is None:
            before = "" if change.before is None else f", {format_share(change.before)} in the {DAYS} before"
            return f"no session in {DAYS} days{before}"
        return f"nothing known of the {DAYS} days before"
    points = f"{abs(100 * change.difference):.1f} points"
    side = "up" if change.difference > 0 else "down"
    if change.low is None or change.high is None:
        return f"{side} {points}, by too few tutors to tell it from chance"
    if change.low <= 0 <= change.high:
        return f"no clear change from {format_share(change.before)}"
    return f"{side} {points} from {format_share(change.before)}"


def describe_interval(change: Change) -> tuple[str, str]:
    """The difference, and what chance leaves open: "−1.7 points" and "−3.2 to −0.2"; each may be empty."""
    if change.difference is None:
        return NOTHING, ""
    if change.low is None or change.high is None:
        return f"{_signed(change.difference)} points", ""
    return f"{_signed(change.difference)} points", f"{_signed(change.low)} to {_signed(change.high)}"


def mark_change(change: Change) -> tuple[str, Tone]:
    """Icon and tone: a rate that clearly rises is bad, one that clearly falls is good."""
    if change.low is not None and change.low > 0:
        return "trending_up", "bad"
    if change.high is not None and change.high < 0:
        return "trending_down", "good"
    return "trending_flat", "quiet"


def render_trend(trend: RateTrend, zone: str) -> Markup:
    """Both rates week by week as a picture and as a table, and the last days against those before."""
    return Markup("<section>{picture}{legend}{changes}{untold}{table}</section>").format(
        picture=_render_picture(trend.weeks, zone),
        legend=Markup("<p class=legend>{}</p>").format(
            Markup(" ").join(Markup("<span class={}><i></i>{}</span>").format(key, name) for key, name in LINES)
        ),
        changes=_render_changes(trend),
        untold=_render_untold(trend),
        table=_render_table(trend.weeks, zone),
    )


def _render_picture(weeks: Sequence[Week], zone: str) -> Markup:
    rates = {
        "moved": [_percent(week.rescheduled, week) for week in weeks],
        "missed": [_percent(week.no_shows, week) for week in weeks],
    }
    known = [rate for line in rates.values() for rate in line if rate is not None]
    top = max(LEAST_TOP_PERCENT, STEP_PERCENT * ceil(max(known, default=0) / STEP_PERCENT))
    lines = Markup("").join(
        Markup("<path class={} d='{}'/>").format(key, _trace(line, top)) for key, line in rates.items()
    )
    columns = Markup("").join(_render_column(place, week, len(weeks), top, zone) for place, week in enumerate(weeks))
    ends = _format_date(weeks[0].end, zone), _format_date(weeks[-1].end, zone)
    return Markup(
        "<figure><div class=picture><span class=top>{top}%</span><span class=zero>0%</span><div class=plot>"
        "<svg role=img aria-label='{words}' viewBox='0 0 100 100' preserveAspectRatio=none>{lines}</svg>"
        "<div class=columns aria-hidden=true>{columns}</div></div></div>"
        "<figcaption><span>Week to {first}</span><span>to {last}</span></figcaption></figure>"
    ).format(top=top, words=_describe(rates, ends), lines=lines, columns=columns, first=ends[0], last=ends[1])


def _trace(line: Sequence[float | None], top: float) -> str:
    """A path through the middles of equal columns of a box of 100 by 100, with gaps where nothing is known."""
    path, pen = [], "M"
    for place, rate in enumerate(line):
        if rate is not None:
            path.append(f"{pen}{100 * (place + 0.5) / len(line):.2f} {100 - 100 * rate / top:.2f}")
        pen = "M" if rate is None else "L"
    return " ".join(path)


def _render_column(place: int, week: Week, weeks: int, top: float, zone: str) -> Markup:
    moved, missed = _percent(week.rescheduled, week), _percent(week.no_shows, week)
    dots = Markup("").join(
        Markup("<i class={} style='bottom:{:.1f}%'></i>").format(key, 100 * rate / top)
        for key, rate in (("moved", moved), ("missed", missed))
        if rate is not None
    )
    return Markup(
        "<span class='column{side}'>{dots}<span class=tip><b>Week to {end}</b>{moved} moved or cancelled<br>"
        "{missed} no-show<br>{sessions} sessions</span></span>"
    ).format(
        side=" late" if place >= weeks / 2 else "",
        dots=dots,
        end=_format_date(week.end, zone),
        moved=format_percent(moved),
        missed=format_percent(missed),
        sessions=format_count(week.sessions),
    )


def _describe(rates: dict[str, list[float | None]], ends: tuple[str, str]) -> str:
    said = []
    for key, name in LINES:
        known = [rate for rate in rates[key] if rate is not None]
        if known:
            said.append(
                f"{name}: {known[0]:.1f}% at first, {known[-1]:.1f}% at last, between {min(known):.1f}% "
                f"and {max(known):.1f}%"
            )
    return f"Rates by week, from the week to {ends[0]} to that to {ends[1]}. {'. '.join(said) or 'No sessions'}."


def _render_changes(trend: RateTrend) -> Markup:
    rows = Markup("").join(
        Markup("<tr{}><th scope=row>{}</th><td>{}</td><td>{}<small>{}</small></td></tr>").format(
            Markup(" class=part") if part else "", name, format_share(change.now), *describe_interval(change)
        )
        for name, change, part in (
            ("Moved or cancelled", trend.rescheduled, False),
            ("by tutors", trend.by_tutors, True),
            ("by students", trend.by_students, True),
            ("No-shows", trend.no_shows, False),
        )
    )
    return Markup(
        "<table class=changes><thead><tr><td></td><th scope=col>{days} days</th>"
        "<th scope=col>against the {days} before</th></tr></thead><tbody>{rows}</tbody></table>"
        "<p class=small>Of {sessions} sessions with a known outcome; {before} before. Small: where the difference "
        "lies with 95% confidence.</p>"
    ).format(days=DAYS, rows=rows, sessions=format_count(trend.sessions), before=format_count(trend.sessions_before))


def _render_untold(trend: RateTrend) -> Markup:
    if trend.untold <= UNTOLD_SHARE * (trend.untold + trend.sessions):
        return Markup("")
    return Markup(
        "<p class=small><span class='icon warn' aria-hidden=true>info</span>{} sessions that are over have no outcome "
        "yet, so the rates look higher than they are.</p>"
    ).format(format_count(trend.untold))


def _render_table(weeks: Sequence[Week], zone: str) -> Markup:
    rows = Markup("").join(
        Markup("<tr><th scope=row>{}</th><td>{}</td><td>{}</td><td>{}</td></tr>").format(
            _format_date(week.end, zone),
            format_percent(_percent(week.rescheduled, week)),
            format_percent(_percent(week.no_shows, week)),
            format_count(week.sessions),
        )
        for week in reversed(weeks)
    )
    return Markup(
        "<details><summary>The weeks as a table</summary><table><thead><tr><th scope=col>Week to</th>"
        "<th scope=col>Moved</th><th scope=col>No-show</th><th scope=col>Sessions</th></tr></thead>"
        "<tbody>{}</tbody></table></details>"
    ).format(rows)


def _percent(events: int, week: Week) -> float | None:
    return 100 * events / week.sessions if week.sessions else None


def _signed(fraction: float) -> str:
    points = round(100 * fraction, 1)
    sign = "+" if points > 0 else "−" if points < 0 else ""
    return f"{sign}{abs(points):.1f}"


def _format_date(moment: datetime, zone: str) -> str:
    local = moment.astimezone(ZoneInfo(zone))
    return f"{local.day} {local:%b}"
