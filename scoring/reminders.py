"""Mails that remind a tutor of a session: when one was last queued, and one more."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, insert, text

from records.tables import email_reports

REMINDER_PAUSE: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class ReminderMail:
    """The mail of the intervention `intervention_id`, a reminder of a session."""

    intervention_id: UUID
    session_id: UUID
    recipient: str
    scheduled_time: datetime


def read_recent_reminders(connection: Connection, sessions: Iterable[UUID], now: datetime) -> dict[UUID, datetime]:
    """When the last reminder of a session was queued, of those of which one was within REMINDER_PAUSE before `now`.

    One whose mail failed does not count. Lock the sessions before, so that nobody adds one meanwhile.
    """
    asked = {"sessions": [str(session) for session in sessions], "since": now - REMINDER_PAUSE}
    return {row.session_id: row.at for row in connection.execute(_RECENT, asked)}


def queue_reminder_mails(connection: Connection, mails: Sequence[ReminderMail], timezone: str) -> None:
    """Queue mails of reminders whose rows are there, within the connection's transaction.

    timezone: IANA name of the zone in which the subjects tell the time.
    """
    zone = ZoneInfo(timezone)
    rows = [
        {
            "kind": "reminder",
            "session_id": mail.session_id,
            "intervention_id": mail.intervention_id,
            "recipient": mail.recipient,
            "subject": _write_subject(mail.scheduled_time.astimezone(zone), timezone),
            # Of the intervention, so that a mail that is sent again is the same one to whoever receives it.
            "message_id": f"<reminder.{mail.intervention_id}@tqs.invalid>",
        }
        for mail in mails
    ]
    if rows:
        connection.execute(insert(email_reports), rows)


def _write_subject(start: datetime, timezone: str) -> str:
    return f"Reminder: your session on {start:%A}, {start.day} {start:%B %Y} at {start:%H:%M} ({timezone})"


_RECENT: Final = text(
    """
    SELECT i.session_id, max(i.created_at) AS at
    FROM interventions i LEFT JOIN email_reports m ON m.intervention_id = i.id
    WHERE i.session_id = ANY(CAST(:sessions AS uuid[])) AND i.kind = 'reminder' AND i.created_at > :since
        AND m.state IS DISTINCT FROM 'failed'
    GROUP BY i.session_id
    """
)
