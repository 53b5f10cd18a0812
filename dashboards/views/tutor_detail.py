"""The chosen tutor in a few figures."""

from __future__ import annotations

from markupsafe import Markup

from dashboards.formats import format_count, format_percent
from dashboards.views.tutor_table import link_tutor, show_flag, show_trend
from features.catalogue_tutor import HIGH_RISK_PERCENT
from scoring.tutor_list import ListedTutor


def render_tutor(tutor: ListedTutor) -> Markup:
    """The tutor's name, flag, rates with their sessions, and trend, as HTML in which names are text."""
    rates = Markup("").join(
        _render_figure(
            f"{days} days",
            format_percent(rate),
            f"{format_count(sessions)} {'session' if sessions == 1 else 'sessions'}",
        )
        for days, rate, sessions in (
            (7, tutor.reschedule_rate_7d, tutor.total_sessions_7d),
            (30, tutor.reschedule_rate_30d, tutor.total_sessions_30d),
            (90, tutor.reschedule_rate_90d, tutor.total_sessions_90d),
        )
    )
    trend, flag = show_trend(tutor.reschedule_trend), show_flag(tutor)
    risk = flag["text"] if flag["tone"] == "quiet" else f"{flag['text']} risk"
    return Markup(
        "<section><header><div><h2>{name}</h2><p class=email>{email}</p></div>"
        '<span class="flag {tone}"><span class=icon aria-hidden=true>{icon}</span>{risk}</span></header>'
        '<dl>{rates}{trend}</dl><p class=more><a href="{link}">All about this tutor</a></p>'
        "<p class=caption>{caption}</p></section>"
    ).format(
        name=tutor.name,
        email=tutor.email or "",
        tone=flag["tone"],
        icon=flag["icon"],
        risk=risk,
        link=link_tutor(tutor.id),
        rates=rates,
        caption=f"Rate of 30 days by week; dashed: high risk, {HIGH_RISK_PERCENT}%",
        trend=_render_figure("Trend", trend["text"], "7 against 30 days", trend["tone"]),
    )


def _render_figure(title: str, figure: str, note: str, tone: str = "plain") -> Markup:
    return Markup('<div><dt>{}</dt><dd><span class="{}">{}</span><small>{}</small></dd></div>').format(
        title, tone, figure, note
    )
