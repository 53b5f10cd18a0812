"""Which tutors the list shows, and the address by which that is found again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

import panel_material_ui as pmui

from scoring.tutor_page import RISK_STATUSES, STANDINGS, Taught

ALL, HIGH_RISK, LOW_RISK = RISK_STATUSES
NEWLY_FLAGGED: Final = "newly_flagged"
RISKS: Final = {"All": ALL, "High risk": HIGH_RISK, "Newly flagged": NEWLY_FLAGGED, "Low risk": LOW_RISK}
STANDING: Final = dict(zip(("Active", "Former", "Both"), STANDINGS, strict=True))
TAUGHT_DAYS: Final = 90


class TutorFilters:
    """`changed` is called when the visitor chose something else."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._setting = False
        self._search = pmui.TextInput(label="Search name or e-mail", size="small", margin=0, width=240)
        self._risk = pmui.RadioButtonGroup(options=list(RISKS), value="All", size="small", margin=0)
        self._standing = pmui.RadioButtonGroup(options=list(STANDING), value="Active", size="small", margin=0)
        self._subject = pmui.AutocompleteInput(
            label=f"Subject taught, {TAUGHT_DAYS} days",
            options=[],
            min_characters=0,
            case_sensitive=False,
            size="small",
            margin=0,
            width=250,
        )
        self.widgets = [self._search, self._risk, self._standing, self._subject]
        self._search.param.watch(self._tell, "value_input")
        for choice in (self._risk, self._standing, self._subject):
            choice.param.watch(self._tell, "value")

    def read(self, risk: str, standing: str, subject: str, search: str) -> None:
        """Set them by the words of an address, of which those that mean nothing are left out."""
        self._setting = True
        for widget, words, asked in ((self._risk, RISKS, risk), (self._standing, STANDING, standing)):
            widget.value = next((word for word, value in words.items() if value == asked), widget.value)
        if subject:
            self._subject.param.update(options=[subject], value=subject)
        self._search.param.update(value=search, value_input=search)
        self._setting = False

    def write(self) -> str:
        """The query of the address that finds this again; "" for what is usual."""
        asked = {
            "risk": (RISKS[self._risk.value], RISKS["All"]),
            "standing": (STANDING[self._standing.value], STANDING["Active"]),
            "subject": (self._subject.value or "", ""),
            "search": (self._search.value_input, ""),
        }
        query = urlencode({name: now for name, (now, usual) in asked.items() if now != usual})
        return f"?{query}" if query else ""

    def offer(self, subjects: Sequence[str]) -> None:
        """Let one of these subjects be chosen; the one that is chosen stays, though nobody teaches it any more."""
        chosen = self._subject.value
        known = {*subjects, chosen} if chosen else {*subjects}
        options = sorted(known, key=lambda subject: (subject.casefold(), subject))
        if options != self._subject.options:
            self._setting = True
            self._subject.options = options
            self._setting = False

    @property
    def newly_flagged(self) -> bool:
        """Whether only those are asked for whose flag is new."""
        return bool(RISKS[self._risk.value] == NEWLY_FLAGGED)

    def ask(self, until: datetime, newly: Sequence[UUID]) -> dict[str, Any]:
        """What is asked for, as `TutorQuery` has it.

        until: the moment that the rates are of. newly: whose flag is new.
        """
        subject = self._subject.value
        return {
            "risk_status": HIGH_RISK if self.newly_flagged else RISKS[self._risk.value],
            "among": newly if self.newly_flagged else None,
            "standing": STANDING[self._standing.value],
            "search": self._search.value_input.replace("\0", ""),
            "taught": Taught(subject, until - timedelta(days=TAUGHT_DAYS), until) if subject else None,
        }

    def _tell(self, *_events: Any) -> None:
        if not self._setting:
            self._changed()
