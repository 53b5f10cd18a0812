"""The page of the sessions ahead: which are likely to be moved, why, and what is done about it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from math import ceil
from typing import Any, Final
from uuid import UUID

import panel as pn
import panel_material_ui as pmui

from dashboards.address import read_word
from dashboards.call_card import CallCard
from dashboards.components.data_table import DataTable
from dashboards.components.in_browser import InBrowser
from dashboards.context import Context
from dashboards.page import LivePage
from dashboards.session_card import SessionCard, require_models
from dashboards.session_filters import SessionFilters
from dashboards.session_reads import SessionReads
from dashboards.styles import read_style
from dashboards.views.cards import show_card, show_side_by_side, spread
from dashboards.views.notices import (
    NO_SESSION_MATCHES,
    NO_SESSIONS,
    NOT_PREDICTED,
    Notice,
    show_astray,
    show_notice,
    tell_astray,
    update_notice,
)
from dashboards.views.session_table import ACTED, SESSION_COLUMNS, show_session_rows
from modelling.fallback import RULE_VERSION
from scoring.call_plan import CallPlan
from scoring.models import ServedModel
from scoring.session_detail import SessionDetail, find_session
from scoring.session_list import SessionPage, find_next, find_place
from scoring.sessions import predict_batch
from scoring.upcoming_list import MAX_DAYS, UpcomingQuery

PAGE_SIZE: Final = 50


def show_sessions_page(context: Context) -> pmui.Page:
    """The page for one browser.

    An address that ends in `?session=<id>` opens it at that session; `risk`, `days`, `handled`, `tutor`, `sort` and
    `order` set what is listed.
    """
    return _SessionsPage(context).view


class _SessionsPage:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._engine = context.engine
        self._thresholds = context.settings.risk_thresholds("reschedule")
        self._chosen: UUID | None = None  # by the visitor
        self._shown: UUID | None = None
        self._turning = False  # to the page of the list that has the chosen one
        self._walking = False  # to the next one that nobody handled
        self._predicting = False
        self._page = LivePage(context, self._load)
        self._reads = SessionReads(self._page, self._thresholds)
        self._filters = SessionFilters(self._start_over)
        self._table = DataTable(
            label="Sessions ahead with how likely they are moved",
            columns=SESSION_COLUMNS,
            page_size=PAGE_SIZE,
            sizing_mode="stretch_width",
            margin=0,
        )
        self._astray = show_astray(
            "The session of this link", "It was removed since, or the link is damaged. Below are the sessions ahead."
        )
        self._notice, self._no_match = show_notice(), show_notice()
        self._calls = CallCard(context, self._page.ask)
        self._next = pmui.Button(
            label="Next not handled (Alt+N)", icon="skip_next", variant="contained", size="small", margin=0
        )
        self._renew_all = pmui.Button(
            label="Predict all anew", icon="refresh", variant="outlined", size="small", margin=0, visible=False
        )
        self._browser = InBrowser(key_code="KeyN")
        self._card = SessionCard(context, self._page, self._stay, above=self._browser)
        self._body = self._lay_out()
        self._read_address()
        self._next.on_click(self._go_on)
        self._renew_all.on_click(self._predict_all)
        self._browser.param.watch(self._go_on_by_key, "pressed")
        self._table.param.watch(self._sort, "sort")
        self._table.param.watch(self._page.ask, "page")
        self._table.param.watch(self._choose, "selected")
        self._table.param.watch(self._begin, "deed")
        self.view = self._page.show("Sessions", self._astray, self._notice, self._body)

    def _lay_out(self) -> pn.Column:
        card = show_card(
            "Sessions ahead",
            spread(*self._filters.widgets, margin=(0, 18, 12, 18)),
            self._table,
            self._no_match,
            note=f"All times are of {self._context.zone}",
            controls=[self._renew_all, self._next],
        )
        sides = show_side_by_side(card, self._card.view)
        sides.stylesheets = [*sides.stylesheets, read_style("session_body")]
        sides[1].stylesheets = [*sides[1].stylesheets, read_style("session_side")]
        layout = {"sizing_mode": "stretch_width", "margin": 0, "stylesheets": [read_style("session_body")]}
        return pn.Column(self._calls.view, sides, **layout)

    def _read_address(self) -> None:
        self._filters.read(read_word("risk"), read_word("days"), read_word("handled"), read_word("tutor"))
        self._filters.read_sort(read_word("sort"), read_word("order"))
        self._table.sort = self._filters.sort
        if not (linked := read_word("session")):
            return
        try:
            self._chosen, self._turning = UUID(linked), True
        except ValueError:  # it may hold whatever somebody put into it, and is not repeated
            tell_astray(self._astray)

    def _sort(self, event: Any) -> None:
        self._filters.sort = event.new
        self._start_over()

    def _start_over(self) -> None:
        """Another order or another filter: the first page of it."""
        if self._table.page:
            self._table.page = 0  # being watched, it loads
        else:
            self._page.ask()

    def _choose(self, event: Any) -> None:
        if not self._page.refreshing:
            self._go_to(UUID(event.new))

    def _go_to(self, session: UUID) -> None:
        if session != self._shown:
            self._card.form.close()
        self._chosen = session
        self._astray.visible = False
        self._page.ask()
        self._browser.revealed += 1

    def _stay(self) -> None:
        """Stay at the session that is shown, whatever comes first in the list meanwhile."""
        self._chosen = self._shown

    def _begin(self, event: Any) -> None:
        session = UUID(event.new["row"])
        self._go_to(session)
        if self._shown == session:  # not where it is gone, or could not be read
            self._card.form.open(event.new["key"])

    def _go_on(self, *_events: Any) -> None:
        """To the next session of the list that nobody handled yet."""
        if self._filters.handled:
            self._filters.show_all()
        self._walking = True
        self._page.ask()
        self._browser.revealed += 1

    def _go_on_by_key(self, *_events: Any) -> None:
        self._go_on()
        self._browser.focused += 1

    def _load(self) -> None:
        visitor = self._page.visitor
        may_act = visitor.may_act_as("coach")
        if self._walking:
            self._walk()
        session = self._find_chosen()
        if self._turning and session is not None:
            self._turn_to(session)
        model = self._context.models.get("reschedule")
        page = self._list(model)
        query = self._query()
        plan = self._reads.plan(query)
        session = session or self._find_default(page)
        self._table.param.update(
            columns=[*SESSION_COLUMNS, ACTED] if may_act else SESSION_COLUMNS,
            rows=show_session_rows(
                page.sessions,
                self._context.zone,
                self._calls.calls(plan),
                serving=None if model is None else model.version,
                may_act=may_act,
            ),
            total=page.total,
            visible=page.total > 0,
        )
        self._calls.show(plan, by_rule=model is not None and model.version == RULE_VERSION)
        self._renew_all.param.update(visible=may_act and page.total > 0, disabled=self._predicting)
        self._say_missing(page, plan)
        self._card.show(session, visitor)
        self._shown = None if session is None else session.id
        if session is not None:
            self._table.selected = str(session.id)
        self._browser.address = self._filters.write(self._chosen)

    def _walk(self) -> None:
        self._walking = False
        found = find_next(self._engine, replace(self._query(), handled=None), self._thresholds, self._shown)
        if found is None:
            self._page.tell("None is left: every other session of this list is handled.")
            return
        self._card.form.close()
        self._astray.visible = False
        self._chosen, self._turning = found, True

    def _find_chosen(self) -> SessionDetail | None:
        if self._chosen is None:
            return None
        session = find_session(self._engine, self._context.models, self._chosen)
        if session is None:
            self._chosen = None
            tell_astray(self._astray)
        return session

    def _find_default(self, page: SessionPage) -> SessionDetail | None:
        """The one that is shown, while the page of the list has it; else its first."""
        listed = [session.id for session in page.sessions]
        if not listed:
            return None
        shown = self._shown if self._shown in listed else listed[0]
        return None if shown is None else find_session(self._engine, self._context.models, shown)

    def _turn_to(self, session: SessionDetail) -> None:
        """Turn to the page of the list that has it; to the first where the list does not."""
        self._turning = False
        if session.ahead:
            self._filters.reach(session.scheduled_time - datetime.now(UTC))
        place = find_place(self._engine, self._query(), self._thresholds, session.id)
        self._table.page = 0 if place is None else place // PAGE_SIZE

    def _list(self, model: ServedModel | None) -> SessionPage:
        page = self._reads.page(self._query(self._table.page), model)
        last = max(ceil(page.total / PAGE_SIZE) - 1, 0)
        if self._table.page > last:  # fewer sessions than when this page was turned to
            self._table.page = last
            page = self._reads.page(self._query(last), model)
        return page

    def _query(self, page: int = 0) -> UpcomingQuery:
        return self._filters.query(PAGE_SIZE, page * PAGE_SIZE)

    def _say_missing(self, page: SessionPage, plan: CallPlan) -> None:
        notice: Notice | None = None
        if page.total == 0 and self._reads.page(UpcomingQuery(days_ahead=MAX_DAYS, limit=1), None).total == 0:
            notice = NO_SESSIONS
        elif plan.unpredicted and not plan.sessions:
            notice = NOT_PREDICTED
        update_notice(self._notice, notice)
        update_notice(self._no_match, NO_SESSION_MATCHES if page.total == 0 else None)
        self._body.visible = notice is not NO_SESSIONS or self._chosen is not None

    def _predict_all(self, _event: Any) -> None:
        if self._predicting:
            return
        days = self._filters.days

        def predict(actor: str) -> str:
            try:
                models, now, zone = require_models(self._context), datetime.now(UTC), self._context.zone
                made = predict_batch(self._engine, models, now, days=days, timezone=zone, actor=actor)
            finally:
                self._predicting = False
            return f"{made.predicted:,} sessions of the next {24 * days} hours are predicted anew"

        self._predicting = True
        if not self._page.act_aside("coach", predict, f"Predicting all sessions of the next {24 * days} hours …"):
            self._predicting = False
        self._renew_all.disabled = self._predicting
