"""How the mails stand: how many wait, which failed and why, and another try for those."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, text

from reports.contents import Notice

MOST_ERRORS: Final = 5  # told of in a notice


@dataclass(frozen=True, slots=True)
class MailCounts:
    """pending: mails that wait. failed: those that cannot be sent. Reports that a digest tells count as that one."""

    pending: int
    failed: int


def count_mails(connection: Connection) -> MailCounts:
    """How many mails wait and how many failed; cheap however many were sent."""
    return MailCounts(*connection.execute(_COUNT).one())


def notice_failed_mails(connection: Connection, now: datetime) -> Notice | None:
    """What to tell the operator of the mails that failed within the day before `now`; None where there are none."""
    failed, since = connection.execute(_FAILED, {"now": now}).one()
    if failed == 0:
        return None
    errors = connection.execute(_ERRORS, {"now": now, "most": MOST_ERRORS}).all()
    return Notice(
        topic="mails",
        what="mail could not be sent" if failed == 1 else "mails could not be sent",
        count=failed,
        since=since,
        errors=tuple((error, count) for error, count in errors),
        remedy="Correct the addresses or the settings of the mail server, then: tqs process --requeue.",
    )


def requeue_failed_mails(connection: Connection) -> int:
    """Try all failed mails again, from the first attempt on and with the same Message-ID; returns how many."""
    return connection.execute(_REQUEUE).rowcount


_COUNT: Final = text(
    """
    SELECT count(*) FILTER (WHERE state = 'pending') AS pending, count(*) FILTER (WHERE state = 'failed') AS failed
    FROM (
        SELECT state FROM email_reports WHERE state = 'pending' AND digest_id IS NULL
        UNION ALL SELECT state FROM email_reports WHERE state = 'failed' AND digest_id IS NULL
    ) m
    """
)
_RECENT: Final = """
    FROM email_reports WHERE state = 'failed' AND digest_id IS NULL AND kind <> 'notice'
        AND updated_at > CAST(:now AS timestamptz) - interval '24 hours'"""
_FAILED: Final = text(f"SELECT count(*), min(updated_at) {_RECENT}")
_ERRORS: Final = text(f"SELECT error, count(*) {_RECENT} GROUP BY error ORDER BY count(*) DESC, error LIMIT :most")
_REQUEUE: Final = text(
    """
    WITH mail AS (
        UPDATE email_reports SET state = 'pending', attempts = 0, error = NULL, not_before = clock_timestamp(),
            updated_at = clock_timestamp()
        WHERE state = 'failed' AND digest_id IS NULL RETURNING id
    ), gathered AS (
        UPDATE email_reports m SET state = 'pending', error = NULL, updated_at = clock_timestamp()
        FROM mail WHERE m.digest_id = mail.id AND m.state = 'failed'
    )
    SELECT id FROM mail
    """
)
