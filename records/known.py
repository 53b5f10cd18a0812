"""From when a fact counts, in SQL over a session `s` and its reschedule `r` (none, where it is not rescheduled).

greatest() and coalesce() pass over nulls: a null `recorded_at` means that we were told as it happened.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

ASSUMED_DURATION_MINUTES: Final = 60  # when a session without a length counts as over
CLOCKS_DIFFER: Final = timedelta(minutes=5)  # by which another clock may be ahead of ours

BOOKING_KNOWN: Final = "greatest(s.booked_at, s.recorded_at)"  # null: always

OUTCOME_KNOWN: Final = f"""greatest(
    coalesce(r.cancelled_at, s.completed_time, s.scheduled_time
        + coalesce(s.duration_minutes, {ASSUMED_DURATION_MINUTES}) * interval '1 minute'),
    s.outcome_recorded_at)"""  # of a session that is not scheduled any more

ALL_RESCHEDULES: Final = "LEFT JOIN reschedules r ON r.session_id = s.id AND s.status = 'rescheduled'"
# OFFSET 0 has each looked up by itself: the planner would read all reschedules there are for the few that are needed.
FEW_RESCHEDULES: Final = """LEFT JOIN LATERAL (
        SELECT * FROM reschedules WHERE session_id = s.id AND s.status = 'rescheduled' OFFSET 0
    ) r ON true"""

RECORD_KNOWN: Final = f"greatest({OUTCOME_KNOWN}, {BOOKING_KNOWN})"  # both: that it was booked, and what became of it

COUNTS_FROM: Final = f"greatest({RECORD_KNOWN}, s.scheduled_time)"  # when a tutor's rates count what became of it
