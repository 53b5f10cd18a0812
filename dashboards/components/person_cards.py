"""People as cards to choose one of and to collect some of, a page at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, TypedDict

import param
from panel.custom import JSComponent

from dashboards.components import read_script
from dashboards.components.data_table import Cell


class PersonCard(TypedDict, total=False):
    """A person: all of it is shown as text.

    `note` is a second line, `tag` a word that sets the person off from the others, `badges` are shown one after the
    other, `share` (0-1) draws a bar with `share_label` before it. `collected`: whether they are in the group.
    """

    id: str
    name: str
    note: str
    tag: str
    badges: list[Cell]
    share: float
    share_label: str
    collected: bool


class PersonCards(JSComponent):  # type: ignore[misc]  # Panel is not typed for us
    """The cards `page * page_size` and on of `total`; watch `page`, `selected` and `collected`.

    As `chips` they are names alone, each with a button that takes it out of the group. Arrow keys lead from one to the
    next.
    """

    label = param.String(doc="who they are, for those who do not see it")
    cards: list[PersonCard] = param.List(item_type=dict)
    total = param.Integer(bounds=(0, None))
    page = param.Integer(bounds=(0, None))
    page_size = param.Integer(default=8, bounds=(1, None))
    selected: str = param.String(doc="id of the chosen one")
    collected: dict[str, str] = param.Dict(default={}, doc='{"id": whom, "at": when their button was clicked}')
    chips: bool = param.Boolean(doc="names alone, to be taken out")

    _esm: ClassVar[str] = read_script("person_cards")
    _stylesheets: ClassVar[list[Any]] = [(Path(__file__).parent / "person_cards.css").read_text(encoding="utf-8")]
