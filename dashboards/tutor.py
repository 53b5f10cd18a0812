"""The page of one tutor."""

from __future__ import annotations

import panel_material_ui as pmui

from dashboards.context import Context
from dashboards.page import LivePage


def show_tutor_page(context: Context) -> pmui.Page:
    """The page for one browser."""
    return LivePage(context, lambda: None).show("Tutor")
