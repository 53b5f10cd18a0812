"""Who did something, as people read it."""

from __future__ import annotations

from typing import Final

from access.audit import COMMAND_LINE, GATE, ITSELF, PERSON

NAMES: Final = {ITSELF: "automatic", GATE: "the gate", COMMAND_LINE: "the command line"}


def name_actor(actor: str) -> str:
    """Whom a manager reads for what the audit log calls an actor."""
    return NAMES.get(actor) or actor.removeprefix(PERSON)
