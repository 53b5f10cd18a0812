"""The page to begin the day with: what needs attention, how rates go, and whether all runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

import panel_material_ui as pmui
from sqlalchemy import Engine

from dashboards.context import Context
from dashboards.html import EMPTY, show_html, update_html
from dashboards.page import LivePage
from dashboards.views.cards import show_card, show_side_by_side, stack
from dashboards.views.notices import find_missing, show_notice, update_notice
from dashboards.views.overview_flags import flags_tile, render_flags
from dashboards.views.overview_health import System, find_concerns, render_health
from dashboards.views.overview_reminders import render_reminders
from dashboards.views.overview_sessions import attention_tile, render_attention
from dashboards.views.overview_trend import render_trend, trend_tiles
from dashboards.views.tiles import render_tiles, show_tiles
from features.catalogue_tutor import HIGH_RISK_PERCENT
from modelling.health import read_model_health
from processing.upkeep import QueueCounts, count_queue
from reports.contents import Notice as FailedMails
from reports.upkeep import notice_failed_mails
from scoring.attention import HOURS, Attention, read_attention
from scoring.flag_changes import DAYS
from scoring.rate_trend import WEEKS
from scoring.review import Review
from scoring.tutor_list import summarise_tutors


def show_overview_page(context: Context) -> pmui.Page:
    """The page for one browser."""
    return _OverviewPage(context).view


@dataclass(frozen=True)
class _ReadAttention:
    """A read that all open pages share."""

    high: float

    def __call__(self, engine: Engine) -> Attention:
        return read_attention(engine, self.high)


class _OverviewPage:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._read_attention = _ReadAttention(context.settings.risk_thresholds("reschedule")[1])
        self._notice, self._tiles = show_notice(), show_tiles()
        self._sessions, self._flags, self._trend, self._health, self._reminders = (
            show_html(style="overview", sizing_mode="stretch_width") for _ in range(5)
        )
        note = f"Rate of 30 days above {HIGH_RISK_PERCENT}% now, and not {DAYS} days ago"
        self._flags_card = show_card("Newly flagged tutors", self._flags, note=note)
        note = f"Week by week, {WEEKS} weeks"
        self._trend_card = show_card("How often sessions are moved or missed", self._trend, note=note)
        self._reminders_card = show_card("What reminders are worth", self._reminders)
        note = f"Likeliest to be moved in the next {HOURS} hours; times are of {context.zone}"
        self._records = show_side_by_side(
            stack(show_card("Next to handle", self._sessions, note=note), self._flags_card, self._reminders_card),
            self._trend_card,
            show_card("Queue and models", self._health),
        )
        self.view = LivePage(context, self._load).show("Overview", self._notice, self._tiles, self._records)

    def _load(self) -> None:
        share = self._context.live.share
        summary = share(summarise_tutors)
        update_notice(self._notice, find_missing(summary))
        self._tiles.visible = self._records.visible = summary.tutors > 0
        if not summary.tutors:
            return
        attention, review, now = share(self._read_attention), self._context.kept_review.value, datetime.now(UTC)
        queue, failed_mails = share(_read_work)
        system = System(queue, failed_mails, attention, share(read_model_health), self._context.models)
        update_html(self._sessions, render_attention(attention, self._context.zone, now))
        update_html(self._health, render_health(system, find_concerns(system, now), self._context.zone, now))
        flags, trend = (review.flags, review.trend) if review else (None, None)
        update_html(self._tiles, render_tiles([attention_tile(attention), flags_tile(flags), *trend_tiles(trend)]))
        self._show_review(review)

    def _show_review(self, review: Review | None) -> None:
        """It is there from the second second of the server on."""
        self._flags_card.visible = self._trend_card.visible = review is not None
        said = render_reminders(review.reminders) if review else None
        self._reminders_card.visible = said is not None
        update_html(self._reminders, said or EMPTY)
        if review is not None:
            update_html(self._flags, render_flags(review.flags))
            update_html(self._trend, render_trend(review.trend, self._context.zone))


def _read_work(engine: Engine) -> tuple[QueueCounts, FailedMails | None]:
    with engine.connect() as connection:
        return count_queue(connection), notice_failed_mails(connection, datetime.now(UTC))
