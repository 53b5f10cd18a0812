"""The foot of the matching page: a group of students and tutors, and the assignment with the least total churn."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal
from uuid import UUID

import panel as pn
import panel_material_ui as pmui
from markupsafe import Markup

from dashboards.components.data_table import DataTable
from dashboards.components.person_cards import PersonCards
from dashboards.context import Context
from dashboards.csv_export import CsvTable, show_export
from dashboards.html import show_html, update_html
from dashboards.page import LivePage
from dashboards.styles import read_style
from dashboards.views.cards import show_card, spread
from dashboards.views.match_group import (
    ASSIGNMENT_COLUMNS,
    make_table,
    render_totals,
    show_assignment,
    tell_unmatched,
)
from dashboards.views.notices import Notice, show_notice, update_notice
from scoring.assignment import ComparedAssignment, compare_matching
from scoring.match_people import MAX_LIMIT, find_students, find_tutors
from tqs.errors import QueryError

Who = Literal["students", "tutors"]

MOST_ROOM: Final = 20  # students a tutor takes
CHIPS: Final = 24
PAIRS: Final = 10
NOBODY: Final = Notice(
    "group_add",
    "Collect a group",
    f"Add students and tutors with the buttons on their cards: up to {MAX_LIMIT} of each in one run.",
)


@dataclass(frozen=True, slots=True)
class _Run:
    """An assignment, of whom it was asked, and what they are called."""

    found: ComparedAssignment
    asked: tuple[tuple[UUID, ...], tuple[UUID, ...], int]
    students: dict[UUID, str]
    tutors: dict[UUID, str]


class GroupPanel:
    """Who is in the group, and the newest assignment of it."""

    def __init__(self, context: Context, choose: Callable[[UUID, UUID], None]) -> None:
        """choose: called with the student and the tutor of the pair that the visitor clicks."""
        self._context = context
        self._choose = choose
        self._members: dict[Who, list[UUID]] = {"students": [], "tutors": []}
        self._names: dict[Who, dict[UUID, str]] = {"students": {}, "tutors": {}}
        self._run: _Run | None = None
        self._page: LivePage
        self._notice = show_notice()
        self._chips: dict[Who, PersonCards] = {}
        self._counts = {who: show_html(style="match_group") for who in self._members}
        self._room = pmui.Select(
            label="Students a tutor takes", options=list(range(1, MOST_ROOM + 1)), size="small", width=190, margin=0
        )
        self._start = pmui.Button(
            label="Find the best assignment", icon="hub", variant="contained", size="small", margin=0
        )
        self._totals = show_html(style="match_group", sizing_mode="stretch_width", margin=(0, 18, 8, 18))
        self._table = DataTable(
            label="Pairs of the assignment", columns=ASSIGNMENT_COLUMNS, page_size=PAIRS, sizing_mode="stretch_width"
        )
        self.view = pn.Column()

    def build(self, page: LivePage) -> pn.Column:
        """The card; `page` is what it acts by."""
        self._page = page
        export = show_export(self._context, page, self._export, label="Export the pairs as CSV")
        self._result = pn.Column(
            self._totals,
            self._table,
            pn.Row(export, margin=(10, 18, 14, 18)),
            sizing_mode="stretch_width",
            margin=0,
            visible=False,
        )
        self._body = pn.Column(
            pn.Column(
                *(self._show_members(who) for who in self._members),
                sizing_mode="stretch_width",
                margin=(0, 18, 12, 18),
                stylesheets=[read_style("match_sliders")],
            ),
            spread(self._room, self._start, margin=(4, 18, 14, 18)),
            sizing_mode="stretch_width",
            margin=0,
        )
        self._room.param.watch(page.refresh, "value")
        self._start.on_click(self._find)
        self._table.param.watch(page.refresh, "page")
        self._table.param.watch(self._choose_pair, "selected")
        self.view = show_card(
            "Assignment for a group",
            self._notice,
            self._body,
            self._result,
            note="Who should be taught by whom, so that the fewest students are expected to leave",
        )
        return self.view

    def members(self, who: Who) -> list[UUID]:
        """Who is in the group."""
        return self._members[who]

    def toggle(self, who: Who, one: UUID) -> None:
        """Put somebody into the group, or take them out of it; too many are refused in a sentence."""
        if one in self._members[who]:
            self._members[who].remove(one)
            self._page.refresh()
        else:
            self.add(who, [one])

    def add(self, who: Who, some: Iterable[UUID]) -> None:
        """Put these into the group, or none of them where they are too many."""
        new = [one for one in dict.fromkeys(some) if one not in self._members[who]]
        there = len(self._members[who])
        if there + len(new) > MAX_LIMIT:
            self._page.tell(
                f"Not added: a run takes up to {MAX_LIMIT} {who}, and with these there would be {there + len(new):,}. "
                "Take some out, or run two groups.",
                good=False,
            )
            return
        self._members[who].extend(new)
        self._page.refresh()

    def load(self) -> None:
        """Show the group and the newest assignment; those who are gone by now leave the group."""
        engine, members = self._context.engine, self._members
        self._names = {
            "students": {one.id: one.name for one in find_students(engine, members["students"])},
            "tutors": {one.id: one.name for one in find_tutors(engine, members["tutors"])},
        }
        for who, names in self._names.items():
            self._members[who] = list(names)
            self._show_chips(who)
        empty = not any(self._members.values())
        update_notice(self._notice, NOBODY if empty else None)
        self._body.visible = not empty
        self._start.disabled = not all(self._members.values()) or not self._context.models
        self._show_run()

    def _show_members(self, who: Who) -> pn.Column:
        chips = PersonCards(label=f"{who.capitalize()} of the group", page_size=CHIPS, chips=True, margin=0)
        chips.param.watch(lambda event: self.toggle(who, UUID(event.new["id"])), "collected")
        chips.param.watch(self._page.refresh, "page")
        self._chips[who] = chips
        clear = pmui.Button(label=f"Clear the {who}", icon="clear", variant="text", size="small", margin=0)
        clear.on_click(lambda _event: self._clear(who))
        head = spread(self._counts[who], clear, sizing_mode="stretch_width")
        return pn.Column(head, chips, sizing_mode="stretch_width", margin=0)

    def _show_chips(self, who: Who) -> None:
        names, chips = self._names[who], self._chips[who]
        if chips.page * CHIPS >= max(len(names), 1):
            chips.page = 0
        shown = list(names.items())[chips.page * CHIPS :][:CHIPS]
        chips.param.update(cards=[{"id": str(one), "name": name} for one, name in shown], total=len(names))
        count = f"{len(names):,} {who if len(names) != 1 else who.removesuffix('s')}"
        update_html(self._counts[who], Markup("<h3>{}</h3>").format(count))

    def _clear(self, who: Who) -> None:
        self._members[who] = []
        self._page.refresh()

    def _choose_pair(self, event: Any) -> None:
        pairs = [] if self._run is None else self._run.found.best.matches
        for pair in pairs:
            if str(pair.student_id) == event.new:
                self._choose(pair.student_id, pair.tutor_id)

    def _asked(self) -> tuple[tuple[UUID, ...], tuple[UUID, ...], int]:
        return tuple(self._members["students"]), tuple(self._members["tutors"]), self._room.value

    def _find(self, _event: Any) -> None:
        """Find the assignment in a thread."""
        model, asked = self._context.models["match"], self._asked()
        students, tutors, room = asked
        names = {who: dict(known) for who, known in self._names.items()}

        def find(_actor: str) -> str:
            found = compare_matching(self._context.engine, model, students, tutors, room)
            self._run = _Run(found, asked, names["students"], names["tutors"])
            return f"Found: {len(found.best.matches):,} of {len(students):,} students have a tutor."

        self._page.act_aside("viewer", find, f"Looking at {len(students) * len(tutors):,} pairs …")

    def _show_run(self) -> None:
        self._result.visible = self._run is not None
        if self._run is None:
            return
        run, found = self._run, self._run.found
        stale = "The group has changed since; find the assignment again." if run.asked != self._asked() else ""
        left = tell_unmatched(found.best, run.students)
        notes = Markup("").join(Markup("<p class=note>{}</p>").format(one) for one in (stale, left) if one)
        update_html(self._totals, render_totals(found) + notes)
        pairs = found.best.matches
        if self._table.page * PAIRS >= max(len(pairs), 1):
            self._table.page = 0
        shown = pairs[self._table.page * PAIRS :][:PAIRS]
        greedy = {pair.student_id: pair.tutor_id for pair in found.greedy.matches}
        rows: list[Any] = show_assignment(shown, greedy, run.students, run.tutors)
        self._table.param.update(rows=rows, total=len(pairs), visible=bool(pairs))

    def _export(self) -> CsvTable:
        if self._run is None:
            raise QueryError("there is no assignment to export; find one first")
        return make_table(self._run.found.best, self._run.students, self._run.tutors)
