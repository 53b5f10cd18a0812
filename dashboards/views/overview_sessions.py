"""The sessions of the next hours that call for somebody to act, as rows that lead to them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from markupsafe import Markup

from dashboards.formats import format_count
from dashboards.views.risk import RISKS
from dashboards.views.tiles import Tile
from scoring.attention import HOURS, Attention, RiskySession

AT_RISK: Final = f"sessions?{urlencode({'risk': 'high', 'days': HOURS // 24})}"
UNHANDLED: Final = f"{AT_RISK}&{urlencode({'handled': 'no'})}"


def attention_tile(attention: Attention) -> Tile:
    """How many sessions nobody handled yet."""
    whole = f"of {format_count(attention.high)} at high risk in {HOURS} hours"
    if attention.unhandled:
        return Tile("Sessions to handle", format_count(attention.unhandled), whole, UNHANDLED, "warning", "bad")
    note = f"all {format_count(attention.high)} at high risk are handled" if attention.high else "none at high risk"
    if not attention.unpredicted:
        return Tile("Sessions to handle", "0", note, UNHANDLED, "check_circle", "good")
    predicted = attention.ahead - attention.unpredicted
    missing = f"{format_count(attention.unpredicted)} not predicted yet"
    if not predicted:
        return Tile("Sessions to handle", "–", missing, UNHANDLED, "warning", "warn")
    if not attention.high:
        note = f"none of the {format_count(predicted)} predicted"
    return Tile("Sessions to handle", "0", f"{note}; {missing}", UNHANDLED, "warning", "warn")


def render_attention(attention: Attention, zone: str, now: datetime) -> Markup:
    """The likeliest sessions that nobody handled, with the way to the first of them; else that there is none."""
    if not attention.unhandled:
        return _render_nothing(attention)
    rows = Markup("").join(_render_row(session, zone, now) for session in attention.likeliest)
    first = f"{UNHANDLED}&{urlencode({'session': attention.likeliest[0].id})}"
    return Markup(
        "<section><ol class=rows>{rows}</ol><footer><a class=go href='{next}'>Next not yet handled"
        "<span class=icon aria-hidden=true>arrow_forward</span></a>"
        "<a href='{unhandled}'>All {count} to handle</a><a href='{risky}'>All {high} at high risk</a>"
        "</footer></section>"
    ).format(
        rows=rows,
        next=first,
        unhandled=UNHANDLED,
        risky=AT_RISK,
        count=format_count(attention.unhandled),
        high=format_count(attention.high),
    )


def format_day(moment: datetime, zone: str, now: datetime) -> str:
    """The local time as people say it: "Today, 14:05", "Tomorrow, 09:00", "Tue 1 Dec, 09:00"."""
    local, today = moment.astimezone(ZoneInfo(zone)), now.astimezone(ZoneInfo(zone)).date()
    days = {today: "Today", today + timedelta(days=1): "Tomorrow"}
    return f"{days.get(local.date(), f'{local:%a} {local.day} {local:%b}')}, {local:%H:%M}"


def _render_row(session: RiskySession, zone: str, now: datetime) -> Markup:
    word, icon, tone = RISKS["high"]
    return Markup(
        "<li><a href='sessions?session={id}'><span class=who><b>{tutor}</b><small>with {student}</small></span>"
        "<span class=when>{when}</span><span class='flag {tone}'><span class=icon aria-hidden=true>{icon}</span>"
        "<span class=heard>{word} risk, </span>{percent:.0f}%</span></a></li>"
    ).format(
        id=quote(str(session.id)),
        tutor=session.tutor,
        student=session.student,
        when=format_day(session.scheduled_time, zone, now),
        tone=tone,
        icon=icon,
        word=word,
        percent=100 * session.probability,
    )


def _render_nothing(attention: Attention) -> Markup:
    ahead = f"{format_count(attention.ahead)} {'session' if attention.ahead == 1 else 'sessions'}"
    if attention.unpredicted:
        return _render_missing(attention, ahead)
    if attention.high:
        title, said = "All done", f"Every one of the {format_count(attention.high)} sessions at high risk is handled."
    elif not attention.ahead:
        title, said = "A quiet time", f"No session is booked for the next {HOURS} hours."
    else:
        title, said = "Nothing needs you today", f"None of the {ahead} of the next {HOURS} hours is at high risk."
    return Markup(
        "<section class='nothing good'><span class=icon aria-hidden=true>task_alt</span><h3>{}</h3><p>{}</p>"
        "<p><a href=sessions>Sessions ahead</a></p></section>"
    ).format(title, said)


def _render_missing(attention: Attention, ahead: str) -> Markup:
    """None is left to handle as far as is known: it is not known of all."""
    predicted, missing = attention.ahead - attention.unpredicted, format_count(attention.unpredicted)
    if not predicted:
        title, known = "No predictions yet", f"{ahead} of the next {HOURS} hours have none."
    else:
        title = "Not all are predicted yet"
        known = f"None of the {format_count(predicted)} predicted is at high risk"
        if attention.high:
            known = f"Every one of the {format_count(attention.high)} sessions known to be at high risk is handled"
        known = f"{known}; {missing} of the {ahead} of the next {HOURS} hours have no prediction."
    return Markup(
        "<section class=nothing><span class=icon aria-hidden=true>query_stats</span><h3>{}</h3>"
        "<p>{} Make them: <code>tqs score</code></p><p><a href=sessions>Sessions ahead</a></p></section>"
    ).format(title, known)
