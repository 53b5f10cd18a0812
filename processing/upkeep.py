"""How the queue stands, what the operator is told of what failed, and the tutors' scores of a new day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from records.work import wake_processor
from reports.contents import Notice
from reports.queueing import queue_notice
from reports.upkeep import MOST_ERRORS, notice_failed_mails
from scoring.tutors import SCORED_AS_OF, score_tutors
from tqs.settings import Settings

AT_ONCE: Final = 500  # tutors; their sessions wait meanwhile
LONG_WAIT_MINUTES: Final = 15  # more than the three retries of a session's own errors take together


@dataclass(frozen=True, slots=True)
class QueueCounts:
    """Sessions not yet processed: waiting (or being processed), given up, and how long the oldest has been waiting.

    One that was processed and is to be again when it counts waits from then on, one that was queued again since that.
    """

    pending: int
    failed: int
    oldest_seconds: float


@dataclass(frozen=True, slots=True)
class FailedSession:
    """A session that could not be processed: it is tried again when it is queued again."""

    id: UUID
    session_id: UUID
    tutor_id: UUID
    error: str
    attempts: int
    failed_at: datetime


def count_queue(connection: Connection) -> QueueCounts:
    """How the queue stands; cheap however many sessions were processed."""
    return QueueCounts(*connection.execute(_COUNT).one())


def list_failed(connection: Connection, most: int | None = None) -> list[FailedSession]:
    """The sessions that failed, the newest first; of more than `most`, the newest ones."""
    return [FailedSession(*row) for row in connection.execute(_LIST_FAILED, {"most": most})]


def requeue_failed(engine: Engine, ids: Sequence[UUID] | None = None) -> int:
    """Try failed sessions again as if they never had been: those with these ids (theirs, or of `list_failed`), or all.

    Returns how many they are.
    """
    chosen = None if ids is None else [str(key) for key in ids]
    with engine.connect() as connection:
        requeued = connection.execute(_REQUEUE, {"ids": chosen}).rowcount
        connection.commit()
        wake_processor(connection)
    return requeued


def notice_failed_sessions(connection: Connection) -> Notice | None:
    """What to tell the operator of the sessions that failed; None where there are none."""
    failed, since = connection.execute(_FAILED).one()
    if failed == 0:
        return None
    errors = connection.execute(_ERRORS, {"most": MOST_ERRORS}).all()
    return Notice(
        topic="sessions",
        what="session could not be processed" if failed == 1 else "sessions could not be processed",
        count=failed,
        since=since,
        errors=tuple((error, count) for error, count in errors),
        remedy="List them with: tqs process --failed. Once the reason is gone: tqs process --requeue.",
    )


def notice_waiting_sessions(connection: Connection) -> Notice | None:
    """What to tell the operator of sessions that wait too long, as if nobody processed; None where there are none."""
    waiting, since = connection.execute(_WAITING).one()
    if waiting == 0:
        return None
    return Notice(
        topic="waiting",
        what=f"{'session has' if waiting == 1 else 'sessions have'} waited longer than {LONG_WAIT_MINUTES} minutes",
        count=waiting,
        since=since,
        errors=(),
        remedy="See that a processor runs, and whether its log says what holds it up: tqs up processor, or by hand "
        "tqs process.",
    )


def keep_up(engine: Engine, settings: Settings, now: datetime) -> None:
    """What is to be done from time to time: tell the operator what failed or waits, and score each tutor once a day.

    Windows pass without an event, so of a tutor without sessions the figures would stand still. The day is that of
    `now` in UTC, as in the tutors' history.
    """
    operators = settings.operator_recipients or settings.report_recipients
    with engine.begin() as connection:
        if operators:
            for notice in (
                notice_failed_sessions(connection),
                notice_waiting_sessions(connection),
                notice_failed_mails(connection, now),
            ):
                if notice is not None:
                    queue_notice(connection, notice, recipients=operators, now=now)
        unscored = connection.execute(_UNSCORED, {"now": now}).scalars().all()
    for start in range(0, len(unscored), AT_ONCE):
        score_tutors(engine, now, tutors=unscored[start : start + AT_ONCE])


_OPEN: Final = """(
        SELECT state, state = 'pending' AND coalesce(counts_from <= now(), true) AS waits,
            greatest(created_at, counts_from) AS since
        FROM work_items WHERE state <> 'done'
    ) open"""
_COUNT: Final = text(
    f"""
    SELECT count(*) FILTER (WHERE waits), count(*) FILTER (WHERE state = 'failed'),
        coalesce(extract(epoch FROM now() - min(since) FILTER (WHERE waits)), 0)::float8
    FROM {_OPEN}
    """
)
_WAITING: Final = text(
    f"""
    SELECT count(*), min(since) FROM {_OPEN}
    WHERE waits AND since < now() - interval '{LONG_WAIT_MINUTES} minutes'
    """
)
_LIST_FAILED: Final = text(
    """
    SELECT w.id, w.session_id, s.tutor_id, w.last_error, w.attempts, w.updated_at
    FROM work_items w JOIN sessions s ON s.id = w.session_id WHERE w.state = 'failed' ORDER BY w.updated_at DESC, w.id
    LIMIT :most
    """
)
_REQUEUE: Final = text(
    """
    UPDATE work_items SET state = 'pending', attempts = 0, errors = 0, last_error = NULL,
        not_before = clock_timestamp(), counts_from = clock_timestamp(), updated_at = clock_timestamp()
    WHERE state = 'failed' AND (CAST(:ids AS uuid[]) IS NULL
        OR id = ANY(CAST(:ids AS uuid[])) OR session_id = ANY(CAST(:ids AS uuid[])))
    """
)
_FAILED: Final = text("SELECT count(*), min(updated_at) FROM work_items WHERE state = 'failed'")
_ERRORS: Final = text(
    """
    SELECT last_error, count(*) FROM work_items WHERE state = 'failed'
    GROUP BY last_error ORDER BY count(*) DESC, last_error LIMIT :most
    """
)
_UNSCORED: Final = text(
    f"""
    SELECT t.id::text FROM tutors t LEFT JOIN tutor_scores old ON old.tutor_id = t.id WHERE NOT EXISTS (
        SELECT FROM tutor_score_history h WHERE h.tutor_id = t.id AND h.day = ({SCORED_AS_OF} AT TIME ZONE 'UTC')::date)
    ORDER BY t.id
    """
)
