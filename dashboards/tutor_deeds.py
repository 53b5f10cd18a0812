"""The part of a tutor's page where a coach records a call or a note, and all see what was done."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

import panel as pn
import panel_material_ui as pmui
from markupsafe import Markup
from sqlalchemy import Engine

from dashboards.html import show_html, update_html
from dashboards.page import LivePage
from dashboards.paged import Paged
from dashboards.views.cards import spread
from dashboards.views.intervention_list import render_interventions
from scoring.interventions import LONGEST_NOTE, ListedIntervention, intervene_tutor
from tqs.errors import QueryError

KINDS: Final = {"Call": "call", "Note": "note"}
ROLE: Final = "coach"


class TutorDeeds:
    """`view` is the form above the list; what is typed stays until it was recorded."""

    def __init__(self, page: LivePage, engine: Engine, tutor_id: UUID | None) -> None:
        self._page = page
        self._engine = engine
        self._tutor_id = tutor_id
        self._kind = pmui.RadioButtonGroup(options=list(KINDS), value="Call", size="small", margin=0)
        self._note = pmui.TextAreaInput(
            label="What was said or agreed",
            rows=2,
            auto_grow=True,
            max_rows=8,
            max_length=LONGEST_NOTE,
            sizing_mode="stretch_width",
            size="small",
            margin=(0, 18, 8, 18),
        )
        self._record = pmui.Button(label="", icon="add", size="small", margin=0)
        self._kind.param.watch(self._show_deed, "value")
        self._note.param.watch(self._show_deed, "value_input")
        self._show_deed()
        self._record.on_click(self._act)
        buttons = spread(self._kind, self._record, margin=(0, 18, 14, 18), sizing_mode="stretch_width")
        self._form = pn.Column(self._note, buttons, sizing_mode="stretch_width", margin=0)
        self._refusal = show_html(style="tutor_tables", sizing_mode="stretch_width", visible=False)
        self._list = Paged(6, "tutor_tables", page.refresh)
        self.view = pn.Column(self._form, self._refusal, self._list.view, sizing_mode="stretch_width", margin=0)

    def show(self, deeds: list[ListedIntervention], zone: str) -> None:
        """Show what was done, and the form to whom it is for."""
        visitor = self._page.visitor
        self._form.visible = visitor.may_act_as(ROLE)
        self._refusal.visible = not self._form.visible
        refused = f"You are logged in as {visitor.role}; a {ROLE} records calls and notes here."
        update_html(self._refusal, Markup("<p class=nothing>{}</p>").format(refused))
        self._list.turn_to(len(deeds))
        shown = deeds[self._list.offset : self._list.offset + self._list.page_size]
        nothing = Markup("<p class=nothing>Nothing was recorded about this tutor so far.</p>")
        self._list.show(render_interventions(shown, zone) if deeds else nothing, len(deeds))

    def _show_deed(self, *_events: Any) -> None:
        """Only what says something is recorded: a second click, by which nothing is typed any more, does nothing."""
        kind, nothing = KINDS[self._kind.value], not self._typed()
        label = f"Write something to record the {kind}" if nothing else f"Record the {kind}"
        self._record.param.update(label=label, disabled=nothing)

    def _typed(self) -> str:
        return (self._note.value_input or "").strip()

    def _act(self, _event: Any) -> None:
        if self._typed() and self._page.act(ROLE, self._do):
            self._note.param.update(value="", value_input="")

    def _do(self, actor: str) -> str:
        kind, note = KINDS[self._kind.value], self._typed()
        if self._tutor_id is None:
            raise QueryError("there is no tutor on this page; choose one on the page of the tutors")
        intervene_tutor(self._engine, self._tutor_id, kind, note, datetime.now(UTC), actor=actor)
        return f"Recorded: a {kind} about this tutor."
