"""What the list of the sessions ahead shows, in which order, and the address by which that is found again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

import panel_material_ui as pmui

from scoring.upcoming_list import SORT_ORDERS, SORTS, UpcomingQuery

RISKS: Final = {"All risks": "", "High": "high", "Medium": "medium", "Low": "low"}
DAYS: Final = {"1 day": 1, "2 days": 2, "7 days": 7, "14 days": 14}
HANDLED: Final[dict[str, str]] = {"All": "", "Not handled": "no", "Handled": "yes"}
USUAL_DAYS: Final = "7 days"
USUAL_SORT: Final = {"by": "reschedule_probability", "order": "desc"}


class SessionFilters:
    """`changed` is called when the visitor chose something else. sort: as the table has it."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self.sort = dict(USUAL_SORT)
        self._changed = changed
        self._setting = False
        self._search = pmui.TextInput(label="Search tutor", size="small", margin=0, width=200)
        self._risk = _show_choice(RISKS, "All risks")
        self._days = _show_choice(DAYS, USUAL_DAYS)
        self._handled = _show_choice(HANDLED, "All")
        self.widgets = [self._search, self._days, self._risk, self._handled]
        self._search.param.watch(self._tell, "value_input")
        for choice in (self._risk, self._days, self._handled):
            choice.param.watch(self._tell, "value")

    @property
    def days(self) -> int:
        """How many days ahead are listed."""
        return DAYS[self._days.value]

    @property
    def handled(self) -> bool | None:
        """Whether only those are listed that are handled (True), that are not (False), or both (None)."""
        return {"": None, "no": False, "yes": True}[HANDLED[self._handled.value]]

    def query(self, limit: int, offset: int) -> UpcomingQuery:
        """What is asked for."""
        return UpcomingQuery(
            days_ahead=self.days,
            risk_level=RISKS[self._risk.value] or None,
            sort_by=self.sort["by"],
            sort_order=self.sort["order"],
            limit=limit,
            offset=offset,
            tutor_search=self._search.value_input.replace("\0", ""),
            handled=self.handled,
        )

    def read(self, risk: str, days: str, handled: str, tutor: str) -> None:
        """Set them by the words of an address, of which those that mean nothing are left out."""
        self._set(self._risk, RISKS, risk)
        self._set(self._handled, HANDLED, handled)
        if days.isascii() and days.isdigit():
            self.reach(timedelta(days=min(int(days), max(DAYS.values()))), at_least=False)
        self._search.param.update(value=tutor, value_input=tutor)

    def read_sort(self, by: str, order: str) -> None:
        """As `read`, the order."""
        if by in SORTS and order in (*SORT_ORDERS, ""):
            self.sort = {"by": by, "order": order or "asc"}

    def reach(self, ahead: timedelta, *, at_least: bool = True) -> None:
        """List as many days as it takes to have a session that far ahead; at_least: not fewer than now."""
        enough = next((name for name, days in DAYS.items() if timedelta(days=days) >= ahead), self._days.value)
        if not at_least or DAYS[enough] > self.days:
            self._silently(self._days, enough)

    def show_all(self) -> None:
        """Those that are handled and those that are not."""
        self._silently(self._handled, "All")

    def write(self, session: UUID | None) -> str:
        """The query of the address that finds this again, with the session that was chosen; "" for what is usual."""
        usual = {"risk": "", "handled": "", "tutor": "", "days": DAYS[USUAL_DAYS]}
        now = {
            "risk": RISKS[self._risk.value],
            "handled": HANDLED[self._handled.value],
            "tutor": self._search.value_input,
            "days": self.days,
        }
        asked: dict[str, Any] = {name: value for name, value in now.items() if value != usual[name]}
        if self.sort != USUAL_SORT:
            asked |= {"sort": self.sort["by"], "order": self.sort["order"]}
        if session is not None:
            asked["session"] = str(session)
        return f"?{urlencode(asked)}" if asked else ""

    def _set(self, choice: Any, names: dict[str, str], word: str) -> None:
        for name, value in names.items():
            if word and value == word:
                self._silently(choice, name)

    def _silently(self, choice: Any, name: str) -> None:
        self._setting = True
        choice.value = name
        self._setting = False

    def _tell(self, *_events: Any) -> None:
        if not self._setting:
            self._changed()


def _show_choice(names: dict[str, Any], value: str) -> Any:
    return pmui.RadioButtonGroup(options=list(names), value=value, size="small", margin=0)
