"""What was done about sessions, by whom, and what became of its mail."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, text

from records.interference import TREATMENTS, TREATS

HANDLES: Final = f"""{TREATS} AND NOT EXISTS (
        SELECT FROM email_reports m WHERE m.intervention_id = i.id AND m.state = 'failed' AND m.digest_id IS NULL)"""
"""SQL over an intervention `i` about a session: whether it handles it, as `SessionDeed.handles` says."""


@dataclass(frozen=True, slots=True)
class SessionDeed:
    """An intervention about a session.

    kind: of `records.tables.operations.INTERVENTIONS`. automatic: a reminder that no person asked for. mail: pending,
    sent or failed; None where it needs none.
    """

    session_id: UUID
    kind: str
    note: str | None
    actor: str
    created_at: datetime
    automatic: bool
    mail: str | None

    @property
    def failed(self) -> bool:
        """Whether its mail could not be sent, so that it reached nobody."""
        return self.mail == "failed"

    @property
    def handles(self) -> bool:
        """Whether the session counts as handled by it: a note does nothing about it, nor does what failed."""
        return self.kind in TREATMENTS and not self.failed


def read_session_deeds(connection: Connection, sessions: Iterable[UUID]) -> dict[UUID, list[SessionDeed]]:
    """The deeds of each of these sessions that has some, the newest first."""
    found: dict[UUID, list[SessionDeed]] = {}
    for row in connection.execute(_DEEDS, {"sessions": [str(session) for session in sessions]}):
        found.setdefault(row.session_id, []).append(SessionDeed(**row._mapping))
    return found


_DEEDS: Final = text(
    """
    SELECT i.session_id, i.kind, i.note, i.actor, i.created_at, a.session_id IS NOT NULL AS automatic, m.state AS mail
    FROM interventions i
    LEFT JOIN automatic_reminders a ON a.intervention_id = i.id
    LEFT JOIN email_reports m ON m.intervention_id = i.id
    WHERE i.session_id = ANY(CAST(:sessions AS uuid[])) ORDER BY i.created_at DESC, i.id
    """
)
