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
    return connection.execute(_GATHER, values).rowcount


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


_GATHER: Final = text(
    """
    WITH waiting AS MATERIALIZED (
        SELECT id, recipient, created_at,
            row_number() OVER (PARTITION BY recipient ORDER BY created_at, message_id) AS place
        FROM email_reports
        WHERE state = 'pending' AND digest_id IS NULL AND kind = 'session_report' AND attempts = 0
    ), recipient AS (
        SELECT recipient, CASE WHEN :each THEN (
            SELECT count(*) FROM email_reports m
            WHERE m.recipient = w.recipient AND kind = 'session_report' AND digest_id IS NULL
                AND (sent_at >= :start OR (state = 'pending' AND attempts > 0))
        ) ELSE 0 END AS used, EXISTS (
            SELECT FROM email_reports m
            WHERE m.recipient = w.recipient AND period_end = :start AND (attempts > 0 OR state <> 'pending')
        ) AS told
        FROM (SELECT DISTINCT recipient FROM waiting) w
    ), gathered AS MATERIALIZED (
        SELECT id, recipient,
            CASE WHEN created_at < :start AND NOT told THEN CAST(:start AS timestamptz) ELSE :end END AS period_end
        FROM waiting JOIN recipient USING (recipient) WHERE place > greatest(:cap - used, 0)
    ), digest AS (
        INSERT INTO email_reports (kind, recipient, subject, message_id, period_end)
        SELECT 'digest', recipient, 'Session digest', '<digest.' || gen_random_uuid() || '@tqs.invalid>', period_end
        FROM (SELECT DISTINCT recipient, period_end FROM gathered) g
        ON CONFLICT (recipient, period_end) DO UPDATE SET updated_at = clock_timestamp()
        RETURNING id, recipient, period_end
    )
    UPDATE email_reports m SET digest_id = d.id, updated_at = clock_timestamp()
    FROM gathered g JOIN digest d USING (recipient, period_end) WHERE m.id = g.id
    """
)
