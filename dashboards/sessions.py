"""The page of the sessions ahead: which are likely to be moved, why, and what is done about it."""

from __future__ import annotations

import panel_material_ui as pmui

from dashboards.context import Context
from dashboards.page import LivePage


def show_sessions_page(context: Context) -> pmui.Page:
    """The page for one browser."""
    return LivePage(context, lambda: None).show("Sessions")
