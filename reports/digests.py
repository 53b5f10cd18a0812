"""Many reports in one mail: all of them by the hour or day, or those above what somebody is sent within an hour."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

Mode = Literal["each", "hourly", "daily"]
HOUR: Final = timedelta(hours=1)


def gather_reports(connection: Connection, mode: Mode, cap: int, timezone: str, now: datetime) -> int:
    """Put waiting reports into the digests that will tell them; returns how many.

    In the mode each, these are the ones above `cap` mails that a recipient is sent within the hour of `now`, by the
    order in which they were queued; else all. A digest goes out at the end of its period. A report from before this
    period joins the last digest, unless that was handed over already: what a mail says does not change between
    attempts. A report that was handed over by itself stays a mail of its own.

    Nobody else may gather or claim meanwhile.
    """
    start, end = find_period("daily" if mode == "daily" else "hourly", timezone, now)
    values = {"cap": cap if mode == "each" else 0, "each": mode == "each", "start": start, "end": end}
    gathered = 0
    for recipient, period_end, mails in connection.execute(_FIND, values).all():
        digest = connection.scalar(_OPEN_DIGEST, {"recipient": recipient, "period_end": period_end})
        gathered += connection.execute(_GATHER, {"digest": digest, "mails": [str(mail) for mail in mails]}).rowcount
    return gathered


def find_period(mode: Literal["hourly", "daily"], timezone: str, now: datetime) -> tuple[datetime, datetime]:
    """The hour or day, on the clocks of `timezone`, that `now` lies in: start <= now < end, in UTC."""
    zone = ZoneInfo(timezone)
    local = now.astimezone(zone)
    if mode == "daily":
        days = (local.date(), local.date() + timedelta(days=1))
        start, end = (datetime.combine(day, time(), zone).astimezone(UTC) for day in days)
        return start, end
    start = now.astimezone(UTC) - timedelta(minutes=local.minute, seconds=local.second, microseconds=local.microsecond)
    return start, start + HOUR


_FIND: Final = text(
    """
    WITH waiting AS MATERIALIZED (
        SELECT id, recipient, created_at,
            row_number() OVER (PARTITION BY recipient ORDER BY created_at, message_id) AS place
        FROM email_reports
        WHERE state = 'pending' AND digest_id IS NULL AND kind = 'session_report' AND attempts = 0
    ), recipient AS MATERIALIZED (
        SELECT recipient, CASE WHEN :each THEN (
            SELECT count(*) FROM email_reports m
            WHERE m.recipient = w.recipient AND kind = 'session_report' AND digest_id IS NULL
                AND (sent_at >= :start OR (state = 'pending' AND attempts > 0))
        ) ELSE 0 END AS used, EXISTS (
            SELECT FROM email_reports m
            WHERE m.recipient = w.recipient AND period_end = :start AND (attempts > 0 OR state <> 'pending')
        ) AS told
        FROM (SELECT DISTINCT recipient FROM waiting) w
    ), gathered AS (
        SELECT id, recipient,
            CASE WHEN created_at < :start AND NOT told THEN CAST(:start AS timestamptz) ELSE :end END AS period_end
        FROM waiting JOIN recipient USING (recipient) WHERE place > greatest(:cap - used, 0)
    )
    SELECT recipient, period_end, array_agg(id) FROM gathered GROUP BY recipient, period_end ORDER BY 1, 2
    """
)
_OPEN_DIGEST: Final = text(
    """
    INSERT INTO email_reports (kind, recipient, subject, message_id, period_end)
    VALUES ('digest', :recipient, 'Session digest', '<digest.' || gen_random_uuid() || '@tqs.invalid>', :period_end)
    ON CONFLICT (recipient, period_end) DO UPDATE SET updated_at = clock_timestamp()
    RETURNING id
    """
)
# By their ids: a join of many reports could go astray where the statistics are behind.
_GATHER: Final = text(
    """
    UPDATE email_reports SET digest_id = :digest, updated_at = clock_timestamp()
    WHERE id = ANY(CAST(:mails AS uuid[]))
    """
)
