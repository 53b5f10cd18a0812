"""The page of the models: what answers for each target, how good it is, whether it drifts, and why it serves."""

from __future__ import annotations

from pathlib import Path

import panel_material_ui as pmui
from sqlalchemy import Engine

from dashboards.context import Context
from dashboards.executed import link_notebooks, link_watch
from dashboards.html import show_html, update_html
from dashboards.page import LivePage
from dashboards.views.cards import frame
from dashboards.views.model_cards import TargetModels, render_target
from modelling.decisions import list_decisions
from modelling.drift_store import read_newest_findings
from modelling.store import list_models
from records.columns import TARGETS

SHOWN_DECISIONS = 5


def show_models_page(context: Context) -> pmui.Page:
    """The page for one browser."""
    cards = {target: show_html(style="model_card", margin=(16, 18), sizing_mode="stretch_width") for target in TARGETS}

    def load() -> None:
        for target, card in cards.items():
            update_html(card, render_target(_read(context.engine, context.settings.home, target), context.zone))

    page = LivePage(context, load)
    return page.show("Models", *(frame(card) for card in cards.values()))


def _read(engine: Engine, home: Path, target: str) -> TargetModels:
    models, decisions = list_models(engine, target), list_decisions(engine, target, limit=SHOWN_DECISIONS)
    runs = [run for run in [row.mlflow_run_id for row in models] + [row.mlflow_run_id for row in decisions] if run]
    findings = read_newest_findings(engine, target)
    watch_links = link_watch(home, findings[0]["page"]) if findings else {}
    return TargetModels(target, models, decisions, link_notebooks(home, target, runs), findings, watch_links)
