"""The list of tutors: rates of 7, 30 and 90 days, the likely rate, sessions, trend and flag."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from dashboards.components.data_table import Cell, TableColumn, TableRow
from dashboards.formats import NOTHING, format_count, format_percent, format_points
from features.catalogue_tutor import HIGH_RISK_PERCENT
from scoring.shrinkage import FEW_SESSIONS, RatePrior, likely_rates
from scoring.tutor_history import RatePoint
from scoring.tutor_list import ListedTutor
from scoring.tutor_page import LIKELY

BAR_FULL_PERCENT: Final = 50.0  # the rate that fills the bar under it, unless a rate on the page is higher
TREND_WEEKS: Final = 12
STEADY_POINTS: Final = 0.01  # a trend smaller than a percentage point is none

TUTOR_COLUMNS: Final[list[TableColumn]] = [
    {"key": "name", "title": "Tutor", "sortable": True},
    {"key": "flag", "title": "Risk", "help": f"High: more than {HIGH_RISK_PERCENT}% in 30 days"},
    {
        "key": "reschedule_rate_30d",
        "title": "30 days",
        "help": "Share of the sessions of the last 30 days that the tutor rescheduled",
        "numeric": True,
        "sortable": True,
    },
    {
        "key": LIKELY,
        "title": "Likely",
        "help": "Rate of 30 days as it is likely to be: drawn towards that of all tutors, the more so the fewer "
        "sessions; below it the interval that holds it in 9 of 10 cases",
        "numeric": True,
        "sortable": True,
    },
    {
        "key": "trend",
        "title": "Trend",
        "help": "Rate of 7 days minus rate of 30 days, percentage points; "
        f"the line is the rate of 30 days over the last {TREND_WEEKS} weeks, dashed: {HIGH_RISK_PERCENT}%",
        "hidden_below": 480,
    },
    {"key": "reschedule_rate_7d", "title": "7 days", "numeric": True, "hidden_below": 720},
    {"key": "reschedule_rate_90d", "title": "90 days", "numeric": True, "hidden_below": 720},
    {
        "key": "total_sessions_30d",
        "title": "Sessions",
        "help": f"Sessions of the last 30 days; few: less than {FEW_SESSIONS}",
        "numeric": True,
        "sortable": True,
        "hidden_below": 560,
    },
]


def show_tutor_rows(
    tutors: Sequence[ListedTutor], prior: RatePrior | None, histories: Mapping[UUID, Sequence[RatePoint]]
) -> list[TableRow]:
    """One row a tutor, cells by the keys of TUTOR_COLUMNS; without a prior no rate is known to be likely.

    histories: of the rate of 30 days, oldest first; a tutor may have none.
    """
    return [{"id": str(tutor.id), "cells": _show_cells(tutor, prior, histories.get(tutor.id, ()))} for tutor in tutors]


def link_tutor(tutor_id: UUID) -> str:
    """The address of the page of a tutor."""
    return f"tutor?{urlencode({'id': str(tutor_id)})}"


def show_likely(tutor: ListedTutor, prior: RatePrior | None) -> Cell:
    """The likely rate with its interval; quiet where the tutor has few sessions of the 30 days."""
    reschedules, sessions = tutor.tutor_reschedules_30d, tutor.total_sessions_30d
    if prior is None or reschedules is None or not sessions:
        return {"text": NOTHING, "tone": "quiet"}
    likely = likely_rates(prior, [reschedules], [sessions])
    return {
        "text": format_percent(100 * float(likely.rate[0])),
        "detail": f"{100 * likely.low[0]:.0f}–{100 * likely.high[0]:.0f}%",
        "tone": "quiet" if likely.few[0] else "plain",
    }


def show_flag(tutor: ListedTutor) -> Cell:
    """The flag as a word, an icon and a colour."""
    if tutor.reschedule_rate_30d is None:
        return {"text": "No sessions", "icon": "remove", "tone": "quiet", "badge": True}
    if tutor.is_high_risk:
        return {"text": "High", "icon": "warning", "tone": "bad", "badge": True}
    return {"text": "Low", "icon": "check", "tone": "good", "badge": True}


def show_trend(trend: float | None) -> Cell:
    """The trend as an arrow, a figure and a colour; a rising rate is bad."""
    if trend is None:
        return {"text": NOTHING, "tone": "quiet"}
    if abs(trend) < STEADY_POINTS:
        return {"text": format_points(trend), "icon": "trending_flat", "tone": "quiet"}
    if trend > 0:
        return {"text": format_points(trend), "icon": "trending_up", "tone": "bad"}
    return {"text": format_points(trend), "icon": "trending_down", "tone": "good"}


def _show_cells(tutor: ListedTutor, prior: RatePrior | None, history: Sequence[RatePoint]) -> dict[str, Cell]:
    email = tutor.email or ""
    former = f"Former tutor · {email}" if email else "Former tutor"
    return {
        "name": {"text": tutor.name, "detail": email if tutor.is_active else former, "link": link_tutor(tutor.id)},
        "flag": show_flag(tutor),
        "reschedule_rate_30d": _show_rate_with_bar(tutor),
        LIKELY: show_likely(tutor, prior),
        "trend": show_trend(tutor.reschedule_trend) | _draw_history(history),
        "reschedule_rate_7d": {"text": format_percent(tutor.reschedule_rate_7d)},
        "reschedule_rate_90d": {"text": format_percent(tutor.reschedule_rate_90d)},
        "total_sessions_30d": _show_sessions(tutor.total_sessions_30d),
    }


def _draw_history(history: Sequence[RatePoint]) -> Cell:
    if all(point.rate is None for point in history):
        return {}
    return {"spark": [point.rate for point in history], "spark_limit": HIGH_RISK_PERCENT}


def _show_sessions(sessions: int | None) -> Cell:
    if sessions and sessions < FEW_SESSIONS:
        return {"text": format_count(sessions), "detail": "few"}
    return {"text": format_count(sessions)}


def _show_rate_with_bar(tutor: ListedTutor) -> Cell:
    rate = tutor.reschedule_rate_30d
    if rate is None:
        return {"text": NOTHING, "tone": "quiet"}
    return {
        "text": format_percent(rate),
        "tone": "bad" if tutor.is_high_risk else "plain",
        "share": rate / BAR_FULL_PERCENT,
        "limit": HIGH_RISK_PERCENT / BAR_FULL_PERCENT,
    }
