"""What people did, or asked for, about a session: a reminder by e-mail, a call, another tutor, a note."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Engine, Row, insert, text

from access.audit import record_action
from records.json_sql import json_columns, json_list, json_object
from records.tables import email_reports, interventions
from scoring.session_predictions import require_ahead
from tqs.errors import ConflictError, NotFoundError

NEEDS_SESSION_AHEAD: Final = ("reminder", "reassign")
REMINDER_PAUSE: Final = timedelta(hours=1)
COLUMNS: Final = ("id", "session_id", "tutor_id", "kind", "note", "actor", "created_at")


@dataclass(frozen=True, slots=True)
class Intervention:
    """A row of `interventions`."""

    id: UUID
    session_id: UUID
    tutor_id: UUID
    kind: str
    note: str | None
    actor: str
    created_at: datetime


def intervene(
    engine: Engine, session_id: UUID, kind: str, note: str | None, now: datetime, *, timezone: str = "UTC", actor: str
) -> Intervention:
    """Record an intervention (of `records.tables.operations.INTERVENTIONS`); a reminder queues its e-mail to the tutor.

    A reminder and a reassignment are about a session ahead; a call and a note may be about any.

    timezone: IANA name of the zone in which the subject of the e-mail tells the time.

    Raises
    ------
    NotFoundError
        there is no session of that id.
    QueryError
        the session is not ahead and the kind needs one that is.
    ConflictError
        a reminder that nobody would get (the tutor has no e-mail address, or is not active any more) or that comes
        within an hour of another one of this session. One whose e-mail failed does not count.
    """
    with engine.begin() as connection:
        session = connection.execute(_SESSION, {"id": session_id}).one_or_none()
        if session is None:
            raise NotFoundError(f"there is no session {session_id}")
        if kind in NEEDS_SESSION_AHEAD:
            require_ahead(session_id, session.status, session.scheduled_time, now)
        if kind == "reminder":
            _require_addressee(session)
            _require_pause(connection, session_id, now)
        values = {"session_id": session_id, "tutor_id": session.tutor_id, "kind": kind, "note": note, "actor": actor}
        added = insert(interventions).values(**values, created_at=now, updated_at=now)
        row = connection.execute(added.returning(*(interventions.c[name] for name in COLUMNS))).one()
        if kind == "reminder":
            _queue_mail(connection, row.id, session_id, session, timezone)
        record_action(connection, actor, "intervene", str(session_id), {"kind": kind, "intervention": str(row.id)})
    return Intervention(**row._mapping)


def _require_addressee(session: Row[Any]) -> None:
    if not session.is_active:
        raise ConflictError("the tutor of this session is not active any more and is sent no e-mail; reassign it")
    if not session.email:
        raise ConflictError("the tutor of this session has no e-mail address; call, and record it with the kind call")


def _require_pause(connection: Connection, session_id: UUID, now: datetime) -> None:
    last = connection.scalar(_LAST_REMINDER, {"id": session_id, "since": now - REMINDER_PAUSE})
    if last is not None:
        raise ConflictError(
            f"a reminder of this session was queued at {last.isoformat()}; another one can follow after an hour"
        )


def _queue_mail(
    connection: Connection, intervention_id: UUID, session_id: UUID, session: Row[Any], timezone: str
) -> None:
    start = session.scheduled_time.astimezone(ZoneInfo(timezone))
    connection.execute(
        insert(email_reports).values(
            kind="reminder",
            session_id=session_id,
            intervention_id=intervention_id,
            recipient=session.email,
            subject=f"Reminder: your session on {start:%A}, {start.day} {start:%B %Y} at {start:%H:%M} ({timezone})",
            # Of the intervention, so that a mail that is sent again is the same one to whoever receives it.
            message_id=f"<reminder.{intervention_id}@tqs.invalid>",
        )
    )


# Locked against other writers, so that of two reminders at once the second sees the first.
_SESSION: Final = text(
    """
    SELECT s.status, s.scheduled_time, s.tutor_id, t.email, t.is_active
    FROM sessions s JOIN tutors t ON t.id = s.tutor_id WHERE s.id = :id FOR NO KEY UPDATE OF s
    """
)
_LAST_REMINDER: Final = text(
    """
    SELECT max(i.created_at) FROM interventions i LEFT JOIN email_reports m ON m.intervention_id = i.id
    WHERE i.session_id = :id AND i.kind = 'reminder' AND i.created_at > :since AND m.state IS DISTINCT FROM 'failed'
    """
)
_PAGE: Final = f"""
    SELECT {", ".join(COLUMNS)} FROM interventions WHERE session_id = $1 ORDER BY created_at DESC, id
    LIMIT $2 OFFSET $3"""
_ANSWER: Final = {
    "interventions": json_list(json_columns(COLUMNS, "r"), _PAGE),
    "total": "(SELECT count(*) FROM interventions WHERE session_id = $1)",
    "limit": "CAST($2 AS bigint)",
    "offset": "CAST($3 AS bigint)",
}
INTERVENTION_PAGE: Final = f"SELECT {json_object(_ANSWER)}::text FROM sessions WHERE id = $1"
"""A session's interventions, the newest first, as JSON: $1 its id, $2 limit, $3 offset. No row where it is unknown."""
