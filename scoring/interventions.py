"""What people did, or asked for, about a session or a tutor: a reminder by e-mail, a call, another tutor, a note."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, Engine, Row, insert, text

from access.audit import record_action
from records.json_sql import json_columns, json_list, json_object
from records.tables import interventions
from records.tables.operations import INTERVENTIONS
from scoring.reminders import ReminderMail, queue_reminder_mails, read_recent_reminders
from scoring.session_predictions import require_ahead
from tqs.errors import ConflictError, NotFoundError, QueryError

NEEDS_SESSION_AHEAD: Final = ("reminder", "reassign")
ABOUT_TUTORS: Final = tuple(kind for kind in INTERVENTIONS if kind != "reminder")
LONGEST_NOTE: Final = 2_000
MAX_LIMIT: Final = 500
COLUMNS: Final = ("id", "session_id", "tutor_id", "kind", "note", "actor", "created_at")


@dataclass(frozen=True, slots=True)
class Intervention:
    """A row of `interventions`. session_id: None where it is about the tutor."""

    id: UUID
    session_id: UUID | None
    tutor_id: UUID
    kind: str
    note: str | None
    actor: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a session, and whether it was its tutor who moved or cancelled it."""

    status: str
    tutor_rescheduled: bool


@dataclass(frozen=True, slots=True)
class ListedIntervention(Intervention):
    """An intervention with whom and what it is about.

    tutor: the name. automatic: a reminder that no person asked for. scheduled_time, outcome: of the session; None where
    it is about the tutor, and the outcome also until there is one.
    """

    tutor: str
    automatic: bool
    scheduled_time: datetime | None
    outcome: Outcome | None


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
        the session is not ahead and the kind needs one that is; no such kind; a note that cannot be kept.
    ConflictError
        a reminder that nobody would get (the tutor has no e-mail address, or is not active any more) or that comes
        within an hour of another one of this session. One whose e-mail failed does not count.
    """
    _require_form(kind, note, INTERVENTIONS, "a session")
    with engine.begin() as connection:
        session = connection.execute(_SESSION, {"id": session_id}).one_or_none()
        if session is None:
            raise NotFoundError(f"there is no session {session_id}")
        if kind in NEEDS_SESSION_AHEAD:
            require_ahead(session_id, session.status, session.scheduled_time, now)
        if kind == "reminder":
            _require_addressee(session)
            _require_pause(connection, session_id, now)
        made = _record(connection, session_id, session.tutor_id, kind, note, now, actor)
        if kind == "reminder":
            mail = ReminderMail(made.id, session_id, session.email, session.scheduled_time)
            queue_reminder_mails(connection, [mail], timezone)
    return made


def intervene_tutor(
    engine: Engine, tutor_id: UUID, kind: str, note: str | None, now: datetime, *, actor: str
) -> Intervention:
    """Record an intervention (of ABOUT_TUTORS) about a tutor and no session of theirs, also where they are not active.

    Raises
    ------
    NotFoundError
        there is no tutor of that id.
    QueryError
        no such kind (a reminder is of a session); a note that cannot be kept.
    """
    _require_form(kind, note, ABOUT_TUTORS, "a tutor")
    with engine.begin() as connection:
        if connection.execute(_TUTOR, {"id": tutor_id}).one_or_none() is None:
            raise NotFoundError(f"there is no tutor {tutor_id}")
        return _record(connection, None, tutor_id, kind, note, now, actor)


def list_interventions(
    engine: Engine,
    *,
    session_id: UUID | None = None,
    tutor_id: UUID | None = None,
    limit: int = 50,
    offset: int = 0,
) -> list[ListedIntervention]:
    """Interventions, the newest first: about one session, about one tutor and their sessions, or all.

    Raises
    ------
    NotFoundError
        there is no session, or no tutor, of that id.
    QueryError
        a limit outside 1-500 or a negative offset.
    """
    if not 1 <= limit <= MAX_LIMIT:
        raise QueryError(f"limit is {limit}; it can be 1 to {MAX_LIMIT}")
    if offset < 0:
        raise QueryError(f"offset is {offset}; it can be 0 or more")
    asked = {"session": session_id, "tutor": tutor_id, "limit": limit, "offset": offset}
    with engine.connect() as connection:
        for name, key, query in (("session", session_id, _SESSION_EXISTS), ("tutor", tutor_id, _TUTOR)):
            if key is not None and connection.execute(query, {"id": key}).one_or_none() is None:
                raise NotFoundError(f"there is no {name} {key}")
        rows = connection.execute(_LISTED, asked).all()
    return [_make_listed(row) for row in rows]


def _require_form(kind: str, note: str | None, kinds: tuple[str, ...], about: str) -> None:
    if kind not in kinds:
        raise QueryError(f"{kind!r} is no intervention about {about}; those are {', '.join(kinds)}")
    if note is not None and not 1 <= len(note) <= LONGEST_NOTE:
        raise QueryError(f"the note has {len(note):,} characters; write 1 to {LONGEST_NOTE:,}, or none")
    if note is not None and any(character == "\0" or "\ud800" <= character <= "\udfff" for character in note):
        raise QueryError("the note holds a character that no text in the database can hold; leave it out")


def _require_addressee(session: Row[Any]) -> None:
    if not session.is_active:
        raise ConflictError("the tutor of this session is not active any more and is sent no e-mail; reassign it")
    if not session.email:
        raise ConflictError("the tutor of this session has no e-mail address; call, and record it with the kind call")


def _require_pause(connection: Connection, session_id: UUID, now: datetime) -> None:
    last = read_recent_reminders(connection, [session_id], now).get(session_id)
    if last is not None:
        raise ConflictError(
            f"a reminder of this session was queued at {last.isoformat()}; another one can follow after an hour"
        )


def _record(
    connection: Connection,
    session_id: UUID | None,
    tutor_id: UUID,
    kind: str,
    note: str | None,
    now: datetime,
    actor: str,
) -> Intervention:
    values = {"session_id": session_id, "tutor_id": tutor_id, "kind": kind, "note": note, "actor": actor}
    added = insert(interventions).values(**values, created_at=now, updated_at=now)
    row = connection.execute(added.returning(*(interventions.c[name] for name in COLUMNS))).one()
    details = {"kind": kind, "intervention": str(row.id)}
    record_action(connection, actor, "intervene", str(session_id or tutor_id), details)
    return Intervention(**row._mapping)


def _make_listed(row: Row[Any]) -> ListedIntervention:
    values = dict(row._mapping)
    status, moved = values.pop("status"), values.pop("tutor_rescheduled")
    over = status not in (None, "scheduled")
    return ListedIntervention(**values, outcome=Outcome(status, moved) if over else None)


# Locked against other writers, so that of two reminders at once the second sees the first.
_SESSION: Final = text(
    """
    SELECT s.status, s.scheduled_time, s.tutor_id, t.email, t.is_active
    FROM sessions s JOIN tutors t ON t.id = s.tutor_id WHERE s.id = :id FOR NO KEY UPDATE OF s
    """
)
_SESSION_EXISTS: Final = text("SELECT FROM sessions WHERE id = :id")
_TUTOR: Final = text("SELECT FROM tutors WHERE id = :id")

_FIELDS: Final = f"""
    {", ".join(f"i.{name}" for name in COLUMNS)}, s.scheduled_time, s.status,
    coalesce(r.initiator = 'tutor', false) AS tutor_rescheduled"""
_SOURCES: Final = """
    interventions i LEFT JOIN sessions s ON s.id = i.session_id
    LEFT JOIN reschedules r ON r.session_id = s.id AND s.status = 'rescheduled'"""
_NEWEST_FIRST: Final = "ORDER BY i.created_at DESC, i.id"

_LISTED: Final = text(
    f"""
    SELECT {_FIELDS}, t.name AS tutor, a.session_id IS NOT NULL AS automatic
    FROM {_SOURCES} JOIN tutors t ON t.id = i.tutor_id LEFT JOIN automatic_reminders a ON a.intervention_id = i.id
    WHERE (CAST(:session AS uuid) IS NULL OR i.session_id = :session)
        AND (CAST(:tutor AS uuid) IS NULL OR i.tutor_id = :tutor)
    {_NEWEST_FIRST} LIMIT :limit OFFSET :offset
    """
)
_PAGE: Final = f"SELECT {_FIELDS} FROM {_SOURCES} WHERE i.session_id = $1 {_NEWEST_FIRST} LIMIT $2 OFFSET $3"
_OUTCOME: Final = json_object(json_columns(("status", "tutor_rescheduled"), "r"))
_ANSWER: Final = {
    "interventions": json_list(
        json_columns(COLUMNS, "r") | {"outcome": f"CASE WHEN r.status <> 'scheduled' THEN {_OUTCOME} END"}, _PAGE
    ),
    "total": "(SELECT count(*) FROM interventions WHERE session_id = $1)",
    "limit": "CAST($2 AS bigint)",
    "offset": "CAST($3 AS bigint)",
}
INTERVENTION_PAGE: Final = f"SELECT {json_object(_ANSWER)}::text FROM sessions WHERE id = $1"
"""A session's interventions, the newest first, as JSON: $1 its id, $2 limit, $3 offset. No row where it is unknown."""
