"""A tutor's sessions in tables: those ahead with their risk, and those that were moved or cancelled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

from markupsafe import Markup

from dashboards.formats import NOTHING, format_percent, format_short_time
from dashboards.views.risk import render_risk
from scoring.tutor_ahead import SessionAhead
from scoring.tutor_reschedules import Reschedule

SHORT_NOTICE_HOURS: Final = 24
WHO: Final = {"tutor": "Tutor", "student": "Student"}


def render_ahead(sessions: Sequence[SessionAhead], zone: str) -> Markup:
    """A row a session, with a link to where one acts on it."""
    rows = Markup("").join(
        Markup(
            "<tr><th scope=row><a href='sessions?session={id}'>{time}</a></th><td data-title=Student>{student}</td>"
            "<td class=number data-title=Probability>{probability}</td><td data-title=Risk>{risk}</td></tr>"
        ).format(
            id=quote(str(one.id)),
            time=format_short_time(one.scheduled_time, zone),
            student=one.student,
            probability=_render_share(one.probability),
            risk="not predicted yet" if one.risk_level is None else render_risk(one.risk_level),
        )
        for one in sessions
    )
    return Markup(
        '<table class=cards aria-label="Sessions ahead"><thead><tr><th scope=col>Time</th><th scope=col>Student</th>'
        "<th scope=col class=number>Probability</th><th scope=col>Risk</th></tr></thead><tbody>{}</tbody></table>"
    ).format(rows)


def render_reschedules(reschedules: Sequence[Reschedule], zone: str) -> Markup:
    """A row a reschedule: what was planned, what came of it, who wanted it and why, and how late."""
    rows = Markup("").join(
        Markup(
            "<tr><th scope=row>{planned}</th><td data-title='{to}'>{became}</td><td data-title=By>{who}</td>"
            "<td class=reason data-title=Reason>{reason}</td><td class=number data-title=Notice>{notice}</td></tr>"
        ).format(
            planned=format_short_time(one.original_time, zone),
            to="Moved to" if one.new_time else "",
            became=Markup("<span class=quiet>Cancelled</span>")
            if one.new_time is None
            else format_short_time(one.new_time, zone),
            who=WHO[one.initiator],
            reason=one.reason or (one.reason_code or NOTHING).replace("_", " "),
            notice=_render_notice(one.notice_hours),
        )
        for one in reschedules
    )
    return Markup(
        '<table class=cards aria-label="Reschedules"><thead><tr><th scope=col>Planned for</th>'
        "<th scope=col>Moved to</th><th scope=col>By</th><th scope=col>Reason</th>"
        "<th scope=col class=number>Notice</th></tr></thead><tbody>{}</tbody></table>"
    ).format(rows)


def _render_share(probability: float | None) -> Markup | str:
    if probability is None:
        return NOTHING
    return Markup('{}<span class=bar aria-hidden=true><span style="width:{:.1f}%"></span></span>').format(
        format_percent(100 * probability), 100 * probability
    )


def _render_notice(hours: float | None) -> Markup | str:
    if hours is None:
        return NOTHING
    if hours < 0:
        return Markup("<span class=bad>{:.1f} h</span><small>after the start</small>").format(-hours)
    if hours < SHORT_NOTICE_HOURS:
        return Markup("<span class=bad>{:.1f} h</span><small>less than a day</small>").format(hours)
    return f"{hours:,.0f} h"
