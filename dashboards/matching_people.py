"""A column of the matching page: people to search, to choose one of, and to collect for a group."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil
from typing import Any, Final
from uuid import UUID

import panel as pn
import panel_material_ui as pmui

from dashboards.components.person_cards import PersonCard, PersonCards
from dashboards.views.cards import show_card, spread
from dashboards.views.notices import Notice, show_notice, update_notice
from scoring.match_people import MAX_LIMIT

FIRST: Final = (10, 25, 50, 100, 250, MAX_LIMIT)  # how many the button adds


class PeopleColumn:
    """Students or tutors. `chosen` is whom the visitor clicked, until it is set anew."""

    def __init__(self, who: str, note: str, page_size: int, *filters: Any) -> None:
        self._search = pmui.TextInput(
            label=f"Search {who} by name", size="small", margin=(0, 16, 6, 16), sizing_mode="stretch_width"
        )
        self._cards = PersonCards(label=who.capitalize(), page_size=page_size, margin=0, sizing_mode="stretch_width")
        self._notice = show_notice()
        self._first = pmui.Select(
            label="The first", value=FIRST[0], options=list(FIRST), size="small", width=96, margin=0
        )
        self._add = pmui.Button(label="Add to the group", icon="group_add", variant="text", size="small", margin=0)
        footer = spread(self._first, self._add, margin=(8, 16, 14, 16), sizing_mode="stretch_width")
        head = [pn.Row(one, margin=(0, 16, 6, 16)) for one in filters]
        self.view = show_card(who.capitalize(), self._search, *head, self._cards, self._notice, footer, note=note)

    def follow(
        self,
        refresh: Callable[..., None],
        choose: Callable[[UUID], None],
        collect: Callable[[UUID], None],
        add_first: Callable[[int], None],
    ) -> None:
        """Call these when the visitor searches or turns the page, chooses, collects one, or the first of them."""
        self._search.param.watch(lambda _event: self.start_over(refresh), "value_input")
        self._cards.param.watch(refresh, "page")

        def choose_one(event: Any) -> None:
            if event.new:
                choose(UUID(event.new))

        self._cards.param.watch(choose_one, "selected")
        self._cards.param.watch(lambda event: collect(UUID(event.new["id"])), "collected")
        self._add.on_click(lambda _event: add_first(self._first.value))

    def start_over(self, refresh: Callable[..., None]) -> None:
        """Another search or filter: the first page of it."""
        if self._cards.page:
            self._cards.page = 0  # being watched, it loads
        else:
            refresh()

    @property
    def search(self) -> str:
        """What is looked for."""
        value: str = self._search.value_input
        return value.replace("\0", "").strip()

    @property
    def limit(self) -> int:
        """How many a page holds."""
        size: int = self._cards.page_size
        return size

    @property
    def offset(self) -> int:
        """How many come before the page."""
        before: int = self._cards.page * self._cards.page_size
        return before

    def turn_back(self, total: int) -> bool:
        """Turn to the last page where there are fewer by now than come before this one; whether that was so."""
        last = max(ceil(total / self._cards.page_size) - 1, 0)
        beyond: bool = self._cards.page > last
        if beyond:
            self._cards.page = last
        return beyond

    def show(self, cards: Sequence[PersonCard], total: int, chosen: UUID | None, nobody: Notice) -> None:
        """The cards of the page, the chosen one marked; `nobody` where there is none at all."""
        self._cards.param.update(
            cards=list(cards),
            total=total,
            selected="" if chosen is None else str(chosen),
            visible=bool(total or cards),
        )
        update_notice(self._notice, None if total else nobody)
        self._first.disabled = self._add.disabled = not total
