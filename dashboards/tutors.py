"""The page of the tutors: who reschedules how often, whom to look at first, and how it came to be so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from math import ceil
from typing import Any, Final
from uuid import UUID

import panel as pn
import panel_material_ui as pmui
from sqlalchemy import Engine

from dashboards.address import read_word
from dashboards.components.data_table import DataTable
from dashboards.components.in_browser import InBrowser
from dashboards.context import Context
from dashboards.csv_export import CsvTable, show_export
from dashboards.html import show_html, update_html
from dashboards.page import LivePage
from dashboards.tutor_filters import TutorFilters
from dashboards.views.cards import frame, show_card, show_side_by_side, spread
from dashboards.views.notices import (
    NO_MATCH,
    find_missing,
    show_astray,
    show_notice,
    tell_astray,
    update_notice,
)
from dashboards.views.rate_charts import (
    draw_rate_distribution,
    draw_rate_history,
    update_rate_distribution,
    update_rate_history,
)
from dashboards.views.tiles import render_tiles, show_tiles, summary_tiles
from dashboards.views.tutor_csv import tabulate_tutors
from dashboards.views.tutor_detail import render_tutor
from dashboards.views.tutor_table import TREND_WEEKS, TUTOR_COLUMNS, show_tutor_rows
from features.catalogue_tutor import HIGH_RISK_PERCENT
from scoring.flag_changes import FlagChanges, read_flag_changes
from scoring.shrinkage import RatePrior, read_prior
from scoring.tutor_history import compute_rate_histories, compute_rate_history
from scoring.tutor_list import (
    ListedTutor,
    TutorPage,
    TutorSummary,
    find_place,
    find_tutor,
    list_subjects,
    list_tutors,
    read_tutors,
    summarise_tutors,
)
from scoring.tutor_page import LIKELY, TutorQuery

PAGE_SIZE: Final = 10
LINKED: Final = "tutor"  # the parameter of the address that links in mails name a tutor by


def show_tutors_page(context: Context) -> pmui.Page:
    """The page for one browser.

    An address that ends in `?tutor=<id>` opens it at that tutor; `risk`, `standing`, `subject` and `search` set what is
    listed.
    """
    return _TutorsPage(context).view


class _TutorsPage:
    def __init__(self, context: Context) -> None:
        self._engine = context.engine
        self._kept_review = context.kept_review
        self._drawn: dict[str, Any] = {}
        self._prior: RatePrior | None = None
        self._newly: list[UUID] = []  # whose flag is new, as they were last reviewed
        self._chosen = ""
        self._linked = read_word(LINKED)
        self._astray = show_astray(
            "The tutor of this link", "The tutor was removed since, or the link is damaged. Below are all tutors."
        )
        self._tiles = show_tiles()
        self._notice = show_notice()
        self._browser = InBrowser()
        self._filters = TutorFilters(self._start_over)
        self._filters.read(*(read_word(name) for name in ("risk", "standing", "subject", "search")))
        self._until = datetime.now(UTC)  # the moment that the rates are of
        self._table = DataTable(
            label="Tutors with their reschedule rates",
            columns=TUTOR_COLUMNS,
            page_size=PAGE_SIZE,
            sort={"by": LIKELY, "order": "desc"},
            sizing_mode="stretch_width",
            margin=0,
        )
        self._no_match = show_notice()
        self._detail = show_html(style="tutor_detail", margin=(16, 18, 4, 18), sizing_mode="stretch_width")
        self._history = pn.pane.Bokeh(margin=(4, 8, 8, 8), sizing_mode="stretch_width")
        self._detail_card = frame(self._detail, self._history)
        self._distribution = pn.pane.Bokeh(margin=(0, 8, 8, 8), sizing_mode="stretch_width")
        self._distribution_card = show_card(
            "How the rates are spread",
            self._distribution,
            note=f"Tutors by their rate of 30 days; high risk is above {HIGH_RISK_PERCENT}%",
        )
        self._page = LivePage(context, self._load)
        self._export = show_export(context, self._page, self._tabulate)
        self._body = self._lay_out()
        self._table.param.watch(self._start_over, "sort")
        self._table.param.watch(self._page.ask, "page")
        self._table.param.watch(self._choose, "selected")
        self.view = self._page.show("Tutors", self._astray, self._tiles, self._notice, self._body)

    def _lay_out(self) -> pn.Column:
        return show_side_by_side(
            show_card(
                "Reschedule rates",
                self._browser,
                spread(*self._filters.widgets, margin=(0, 18, 12, 18)),
                self._table,
                self._no_match,
                note="Share of their sessions that tutors moved or cancelled",
                controls=[self._export],
            ),
            self._detail_card,
            self._distribution_card,
        )

    def _start_over(self, *_events: Any) -> None:
        """Another order or another filter: the first page of it."""
        if self._table.page:
            self._table.page = 0  # being watched, it loads
        else:
            self._page.ask()

    def _choose(self, event: Any) -> None:
        if not self._page.refreshing:
            self._chosen = event.new
            self._astray.visible = False
            self._page.ask()

    def _load(self) -> None:
        self._prior = self._page.share(read_prior)
        summary = self._page.share(summarise_tutors)
        self._until = summary.last_calculated_at or datetime.now(UTC)
        self._filters.offer(self._page.share(list_subjects))
        if self._filters.newly_flagged:
            review = self._kept_review.value  # none in the first seconds of a server
            flags = review.flags if review else self._page.share(_read_flags)
            self._newly = [tutor.id for tutor in flags.newly]
        self._browser.address = self._filters.write()
        if self._linked:
            self._follow_link()
        update_html(self._tiles, render_tiles(summary_tiles(summary)))
        update_notice(self._notice, find_missing(summary))
        self._body.visible = summary.tutors > 0
        self._distribution_card.visible = summary.scored > 0
        self._redraw(self._distribution, draw_rate_distribution, update_rate_distribution, summary.rate_counts)
        tutors = self._load_table()
        self._load_detail(tutors, summary)

    def _follow_link(self) -> None:
        """Choose the tutor of the page's address and turn to where the list has it."""
        try:
            place = find_place(self._engine, self._query(), UUID(self._linked))
        except ValueError:  # it may hold whatever somebody put into it, and is not repeated
            place = None
        if place is None:
            tell_astray(self._astray)
        else:
            self._chosen = str(UUID(self._linked))
            self._table.page = place // self._table.page_size
        self._linked = ""

    def _load_table(self) -> list[ListedTutor]:
        table, page = self._table, self._list(self._table.page)
        last = max(ceil(page.total / table.page_size) - 1, 0)
        if table.page > last:  # fewer tutors than when this page was turned to
            table.page, page = last, self._list(last)
        histories = compute_rate_histories(
            self._engine, [tutor.id for tutor in page.tutors], self._until, weeks=TREND_WEEKS
        )
        rows = show_tutor_rows(page.tutors, self._prior, histories)
        table.param.update(rows=rows, total=page.total, visible=page.total > 0)
        update_notice(self._no_match, None if page.total else NO_MATCH)
        return page.tutors

    def _list(self, page: int) -> TutorPage:
        return list_tutors(self._engine, self._query(page))

    def _query(self, page: int = 0) -> TutorQuery:
        """What is asked for; by the plain rate as long as too few tutors have sessions for a likely one."""
        sort_by = self._table.sort["by"]
        return TutorQuery(
            sort_by="reschedule_rate_30d" if sort_by == LIKELY and self._prior is None else sort_by,
            sort_order=self._table.sort["order"],
            limit=self._table.page_size,
            offset=page * self._table.page_size,
            prior=self._prior,
            **self._filters.ask(self._until, self._newly),
        )

    def _tabulate(self) -> CsvTable:
        """All tutors that match, in the order of the list."""
        return tabulate_tutors(read_tutors(self._engine, self._query()), self._prior)

    def _load_detail(self, listed: list[ListedTutor], summary: TutorSummary) -> None:
        """The tutor who was chosen; else the one who is shown, while the page of the list has it; else its first."""
        tutor = find_tutor(self._engine, UUID(self._chosen), former=True) if self._chosen else None
        shown = (other for other in listed if str(other.id) == self._table.selected)
        tutor = tutor or next(shown, None) or next(iter(listed), None)
        self._detail_card.visible = tutor is not None and summary.last_calculated_at is not None
        if tutor is None or summary.last_calculated_at is None:
            return
        self._table.selected = str(tutor.id)
        update_html(self._detail, render_tutor(tutor))
        points = compute_rate_history(self._engine, tutor.id, summary.last_calculated_at)
        self._redraw(self._history, draw_rate_history, update_rate_history, points)

    def _redraw(
        self, pane: pn.pane.Bokeh, draw: Callable[[Any], Any], update: Callable[[Any, Any], None], data: Any
    ) -> None:
        """Draw only what changed, and into the picture that is there: another one takes ten times as long."""
        if pane.object is None:
            pane.object = draw(data)
        elif self._drawn.get(draw.__name__) != data:
            update(pane.object, data)
        self._drawn[draw.__name__] = data


def _read_flags(engine: Engine) -> FlagChanges:
    return read_flag_changes(engine, datetime.now(UTC))
