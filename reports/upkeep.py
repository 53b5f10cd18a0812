"""Which mails failed and why, and another try for them."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Connection, text

from records.work import RECENT_DAYS
from reports.contents import Notice

MOST_ERRORS: Final = 5  # told of in a notice


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
    """Try the mails that failed within RECENT_DAYS again, from the first attempt on and with the same Message-ID.

    But for notices: a new one tells of what still fails. Returns how many.
    """
    return connection.execute(_REQUEUE, {"days": RECENT_DAYS}).rowcount


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
        WHERE state = 'failed' AND digest_id IS NULL AND kind <> 'notice'
            AND updated_at > clock_timestamp() - :days * interval '1 day'
        RETURNING id
    ), gathered AS (
        UPDATE email_reports m SET state = 'pending', error = NULL, updated_at = clock_timestamp()
        FROM mail WHERE m.digest_id = mail.id AND m.state = 'failed'
    )
    SELECT id FROM mail
    """
)
