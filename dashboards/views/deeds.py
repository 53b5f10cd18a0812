"""What can be done about a session, and what was, as people read it: a word and an icon, on every page the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from scoring.session_deeds import SessionDeed


@dataclass(frozen=True, slots=True)
class DeedWords:
    """A kind of intervention. ask: on its button. send: on the one that does it. done: once it is."""

    ask: str
    send: str
    done: str
    icon: str


DEEDS: Final[dict[str, DeedWords]] = {
    "reminder": DeedWords("Remind", "Send reminder", "Reminded", "mail"),
    "call": DeedWords("Call", "Record call", "Called", "call"),
    "reassign": DeedWords("Reassign", "Record reassignment", "Reassigned", "swap_horiz"),
    "note": DeedWords("Note", "Save note", "Noted", "edit_note"),
}
MAILS: Final = {"pending": "mail queued", "sent": "mail sent", "failed": "mail failed"}
KEPT: Final = {"sent": "mail kept as a file"}  # where no mail server is set


def say_done(deed: SessionDeed) -> str:
    """The deed in a word or two."""
    if deed.failed:
        return "Reminder failed"
    return DEEDS[deed.kind].done
