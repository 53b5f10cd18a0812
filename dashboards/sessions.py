"""The page of the sessions ahead: which are likely to be moved, why, and what is done about it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import ceil
from typing import Any, Final
from uuid import UUID

import panel as pn
import panel_material_ui as pmui
from sqlalchemy import Engine

from dashboards.call_card import CallCard
from dashboards.components.data_table import DataTable
from dashboards.components.in_browser import InBrowser
from dashboards.context import Context
from dashboards.deed_form import DeedForm
from dashboards.html import show_html, update_html
from dashboards.page import LivePage
from dashboards.session_filters import SessionFilters
from dashboards.styles import read_style
from dashboards.views.cards import frame, show_card, show_side_by_side, spread
from dashboards.views.notices import NO_SESSION_MATCHES, NO_SESSIONS, NOT_PREDICTED, Notice, show_notice, update_notice
from dashboards.views.session_detail import render_reasons, render_session, say_only_look
from dashboards.views.session_table import ACTED, SESSION_COLUMNS, show_session_rows
from dashboards.visitor import read_visitor
from modelling.fallback import RULE_VERSION
from scoring.call_plan import CallPlan, plan_calls
from scoring.models import ServedModel
from scoring.session_detail import SessionDetail, find_session
from scoring.session_list import SessionPage, find_next, find_place, list_sessions
from scoring.session_predictions import predict_session
from scoring.sessions import predict_batch
from scoring.upcoming_list import MAX_DAYS, UpcomingQuery
from tqs.errors import ModelError

PAGE_SIZE: Final = 50
KEY: Final = "Alt+N"


def show_sessions_page(context: Context) -> pmui.Page:
    """The page for one browser.

    An address that ends in `?session=<id>` opens it at that session; `risk`, `days`, `handled`, `tutor`, `sort` and
    `order` set what is listed.
    """
    return _SessionsPage(context).view


@dataclass(frozen=True, slots=True)
class _ReadPage:
    """A read that pages with the same filters share, as `_ReadPlan` is."""

    query: UpcomingQuery
    thresholds: tuple[float, float]
    model: ServedModel | None

    def __call__(self, engine: Engine) -> SessionPage:
        return list_sessions(engine, self.query, self.thresholds, self.model)


@dataclass(frozen=True, slots=True)
class _ReadPlan:
    query: UpcomingQuery
    thresholds: tuple[float, float]

    def __call__(self, engine: Engine) -> CallPlan:
        return plan_calls(engine, self.query, self.thresholds)


class _SessionsPage:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._engine = context.engine
        self._thresholds = context.settings.risk_thresholds("reschedule")
        self._chosen: UUID | None = None  # by the visitor
        self._shown: UUID | None = None
        self._walking = False  # to the next one that nobody handled
        self._predicting = False
        self._turn = False  # to the page of the list that has the chosen one
        self._page = LivePage(context, self._load)
        self._filters = SessionFilters(self._start_over)
        self._table = DataTable(
            label="Sessions ahead with how likely they are moved",
            columns=SESSION_COLUMNS,
            page_size=PAGE_SIZE,
            sort=self._filters.sort,
            sizing_mode="stretch_width",
            margin=0,
        )
        self._astray = pmui.Alert(severity="info", visible=False, closeable=True, sizing_mode="stretch_width", margin=0)
        self._notice = show_notice()
        self._no_match = show_notice()
        self._calls = CallCard(context, self._page.refresh)
        self._next = pmui.Button(
            label=f"Next not handled ({KEY})", icon="skip_next", variant="contained", size="small", margin=0
        )
        self._renew_all = pmui.Button(
            label="Predict all anew", icon="refresh", variant="outlined", size="small", margin=0, visible=False
        )
        self._browser = InBrowser(key_code="KeyN", width=0, height=0, margin=0)
        self._detail = show_html(style="session_detail", margin=(16, 18, 12, 18), sizing_mode="stretch_width")
        self._reasons = show_html(style="session_detail", margin=(0, 18, 6, 18), sizing_mode="stretch_width")
        self._form = DeedForm(context, self._page, self._keep)
        self._renew = pmui.Button(
            label="Predict anew", icon="refresh", variant="text", size="small", margin=(0, 18, 12, 10), visible=False
        )
        self._only_look = show_html(style="session_detail", margin=(0, 18, 14, 18), sizing_mode="stretch_width")
        self._detail_card = frame(
            self._browser, self._detail, self._form.view, self._only_look, self._reasons, self._renew
        )
        self._body = self._lay_out()
        self._read_address()
        for button, act in (
            (self._next, self._go_on),
            (self._renew, self._predict),
            (self._renew_all, self._predict_all),
        ):
            button.on_click(act)
        self._browser.param.watch(self._go_on, "pressed")
        self._table.param.watch(self._sort, "sort")
        self._table.param.watch(self._page.refresh, "page")
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
        sides = show_side_by_side(card, self._detail_card)
        sides.stylesheets = [*sides.stylesheets, read_style("session_body")]
        sides[1].stylesheets = [*sides[1].stylesheets, read_style("session_side")]
        layout = {"sizing_mode": "stretch_width", "margin": 0, "stylesheets": [read_style("session_body")]}
        return pn.Column(self._calls.view, sides, **layout)

    def _read_address(self) -> None:
        self._filters.read(_asked("risk"), _asked("days"), _asked("handled"), _asked("tutor"))
        self._filters.read_sort(_asked("sort"), _asked("order"))
        self._table.sort = self._filters.sort
        if not (linked := _asked("session")):
            return
        try:
            self._chosen, self._turn = UUID(linked), True
        except ValueError:  # it may hold whatever somebody put into it, and is not repeated
            self._say_astray()

    def _sort(self, event: Any) -> None:
        self._filters.sort = event.new
        self._start_over()

    def _start_over(self) -> None:
        """Another order or another filter: the first page of it."""
        if self._table.page:
            self._table.page = 0  # being watched, it loads
        else:
            self._page.refresh()

    def _choose(self, event: Any) -> None:
        if not self._page.refreshing:
            self._go_to(UUID(event.new))

    def _go_to(self, session: UUID) -> None:
        if session != self._shown:
            self._form.close()
        self._chosen = session
        self._astray.visible = False
        self._page.refresh()
        self._browser.revealed += 1

    def _keep(self) -> None:
        """Stay at the session whose form is open, whatever comes first in the list meanwhile."""
        self._chosen = self._shown

    def _begin(self, event: Any) -> None:
        self._go_to(UUID(event.new["row"]))
        self._form.open(event.new["key"])

    def _go_on(self, *_events: Any) -> None:
        """To the next session of the list about which nobody did anything yet."""
        if self._filters.handled:
            self._filters.show_all()
        self._walking = True
        self._page.refresh()
        self._browser.revealed += 1

    def _load(self) -> None:
        visitor = read_visitor(self._engine)
        may_act = visitor.may_act_as("coach")
        if self._walking:
            self._walk()
        session = self._find_chosen()
        query = self._query(self._table.page)
        if self._turn and session is not None:
            query = self._turn_to(session)
        model = self._context.models.get("reschedule")
        page = self._read(query, model)
        plan: CallPlan = self._context.live.share(_ReadPlan(replace(query, limit=1, offset=0), self._thresholds))
        calls = self._calls.calls(plan)
        session = session or self._find_default(page)
        self._table.param.update(
            columns=[*SESSION_COLUMNS, ACTED] if may_act else SESSION_COLUMNS,
            rows=show_session_rows(page.sessions, self._context.zone, calls, may_act=may_act),
            total=page.total,
            visible=page.total > 0,
        )
        by_rule = model is not None and model.version == RULE_VERSION
        self._calls.show(plan, by_rule=by_rule)
        self._renew_all.param.update(visible=may_act and page.total > 0, disabled=self._predicting)
        self._say_missing(query, page, plan)
        self._show_detail(session, may_act=may_act, role=visitor.role)
        self._browser.address = self._filters.write(self._chosen)

    def _walk(self) -> None:
        self._walking = False
        found = find_next(self._engine, replace(self._query(), handled=None), self._thresholds, self._shown)
        if found is None:
            self._page.tell("None is left: every other session of this list is handled.")
            return
        self._form.close()
        self._astray.visible = False
        self._chosen, self._turn = found, True

    def _read(self, query: UpcomingQuery, model: ServedModel | None) -> SessionPage:
        page: SessionPage = self._context.live.share(_ReadPage(query, self._thresholds, model))
        last = max(ceil(page.total / PAGE_SIZE) - 1, 0)
        if self._table.page <= last:
            return page
        self._table.page = last  # fewer sessions than when this page was turned to
        return list_sessions(self._engine, self._query(last), self._thresholds, model)

    def _find_chosen(self) -> SessionDetail | None:
        if self._chosen is None:
            return None
        session = find_session(self._engine, self._context.models, self._chosen)
        if session is None:
            self._chosen = None
            self._say_astray()
        return session

    def _find_default(self, page: SessionPage) -> SessionDetail | None:
        """The one that is shown, while the page of the list has it; else its first."""
        listed = [session.id for session in page.sessions]
        if not listed:
            return None
        shown = self._shown if self._shown in listed else listed[0]
        return None if shown is None else find_session(self._engine, self._context.models, shown)

    def _turn_to(self, session: SessionDetail) -> UpcomingQuery:
        """The query of the page of the list that has it; where the list does not, its first page."""
        self._turn = False
        if session.ahead:
            self._filters.reach(session.scheduled_time - datetime.now(UTC))
        place = find_place(self._engine, self._query(), self._thresholds, session.id)
        self._table.page = 0 if place is None else place // PAGE_SIZE
        return self._query(self._table.page)

    def _query(self, page: int = 0) -> UpcomingQuery:
        return self._filters.query(PAGE_SIZE, page * PAGE_SIZE)

    def _say_astray(self) -> None:
        self._astray.param.update(
            visible=True,
            title="The session of this link is not here",
            object="It was removed since, or the link is damaged. Below are the sessions ahead.",
        )

    def _say_missing(self, query: UpcomingQuery, page: SessionPage, plan: CallPlan) -> None:
        notice: Notice | None = None
        empty = page.total == 0
        if empty:
            everything = UpcomingQuery(days_ahead=MAX_DAYS, limit=1)
            if list_sessions(self._engine, everything, self._thresholds, None).total == 0:
                notice = NO_SESSIONS
        elif plan.unpredicted and not plan.sessions:
            notice = NOT_PREDICTED
        update_notice(self._notice, notice)
        update_notice(self._no_match, NO_SESSION_MATCHES if empty and notice is None else None)
        self._body.visible = notice is not NO_SESSIONS or self._chosen is not None

    def _show_detail(self, session: SessionDetail | None, *, may_act: bool, role: str) -> None:
        self._detail_card.visible = session is not None
        if session is None:
            return
        self._shown = session.id
        self._table.selected = str(session.id)
        update_html(self._detail, render_session(session, self._context.zone))
        update_html(self._reasons, render_reasons(session, self._context.zone))
        self._form.show(session, may_act=may_act)
        self._renew.visible = may_act and session.ahead
        self._only_look.visible = not may_act
        if not may_act:
            update_html(self._only_look, say_only_look(role))

    def _predict(self, _event: Any) -> None:
        session = self._shown

        def predict(actor: str) -> str:
            if session is None:
                raise ModelError("no session is chosen")
            made = predict_session(
                self._engine, self._loaded(), session, datetime.now(UTC), timezone=self._context.zone, actor=actor
            )
            return f"Predicted anew: {made.reschedule_probability:.1%}, {made.risk_level} risk"

        self._keep()
        self._page.act("coach", predict)

    def _predict_all(self, _event: Any) -> None:
        if self._predicting:
            return
        days = self._filters.days

        def predict(actor: str) -> str:
            try:
                models, now, zone = self._loaded(), datetime.now(UTC), self._context.zone
                made = predict_batch(self._engine, models, now, days=days, timezone=zone, actor=actor)
            finally:
                self._predicting = False
            return f"{made.predicted:,} sessions of the next {days * 24} hours are predicted anew"

        saying = f"Predicting all sessions of the next {days * 24} hours …"
        self._predicting = True
        if not self._page.act_aside("coach", predict, saying):
            self._predicting = False
        self._renew_all.disabled = self._predicting

    def _loaded(self) -> dict[str, ServedModel]:
        models = dict(self._context.models)
        if not models:
            raise ModelError("the models are not loaded yet; try again in a few seconds")
        return models


def _asked(name: str) -> str:
    """A parameter of the page's address."""
    return b"".join(pn.state.session_args.get(name, [])[:1]).decode(errors="replace")
