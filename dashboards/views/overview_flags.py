"""Tutors whose flag is new since a week ago, and those whose flag was lifted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from markupsafe import Markup

from dashboards.formats import format_count, format_percent
from dashboards.views.tiles import Tile
from features.catalogue_tutor import HIGH_RISK_PERCENT
from scoring.flag_changes import DAYS, FlagChange, FlagChanges
from scoring.shrinkage import FEW_SESSIONS

FLAGGED: Final = "tutors?risk=high_risk"
NEWLY: Final = "tutors?risk=newly_flagged"
FIRST, SHOWN, FIRST_CLEARED = 5, 50, 12


def flags_tile(flags: FlagChanges | None) -> Tile:
    """How many flags are new."""
    title = "Newly flagged tutors"
    if flags is None:
        return Tile(title, "–", "being counted")
    note = f"{format_count(flags.flagged)} flagged in all"
    if flags.newly:
        return Tile(title, format_count(len(flags.newly)), note, NEWLY, "flag", "warn")
    return Tile(title, "0", note, FLAGGED, "check_circle", "good")


def render_flags(flags: FlagChanges) -> Markup:
    """Those whose rate went above the threshold, with their rates, and in a line those who came back below it."""
    if flags.newly:
        rows = _render_rows(flags.newly[:FIRST])
    else:
        rows = Markup(
            "<p class=calm><span class='icon good' aria-hidden=true>task_alt</span>"
            "No tutor went above {}% within {} days.</p>"
        ).format(HIGH_RISK_PERCENT, DAYS)
    rest = Markup("<a href='{}'>All {} flagged tutors</a>").format(FLAGGED, format_count(flags.flagged))
    return Markup("<section>{}{}{}<footer>{}</footer></section>").format(
        rows, _render_others(flags), _render_cleared(flags), rest if flags.flagged else ""
    )


def _render_rows(tutors: Sequence[FlagChange]) -> Markup:
    return Markup("<ol class=rows>{}</ol>").format(Markup("").join(_render_row(one) for one in tutors))


def _render_others(flags: FlagChanges) -> Markup:
    others, left = flags.newly[FIRST:SHOWN], len(flags.newly) - SHOWN
    if not others:
        return Markup("")
    rest = Markup("<p><a href='{}'>and {} more</a></p>").format(NEWLY, format_count(left)) if left > 0 else ""
    return Markup("<details class=others><summary>{} more</summary>{}{}</details>").format(
        format_count(len(flags.newly) - FIRST), _render_rows(others), rest
    )


def _render_row(tutor: FlagChange) -> Markup:
    few = " · few sessions" if tutor.sessions < FEW_SESSIONS else ""
    return Markup(
        "<li><a href='{link}'><span class=who><b>{name}</b><small>{made_of}{few}</small></span>"
        "<span class=when>from {before}</span><span class='flag bad'><span class=icon aria-hidden=true>warning</span>"
        "<span class=heard>now </span>{rate}</span></a></li>"
    ).format(
        link=_link(tutor),
        name=tutor.name,
        made_of=f"{tutor.reschedules} of {tutor.sessions} sessions moved",
        few=few,
        before=format_percent(tutor.rate_before) if tutor.rate_before is not None else "no sessions",
        rate=format_percent(tutor.rate),
    )


def _render_cleared(flags: FlagChanges) -> Markup:
    if not flags.cleared:
        return Markup("")
    names = Markup(", ").join(
        Markup("<a href='{}'>{}</a>").format(_link(tutor), tutor.name) for tutor in flags.cleared[:FIRST_CLEARED]
    )
    more = len(flags.cleared) - FIRST_CLEARED
    return Markup(
        "<p class=calm><span class='icon good' aria-hidden=true>trending_down</span>Good news: back below {}%: {}{}</p>"
    ).format(HIGH_RISK_PERCENT, names, f" and {format_count(more)} more." if more > 0 else ".")


def _link(tutor: FlagChange) -> str:
    return f"tutor?id={quote(str(tutor.id))}"
