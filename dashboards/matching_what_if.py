"""Preferences of a pair to be tried out: the model answers as they are moved, and nothing is stored."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import panel as pn
import panel_material_ui as pmui
from markupsafe import Markup

from dashboards.html import show_html, update_html
from dashboards.styles import read_style
from dashboards.views.cards import show_card
from dashboards.views.match_pair import render_change
from features.catalogue import features_of
from records.columns import TEACHING_STYLES
from scoring.models import ServedModel
from scoring.pair_changes import CHANGEABLE, Changeable, JudgedPair, Pair, change_pair, judge_pair

TITLES: Final = {
    "pace": "Pace",
    "style": "Teaching style",
    "communication": "Communication",
    "urgency": "Urgency",
    "confidence": "Confidence",
    "experience": "Years of tutoring",
}
NOT_KNOWN: Final = "not known"
_DEFAULTS: Final = {feature.name: int(feature.default) for feature in features_of("match")}


class WhatIf:
    """The sliders of both, and the answer before and after. What was moved stays until another pair is shown."""

    def __init__(self) -> None:
        self._model: ServedModel | None = None
        self._pair: Pair | None = None
        self._now: JudgedPair | None = None
        self._of: object = None
        self._setting = False
        self._known: dict[str, Any] = {}
        self._unknown: set[str] = set()
        self._moved: set[str] = set()  # of these, also where it was moved back to where it began
        self._inputs = {one.key: _make_input(one) for one in CHANGEABLE}
        self._answer = show_html(style="match_pair", margin=(0, 18, 4, 18), sizing_mode="stretch_width")
        self._reset = pmui.Button(label="Reset", icon="restart_alt", size="small", variant="outlined", margin=0)
        for key, one in self._inputs.items():
            one.param.watch(partial(self._try, key), "value")
        self._reset.on_click(lambda _event: self._put_back())
        self.view = show_card(
            "What if",
            self._answer,
            pn.Column(
                self._side("student"),
                self._side("tutor"),
                sizing_mode="stretch_width",
                margin=(0, 18, 16, 18),
                stylesheets=[read_style("match_sliders")],
            ),
            note="If they preferred something else. Only a what-if: nothing is stored",
            controls=[self._reset],
        )

    def show(self, model: ServedModel, pair: Pair, now: JudgedPair, of: object) -> None:
        """The sliders at what is known of the pair `of` these two; those that were moved stay while it is the same."""
        if of != self._of:
            self._moved.clear()
        moved = self._changes() if of == self._of else {}
        self._unknown = {one.key for one in CHANGEABLE if pair.value(one) is None}
        self._model, self._pair, self._now, self._of = model, pair, now, of
        self._setting = True
        for preference in CHANGEABLE:
            value, known = _start(preference, pair), pair.value(preference) is not None
            self._known[preference.key] = value
            update: dict[str, Any] = {"label": _label(preference, known)}
            if preference.column == "style":
                update["options"] = list(TEACHING_STYLES) if known else [NOT_KNOWN, *TEACHING_STYLES]
            if preference.key not in moved:
                update["value"] = value
            self._inputs[preference.key].param.update(**update)
        self._setting = False
        self._show_answer()

    def _side(self, side: str) -> pn.Column:
        inputs = [self._inputs[one.key] for one in CHANGEABLE if one.side == side]
        head = show_html(Markup("<h3>{}</h3>").format(f"The {side}"), style="match_pair", sizing_mode="stretch_width")
        return pn.Column(head, *inputs, sizing_mode="stretch_width", margin=0, stylesheets=[":host { gap: 6px; }"])

    def _changes(self) -> dict[str, float]:
        """What differs from what is known, as `change_pair` takes it; of what is not known, what was moved."""
        tried = self._moved & self._unknown
        changed = {
            key: one.value
            for key, one in self._inputs.items()
            if one.value != self._known.get(key) or (key in tried and one.value != NOT_KNOWN)
        }
        return {
            key: TEACHING_STYLES.index(value) if isinstance(value, str) else value for key, value in changed.items()
        }

    def _try(self, key: str, _event: Any) -> None:
        if not self._setting:
            self._moved.add(key)
            self._show_answer()

    def _put_back(self) -> None:
        self._setting = True
        self._moved.clear()
        for key, one in self._inputs.items():
            one.value = self._known[key]
        self._setting = False
        self._show_answer()

    def _show_answer(self) -> None:
        if self._model is None or self._pair is None or self._now is None:
            return
        changes = self._changes()
        after = judge_pair(self._model, change_pair(self._pair, changes)) if changes else self._now
        update_html(self._answer, render_change(self._now, after, changed=bool(changes)))
        self._reset.disabled = not changes


def _make_input(preference: Changeable) -> Any:
    shared = {"label": _label(preference, known=True), "sizing_mode": "stretch_width", "size": "small"}
    if preference.column == "style":
        return pmui.Select(options=list(TEACHING_STYLES), margin=(2, 0, 6, 0), **shared)
    smaller = ".MuiFormLabel-root { font-size: .875rem; }"
    return pmui.IntSlider(start=preference.low, end=preference.high, margin=(0, 8), stylesheets=[smaller], **shared)


def _label(preference: Changeable, known: bool) -> str:
    title = TITLES[preference.column]
    return title if known else f"{title} ({NOT_KNOWN})"


def _start(preference: Changeable, pair: Pair) -> int | str:
    """Where the slider of a preference begins: at what is known, else at what the model takes in its place."""
    value = pair.value(preference)
    if preference.column == "style":
        return NOT_KNOWN if value is None else TEACHING_STYLES[int(value)]
    if value is None:
        return _DEFAULTS.get(preference.key, 3)
    return min(int(value), preference.high)
