"""The card that says what calling so many would reach, with the slider that sets how many."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

import panel as pn
import panel_material_ui as pmui
from markupsafe import Markup

from dashboards.context import Context
from dashboards.html import show_html, update_html
from dashboards.styles import read_style
from dashboards.views.call_plan import draw_gain, render_plan, update_gain
from dashboards.views.cards import frame
from scoring.call_plan import MOST_CALLS, CallPlan

DEFAULT_CALLS: Final = 10


class CallCard:
    """`changed` is called when another number was chosen."""

    def __init__(self, context: Context, changed: Callable[[], None]) -> None:
        self._context = context
        self._wanted = DEFAULT_CALLS
        self._drawn: Any = None
        self._setting = False
        self._changed = changed
        self._slider = pmui.IntSlider(
            label="We can call",
            start=0,
            end=MOST_CALLS,
            value=DEFAULT_CALLS,
            sizing_mode="stretch_width",
            margin=(0, 8, 0, 0),
        )
        self._words = show_html(style="call_plan", sizing_mode="stretch_width")
        self._picture = pn.pane.Bokeh(sizing_mode="stretch_width", margin=0)
        hint = Markup("<p>Marked in the list: the likeliest sessions that nobody handled yet.</p>")
        self.view = frame(
            pn.Column(
                pn.Column(self._slider, show_html(hint, style="call_plan"), sizing_mode="stretch_width", margin=0),
                self._words,
                self._picture,
                sizing_mode="stretch_width",
                margin=0,
                stylesheets=[read_style("call_sides")],
            )
        )
        self._slider.param.watch(self._choose, "value_throttled")

    def calls(self, plan: CallPlan) -> dict[UUID, int]:
        """The sessions to call, each with its place from 1."""
        return {key: place for place, (key, _) in enumerate(plan.likeliest[: self._wanted], 1)}

    def show(self, plan: CallPlan, *, by_rule: bool) -> None:
        """Say and draw it; nothing where there is nothing to call."""
        self.view.visible = bool(plan.likeliest)
        if not plan.likeliest:
            return
        most = len(plan.likeliest)
        calls = min(self._wanted, most)
        self._setting = True
        self._slider.param.update(end=most, value=calls)
        self._setting = False
        review, threshold = self._context.kept_review.value, self._context.settings.reminder_threshold
        report = None if review is None else review.reminders
        update_html(self._words, render_plan(plan, calls, report, threshold, by_rule=by_rule))
        if self._drawn != (plan, calls):
            shown = plan.probabilities, plan.expected / plan.sessions, calls
            if self._picture.object is None:
                self._picture.object = draw_gain(*shown)
            else:
                update_gain(self._picture.object, *shown)
            self._drawn = (plan, calls)

    def _choose(self, event: Any) -> None:
        if not self._setting and event.new is not None and event.new != self._wanted:
            self._wanted = event.new
            self._changed()
