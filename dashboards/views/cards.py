"""Frames around parts of a page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import panel as pn
from markupsafe import Markup

from dashboards.html import show_html
from dashboards.styles import read_style


def show_card(title: str, *content: Any, note: str = "", controls: Sequence[Any] = ()) -> pn.Column:
    """A card with a title, and what it holds; `controls` stand beside the title, or below it where that is narrow."""
    words = Markup("<h2>{}</h2><p>{}</p>").format(title, note) if note else Markup("<h2>{}</h2>").format(title)
    layout: dict[str, Any] = {"margin": (14, 18, 10, 18), "sizing_mode": "stretch_width"}
    if not controls:
        return frame(show_html(words, style="card_head", **layout), *content)
    return frame(spread(show_html(words, style="card_head"), spread(*controls), **layout), *content)


def spread(*items: Any, **layout: Any) -> pn.Row:
    """The items in a line, spread over its width, and in more lines where they do not fit."""
    return pn.Row(*items, stylesheets=[read_style("spread")], **{"margin": 0, **layout})


def frame(*content: Any) -> pn.Column:
    """A card without a title of its own."""
    return pn.Column(*content, sizing_mode="stretch_width", margin=0, stylesheets=[read_style("card")])


def show_side_by_side(main: Any, *side: Any) -> pn.Column:
    """`main`, and beside it `side` one below the other; below `main` where the page is narrow."""
    return pn.Column(
        main,
        stack(*side),
        sizing_mode="stretch_width",
        margin=0,
        stylesheets=[read_style("sides")],
    )


def stack(*cards: Any) -> pn.Column:
    """Cards one below the other."""
    return pn.Column(*cards, sizing_mode="stretch_width", margin=0, stylesheets=[":host { gap: 16px; }"])
