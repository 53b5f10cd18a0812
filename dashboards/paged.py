"""A list of which one page is read and shown at a time, with what turns to another."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import Any

import panel as pn
import panel_material_ui as pmui
from markupsafe import Markup

from dashboards.html import show_html, update_html
from dashboards.views.cards import spread


class Paged:
    """Calls `turned` when somebody turns to another page; `view` is what stands on the page of the dashboards."""

    def __init__(self, page_size: int, style: str, turned: Callable[..., None]) -> None:
        self.page_size = page_size
        self._list = show_html(style=style, sizing_mode="stretch_width")
        self._range = show_html(style="card_head")
        self._pages = pmui.Pagination(value=0, count=1, size="small", margin=0)
        self._foot = spread(self._range, self._pages, margin=(4, 18, 12, 18), sizing_mode="stretch_width")
        self._pages.param.watch(turned, "value")
        self.view = pn.Column(self._list, self._foot, sizing_mode="stretch_width", margin=0)

    @property
    def offset(self) -> int:
        """How many come before the page that is asked for."""
        return int(self._pages.value) * self.page_size

    def turn_to(self, total: int) -> bool:
        """Know that there are `total` by now; whether the page asked for was beyond them, and the last one is now."""
        last = max(ceil(total / self.page_size) - 1, 0)
        beyond = self._pages.value > last
        self._pages.param.update(count=last + 1, value=min(self._pages.value, last))
        return bool(beyond)

    def show(self, content: Markup, total: int, **layout: Any) -> None:
        """Show what is on the page, of `total` in all."""
        self.turn_to(total)
        update_html(self._list, content)
        first, last = self.offset + 1, min(self.offset + self.page_size, total)
        update_html(self._range, Markup("<p>{}–{} of {:,}</p>").format(first, last, total))
        self._foot.visible = total > self.page_size
