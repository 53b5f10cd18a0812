"""Which tutors the list shows, and the address by which that is found again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

import panel_material_ui as pmui

from scoring.tutor_page import RISK_STATUSES, STANDINGS, Taught

RISKS: Final = dict(zip(("All", "High risk", "Low risk"), RISK_STATUSES, strict=True))
STANDING: Final = dict(zip(("Active tutors", "Former tutors", "Active and former"), STANDINGS, strict=True))
ANY_SUBJECT: Final = "Any subject"
TAUGHT_DAYS: Final = 90


class TutorFilters:
    """`changed` is called when the visitor chose something else."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._setting = False
        self._search = pmui.TextInput(label="Search name or e-mail", size="small", margin=0, width=240)
        self._risk = pmui.RadioButtonGroup(options=list(RISKS), value="All", size="small", margin=0)
        self._standing = pmui.Select(
            label="Standing", options=list(STANDING), value="Active tutors", size="small", margin=0, width=158
        )
        self._subject = pmui.Select(
            label=f"Taught in {TAUGHT_DAYS} days",
            options=[ANY_SUBJECT],
            value=ANY_SUBJECT,
            size="small",
            margin=0,
            width=158,
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
            self._subject.param.update(options=[ANY_SUBJECT, subject], value=subject)
        self._search.param.update(value=search, value_input=search)
        self._setting = False

    def offer(self, subjects: Sequence[str]) -> None:
        """Let one of these subjects be chosen; the one that is chosen stays, though nobody teaches it any more."""
        chosen = self._subject.value
        options = [ANY_SUBJECT, *subjects]
        if chosen not in options:
            options.append(chosen)
        if options != self._subject.options:
            self._setting = True
            self._subject.options = options
            self._setting = False

    def ask(self, until: datetime) -> dict[str, Any]:
        """What is asked for, as `TutorQuery` has it. until: the moment that the rates are of."""
        subject = self._subject.value
        taught = None if subject == ANY_SUBJECT else Taught(subject, until - timedelta(days=TAUGHT_DAYS), until)
        return {
            "risk_status": RISKS[self._risk.value],
            "standing": STANDING[self._standing.value],
            "search": self._search.value_input.replace("\0", ""),
            "taught": taught,
        }

    def _tell(self, *_events: Any) -> None:
        if not self._setting:
            self._changed()
