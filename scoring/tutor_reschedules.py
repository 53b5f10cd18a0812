"""One tutor's reschedules and, week by week, the rate of them, as the API answers them.

Only sessions of this tutor are read, by their index on tutor and time: what it costs does not grow with the table.
"""

from __future__ import annotations

from typing import Final

from records.json_sql import json_columns, json_list, json_object
from records.known import RECORD_KNOWN


def select_history(now: str = "now()") -> str:
    """SQL of the history of tutor $1: $2 days, $3 how many reschedules at most, $4 time zone of the weeks; JSON.

    Reschedules by anyone of the sessions of those days and of sessions ahead, the newest event first. Weeks are whole,
    the first one too, and named by their Monday; a session counts as it does in the scores, and a week without one is
    left out. No row where there is no such tutor. now: SQL of the moment to answer for.
    """
    fields = {
        "reschedules": json_list(_EVENT, _EVENTS.format(now=now)),
        "trend": json_object({"reschedule_rate_by_week": json_list(_WEEK, _WEEKS.format(now=now))}),
    }
    return f"SELECT {json_object(fields)}::text FROM tutors t WHERE t.id = $1"


_DAYS: Final = "CAST($2 AS integer)"
_ZONE: Final = "CAST($4 AS text)"
_OWN: Final = ("id", "session_id", "initiator", "original_time", "new_time", "reason", "reason_code", "cancelled_at")
_EVENT: Final = {
    **json_columns(_OWN, "r"),
    "hours_before_session": "CAST(extract(epoch FROM r.original_time - r.cancelled_at) / 3600 AS float8)",
    "created_at": "r.created_at",
}
_EVENTS: Final = f"""
    SELECT r.* FROM sessions s JOIN reschedules r ON r.session_id = s.id
    WHERE s.tutor_id = t.id AND s.status = 'rescheduled'
        AND s.scheduled_time > {{now}} - {_DAYS} * interval '24 hours'
    ORDER BY coalesce(r.cancelled_at, r.original_time) DESC, r.id LIMIT $3"""
_WEEK: Final = json_columns(("week", "rate"), "r")
# Eight days more than asked for hold the start of the first week in any zone.
_WEEKS: Final = f"""
    SELECT week, 100 * CAST(count(*) FILTER (WHERE by_tutor) AS float8) / count(*) AS rate
    FROM (
        SELECT CAST(date_trunc('week', s.scheduled_time AT TIME ZONE {_ZONE}) AS date) AS week,
            coalesce(r.initiator = 'tutor', false) AS by_tutor
        FROM sessions s LEFT JOIN reschedules r ON r.session_id = s.id AND s.status = 'rescheduled'
        WHERE s.tutor_id = t.id AND s.status <> 'scheduled' AND s.scheduled_time <= {{now}}
            AND s.scheduled_time > {{now}} - ({_DAYS} + 8) * interval '24 hours' AND {RECORD_KNOWN} < {{now}}
    ) session
    WHERE week >= date_trunc('week', ({{now}} - {_DAYS} * interval '24 hours') AT TIME ZONE {_ZONE})
    GROUP BY week ORDER BY week"""
