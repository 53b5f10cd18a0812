"""The page of the models: what answers for a target, how good it is, whether it drifts, and why it serves."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

import panel as pn
import panel_material_ui as pmui
from markupsafe import Markup

from dashboards.address import read_word
from dashboards.aside import do_aside
from dashboards.card_page import link_card
from dashboards.components.in_browser import InBrowser
from dashboards.context import Context
from dashboards.executed import link_notebooks, link_watch
from dashboards.html import EMPTY, show_html, update_html
from dashboards.lab_book import link_run, render_tools
from dashboards.model_changer import ROLE, ModelChanger
from dashboards.model_history import ModelHistory, histories_of
from dashboards.model_reads import FIRST_DECISIONS, READS, TargetModels
from dashboards.page import LivePage
from dashboards.views.cards import frame, show_card, show_side_by_side
from dashboards.views.model_calibration import NOT_MEASURED, draw_calibration, render_table, render_verdict
from dashboards.views.model_change import Change
from dashboards.views.model_drift import render_drift
from dashboards.views.model_head import find_champion, render_head
from dashboards.views.model_list import render_decisions, render_model, render_shadow
from dashboards.views.model_weeks import (
    EXPECTED_NOTE,
    NO_WEEKS,
    NONE_YET,
    render_groups,
    render_outcomes,
    render_windows,
)
from dashboards.views.model_words import ROWS, TITLES
from modelling.bands import Bands
from modelling.decisions import Decision, list_decisions
from modelling.store import ModelRow
from records.columns import TARGETS

FIRST_TARGET: Final = "reschedule"
ADMINS_DECIDE: Final = Markup("<p class=hint>An admin can let another model serve, or the one before it.</p>")
LINKED: Final = "target"  # the parameter of the address
MORE_DECISIONS: Final = 20


def show_models_page(context: Context) -> pmui.Page:
    """The page for one browser.

    An address that ends in `?target=match` opens it at that target.
    """
    return _ModelsPage(context).view


class _ModelsPage:
    def __init__(self, context: Context) -> None:
        self._context = context
        self._engine = context.engine
        self._histories = histories_of(context.engine)
        self._drawn: Bands | None = None
        self._reading: set[str] = set()
        self._decisions_shown = FIRST_DECISIONS
        self._rows: tuple[Any, ...] = ()
        asked = read_word(LINKED)
        self._target = pmui.RadioButtonGroup(
            options={TITLES[target]: target for target in TARGETS},
            value=asked if asked in TARGETS else FIRST_TARGET,
            size="small",
            margin=0,
        )
        self._browser = InBrowser()
        self._head = show_html(style="model_card", margin=(16, 18), sizing_mode="stretch_width")
        self._curve = pn.pane.Bokeh(margin=(4, 10, 0, 10), sizing_mode="stretch_width")
        self._calibration, self._windows, self._outcomes, self._groups, self._drift = (_show() for _ in range(5))
        self._shadow, self._decisions, self._tools = _show(), _show(), _show()
        self._older = pmui.Button(label="Older decisions", variant="text", size="small", margin=(0, 18, 12, 12))
        self._list = pn.Column(sizing_mode="stretch_width", margin=(0, 18, 12, 18))
        self._changer = ModelChanger(context.engine, context.zone)
        self._page = self._changer.page = LivePage(context, self._load)
        self._target.param.watch(self._turn, "value")
        self._older.on_click(self._show_older)
        self.view = self._page.show(
            "Models",
            self._target,
            frame(self._browser, self._head),
            self._lay_out(),
        )

    def _lay_out(self) -> pn.Column:
        main = pn.Column(
            show_card("Predicted and happened", self._curve, self._calibration),
            show_card("Week by week", self._windows, self._outcomes, note=EXPECTED_NOTE),
            show_card("Drift", self._drift, note="The last days beside what the model learned from"),
            show_card("Test part by group", self._groups),
            sizing_mode="stretch_width",
            margin=0,
            stylesheets=[":host { gap: 16px; min-width: 0; }"],
        )
        models = show_card("Models", self._list, self._shadow, self._changer.view, self._tools)
        return show_side_by_side(main, models, show_card("What was decided, and why", self._decisions, self._older))

    def _turn(self, *_events: Any) -> None:
        """To another target, which the address names from then on."""
        self._decisions_shown = FIRST_DECISIONS
        self._changer.close()
        self._browser.address = f"?{LINKED}={self._target.value}"
        self._page.refresh()

    def _show_older(self, *_events: Any) -> None:
        self._decisions_shown += MORE_DECISIONS
        self._page.refresh()

    def _load(self) -> None:
        target, context = self._target.value, self._context
        found = context.live.share(READS[target])
        visitor = self._page.visitor
        now = datetime.now(UTC)
        update_html(self._tools, render_tools(target, context.settings))
        update_html(self._head, render_head(target, found.models, found.change, found.run, now, context.zone))
        self._show_calibration(target, found)
        update_html(self._drift, render_drift(target, found.findings, self._link_watch(found)))
        update_html(self._groups, render_groups(found.test_part))
        decisions = self._read_decisions(target, found)
        links = self._link(target, found.models, decisions)
        self._changer.follow()
        self._show_models(found, links, may_change=visitor.may_act_as(ROLE))
        update_html(self._decisions, render_decisions(target, decisions[: self._decisions_shown], links, context.zone))
        self._older.visible = len(decisions) > self._decisions_shown
        self._show_history(target, found)

    def _read_decisions(self, target: str, found: TargetModels) -> Sequence[Decision]:
        if self._decisions_shown == FIRST_DECISIONS:
            return found.decisions
        return list_decisions(self._engine, target, limit=self._decisions_shown + 1)

    def _link(
        self, target: str, models: Sequence[ModelRow], decisions: Sequence[Decision]
    ) -> dict[str, dict[str, str]]:
        """The pages of each run and, by its version, of each model."""
        ids = [model.mlflow_run_id for model in models] + [decision.mlflow_run_id for decision in decisions]
        runs = {run for run in ids if run}
        pages = link_notebooks(self._context.settings.home, target, runs)
        links = {run: {**pages[run], **link_run(run, self._context.settings)} for run in runs}
        for model in models:
            links[model.version] = {
                "card": link_card(target, model.version),
                **links.get(model.mlflow_run_id or "", {}),
            }
        return links

    def _link_watch(self, found: TargetModels) -> dict[str, str]:
        return link_watch(self._context.settings.home, found.findings[0]["page"]) if found.findings else {}

    def _show_calibration(self, target: str, found: TargetModels) -> None:
        bands = found.bands
        if bands is None:
            told = found.trouble or (NOT_MEASURED if find_champion(found.models) else "No model serves yet.")
            update_html(self._calibration, Markup("<p class=hint>{}</p>").format(told))
        else:
            update_html(self._calibration, render_verdict(bands, ROWS[target]) + render_table(bands, ROWS[target]))
        if bands != self._drawn:  # a picture that is replaced loses the pointer that rests on it
            self._curve.object = None if bands is None else draw_calibration(bands)
            self._drawn = bands

    def _show_models(self, found: TargetModels, links: dict[str, dict[str, str]], *, may_change: bool) -> None:
        """The saved models; built anew only where they changed, so that the focus stays on a button."""
        zone = self._context.zone
        texts = [render_model(model, links[model.version], zone) for model in found.models]
        if self._rows == (rows := (found.models, texts, found.change, may_change)):
            return
        self._rows = rows
        self._list.objects = [
            self._show_model(found, model, text, may_change=may_change)
            for model, text in zip(found.models, texts, strict=True)
        ] or [show_html(Markup("<p class=hint>None is saved yet.</p>"), style="model_card")]
        if not may_change:
            self._list.objects += [show_html(ADMINS_DECIDE, style="model_card")]

    def _show_model(self, found: TargetModels, model: ModelRow, text: Markup, *, may_change: bool) -> pn.Row:
        shown = show_html(text, style="model_card", sizing_mode="stretch_width")
        if not may_change or model.alias == "champion":
            return pn.Row(shown, sizing_mode="stretch_width", margin=(0, 0, 12, 0))
        champion, change = find_champion(found.models), found.change
        since = change.decided_at if champion and change and change.version == champion.version else None
        ask = Change(model, champion, since, None)
        button = pmui.Button(
            label=f"{ask.deed} …",
            variant="outlined",
            size="small",
            margin=0,
            on_click=lambda _event: self._page.attempt(partial(self._ask, ask)),
        )
        return pn.Row(shown, button, sizing_mode="stretch_width", margin=(0, 0, 12, 0))

    def _ask(self, change: Change) -> None:
        chosen = change.chosen
        decision = next(iter(list_decisions(self._engine, chosen.target, 1, version=chosen.version)), None)
        self._changer.ask(Change(chosen, change.champion, change.since, decision))

    def _show_history(self, target: str, found: TargetModels) -> None:
        """What is kept of the weeks, at once; where it is too old it is read aside, and shown when it is there."""
        history, fresh = self._histories.peek(target)
        if history is None:
            update_html(self._windows, Markup("<p class=hint role=status>Reading the predictions of the weeks …</p>"))
            self._outcomes.visible = self._shadow.visible = False
        else:
            self._show_read(target, history, found)
        if not fresh and target not in self._reading:
            self._reading.add(target)
            do_aside(partial(self._histories.read, target), partial(self._go_on, target))

    def _go_on(self, target: str, read: Future[ModelHistory]) -> None:
        self._reading.discard(target)
        if trouble := read.exception():
            told = Markup("<p class=bad>The weeks could not be read: {}.</p>").format(trouble)
            update_html(self._windows, told)
        elif self._target.value == target:
            self._page.refresh()

    def _show_read(self, target: str, history: ModelHistory, found: TargetModels) -> None:
        champion = find_champion(found.models)
        metrics = {} if champion is None else champion.metrics
        none = NO_WEEKS.get(target, "" if history.weeks else NONE_YET)
        told = Markup("<p class=hint>{}</p>").format(none) if none else EMPTY
        update_html(self._windows, render_windows(metrics, found.test_part, history.weeks) + told)
        update_html(self._outcomes, render_outcomes(history.outcomes))
        self._outcomes.visible, self._shadow.visible = bool(history.outcomes), history.shadow is not None
        update_html(self._shadow, render_shadow(history.shadow, self._context.zone))


def _show() -> pn.pane.HTML:
    return show_html(style="model_card", margin=(0, 18, 14, 18), sizing_mode="stretch_width")
