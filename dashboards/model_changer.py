"""The part of the models page by which an admin changes which model serves: asked twice, checked, then recorded."""

from __future__ import annotations

from concurrent.futures import Future
from functools import partial
from typing import Final

import panel as pn
import panel_material_ui as pmui
from markupsafe import Markup
from sqlalchemy import Engine

from dashboards.aside import do_aside
from dashboards.html import EMPTY, show_html, update_html
from dashboards.page import LivePage
from dashboards.views.model_change import Change, render_change, tell_done
from modelling.canary import check_artifact
from modelling.mirror import mirror_champion_aside
from modelling.store import load_model, promote, roll_back

ROLE: Final = "admin"
LONGEST_REASON: Final = 500  # characters


class ModelChanger:
    """A form that says what a change will do and asks why; what is typed into it stays until it is sent or given up.

    `page` shows what came of it.
    """

    def __init__(self, engine: Engine, zone: str) -> None:
        self.page: LivePage | None = None
        self._engine = engine
        self._zone = zone
        self._change: Change | None = None
        self._sent: Change | None = None
        self._done: bool | None = None  # what was sent; None while it is under way
        self._words = show_html(style="model_card", sizing_mode="stretch_width")
        self._reason = pmui.TextAreaInput(
            label="Why? It is kept with the decision", rows=2, max_length=LONGEST_REASON, size="small", margin=(12, 0),
            sizing_mode="stretch_width",
        )  # fmt: skip
        self._missing = show_html(style="model_card", sizing_mode="stretch_width")
        self._confirm = pmui.Button(color="primary", size="small", margin=0, on_click=self._send)
        self._cancel = pmui.Button(
            label="Leave it as it is", variant="text", size="small", margin=0, on_click=self._give_up
        )
        buttons = pn.Row(self._confirm, self._cancel, margin=(4, 0, 0, 0), stylesheets=[":host { gap: 8px; }"])
        self.view = pn.Column(
            self._words, self._reason, self._missing, buttons,
            visible=False, sizing_mode="stretch_width", margin=(0, 18, 16, 18), css_classes=["change"],
        )  # fmt: skip

    def ask(self, change: Change) -> None:
        """Say what `change` will do, and ask why; nothing is done yet. Asked again, it keeps the reason."""
        if self._change is None or self._change.chosen.version != change.chosen.version:
            self._reason.param.update(value="", value_input="")
        self._change = change
        update_html(self._words, render_change(change, self._zone))
        update_html(self._missing, EMPTY)
        self._confirm.label = change.deed
        self.view.visible = True

    def close(self, *_events: object) -> None:
        """Take the form away, and what was typed with it."""
        self._change, self.view.visible = None, False

    def _give_up(self, *_events: object) -> None:
        self.close()

    def follow(self) -> None:
        """What was sent has ended, or not yet: to be called by each load of the page."""
        change, done = self._sent, self._done
        if change is None or done is None:
            return
        self._sent = self._done = None
        self._confirm.param.update(disabled=False, loading=False)
        if done:
            if self._change is change:
                self.close()
            do_aside(partial(mirror_champion_aside, change.chosen.target), partial(self._tell_mirrored, change))

    def _send(self, *_events: object) -> None:
        change, reason = self._change, self._reason.value_input.replace("\0", "").strip()[:LONGEST_REASON]
        if change is None or self.page is None or self._sent is not None:
            return
        if not reason:
            update_html(self._missing, Markup("<p class=bad role=alert>Say why: it is kept with the decision.</p>"))
            return
        update_html(self._missing, EMPTY)
        if self.page.act_aside(ROLE, partial(self._do, change, reason), f"{change.deed}: under way …"):
            self._sent = change
            self._confirm.param.update(disabled=True, loading=True)

    def _do(self, change: Change, reason: str, actor: str) -> str:
        """In a thread. A model that never served is loaded and asked in a process of its own first."""
        engine, chosen, champion = self._engine, change.chosen, change.champion
        try:
            if change.is_rollback and champion is not None:
                expected = (chosen.version, champion.version)
                roll_back(engine, chosen.target, reason=reason, actor=actor, expected=expected)
            else:
                check_artifact(load_model(engine, chosen.target, chosen.version))
                before = None if champion is None else champion.version
                promote(engine, chosen.target, chosen.version, expected_champion=before, reason=reason, actor=actor)
            self._done = True
        finally:
            self._done = bool(self._done)
        return tell_done(change)

    def _tell_mirrored(self, change: Change, mirrored: Future[str | None]) -> None:
        """MLflow only shows what our database decides: where it cannot follow, that is told and no more."""
        trouble = mirrored.exception() or mirrored.result()
        if trouble and self.page is not None:
            self.page.tell(f"{tell_done(change)} MLflow does not show it yet: {trouble}.")
