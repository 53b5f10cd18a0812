"""Reminders that nobody has to ask for, and the tutors who get none of them, so that one can see what they are worth.

A tutor is drawn into an arm once, when a session of theirs first calls for a reminder: `treated`, or `hold_out` with
the probability `settings.reminder_hold_out`. Tutors and not sessions, because a reminder of one session changes what a
tutor does about the next. Sessions of both arms are found by the same rule and written down in the same run; what
differs is only that those of treated tutors are reminded of. `scoring.reminder_report` compares the arms.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import Connection, Engine, Row, insert, text

from access.audit import ITSELF, record_action
from records.locking import run_alone
from records.tables import automatic_reminders, interventions
from scoring.reminders import ReminderMail, queue_reminder_mails, read_recent_reminders
from tqs.settings import Settings

SEED: Final = "tqs automatic reminders"  # of the draw; no secret


@dataclass(frozen=True, slots=True)
class ReminderRun:
    """What a run did. held_out: sessions that would have been reminded of. new_tutors: drawn into an arm by it."""

    reminded: int
    held_out: int
    new_tutors: int


def remind_tutors(engine: Engine, settings: Settings, now: datetime) -> ReminderRun | None:
    """Queue a reminder of each session ahead that calls for one, once a session; None where they are off.

    A session calls for one where it is still scheduled, starts within `settings.reminder_hours` after `now`, its stored
    probability of a reschedule is at least `settings.reminder_threshold`, its tutor is active and has an e-mail
    address, and no reminder of it was queued within the last hour. One that somebody is changing at this moment is
    left for the next run.
    """
    if settings.reminder_threshold is None:
        return None
    with engine.begin() as connection:
        run_alone(connection, "automatic reminders")
        until = now + timedelta(hours=settings.reminder_hours)
        asked = {"threshold": settings.reminder_threshold, "now": now, "until": until}
        locked = connection.execute(_CALLING, asked).all()
        recent = read_recent_reminders(connection, [row.session_id for row in locked], now)
        calling = [row for row in locked if row.session_id not in recent]
        if not calling:
            return ReminderRun(0, 0, 0)
        new, arms = _draw_arms(connection, calling, settings.reminder_hold_out, now)
        reminded = _write(connection, calling, arms, settings, now)
        run = ReminderRun(reminded, len(calling) - reminded, new)
        details = {"reminded": run.reminded, "held_out": run.held_out, "threshold": settings.reminder_threshold}
        record_action(connection, ITSELF, "remind tutors", "sessions ahead", details)
    return run


def _draw_arms(
    connection: Connection, calling: list[Row[Any]], share: float, now: datetime
) -> tuple[int, dict[UUID, str]]:
    """Draw the tutors that are in no arm yet; how many there were, and the arm of each tutor."""
    asked = {"tutors": [str(tutor) for tutor in {row.tutor_id for row in calling}]}
    new = connection.execute(_DRAW, asked | {"seed": SEED, "share": share, "now": now}).rowcount
    return new, {row.tutor_id: row.arm for row in connection.execute(_ARMS, asked)}


def _write(
    connection: Connection, calling: list[Row[Any]], arms: dict[UUID, str], settings: Settings, now: datetime
) -> int:
    """Write down all sessions, and remind of those of treated tutors; returns how many these are."""
    mails = {
        row.session_id: ReminderMail(uuid4(), row.session_id, row.email, row.scheduled_time)
        for row in calling
        if arms[row.tutor_id] == "treated"
    }
    if mails:
        acted = {"kind": "reminder", "actor": ITSELF, "created_at": now, "updated_at": now}
        rows = [
            {"id": mails[row.session_id].intervention_id, "session_id": row.session_id, "tutor_id": row.tutor_id}
            for row in calling
            if row.session_id in mails
        ]
        connection.execute(insert(interventions), [row | acted for row in rows])
        queue_reminder_mails(connection, list(mails.values()), settings.timezone)
    connection.execute(
        insert(automatic_reminders),
        [
            {
                "session_id": row.session_id,
                "tutor_id": row.tutor_id,
                "arm": arms[row.tutor_id],
                "intervention_id": mails[row.session_id].intervention_id if row.session_id in mails else None,
                "probability": row.probability,
                "threshold": settings.reminder_threshold,
                "model_version": row.model_version,
                "decided_at": now,
            }
            for row in calling
        ],
    )
    return len(mails)


# Locked, so that nobody reminds of them by hand meanwhile.
_CALLING: Final = text(
    """
    SELECT s.id AS session_id, s.tutor_id, s.scheduled_time, t.email, p.probability, p.model_version
    FROM session_reschedule_predictions p
    JOIN sessions s ON s.id = p.session_id AND s.scheduled_time = p.scheduled_time  -- else it was moved since
    JOIN tutors t ON t.id = s.tutor_id
    WHERE p.target = 'reschedule' AND p.probability >= :threshold
        AND p.scheduled_time > :now AND p.scheduled_time <= :until
        AND s.status = 'scheduled' AND t.is_active AND t.email <> ''
        AND NOT EXISTS (SELECT FROM automatic_reminders a WHERE a.session_id = s.id)
    ORDER BY s.scheduled_time, s.id FOR NO KEY UPDATE OF s SKIP LOCKED
    """
)
# SHA-256 of seed and id as a number in [0, 1), of its first 52 bits: the same on every server and in every version.
_DRAW: Final = text(
    """
    INSERT INTO reminder_arms (tutor_id, arm, share, assigned_at)
    SELECT id, CASE WHEN draw < :share THEN 'hold_out' ELSE 'treated' END, :share, :now
    FROM (
        SELECT id, ('x' || left(encode(sha256(convert_to(:seed || ' ' || id, 'UTF8')), 'hex'), 13))::bit(52)::bigint
            / 2.0::float8 ^ 52 AS draw
        FROM unnest(CAST(:tutors AS uuid[])) AS id
    ) drawn
    ORDER BY id ON CONFLICT (tutor_id) DO NOTHING
    """
)
_ARMS: Final = text("SELECT tutor_id, arm FROM reminder_arms WHERE tutor_id = ANY(CAST(:tutors AS uuid[]))")
