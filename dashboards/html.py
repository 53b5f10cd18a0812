"""HTML panes that take Markup only: what is not written here, names above all, has been escaped on its way in."""

from __future__ import annotations

from typing import Any

import panel as pn
from markupsafe import Markup

from dashboards.styles import read_style

EMPTY = Markup("")


def show_html(content: Markup = EMPTY, *, style: str, **layout: Any) -> pn.pane.HTML:
    """A pane with the content and the style sheet `style`."""
    return pn.pane.HTML(str(content), stylesheets=[read_style(style)], **{"margin": 0, **layout})


def update_html(pane: pn.pane.HTML, content: Markup) -> None:
    """Let the pane show `content`; Panel would escape a Markup once more, so it goes in as plain text."""
    pane.object = str(content)
