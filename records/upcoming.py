"""Sessions ahead, with as much of the past as their features look at: what that costs follows how many are asked for.

The past that counts is 90 days of their tutors and of their students, and all that a student had with that tutor.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, text

from records.columns import SCHEDULED, Sessions
from records.known import FEW_RESCHEDULES
from records.reading import read_sessions, select_sessions

HISTORY_DAYS: Final = 90


@dataclass(frozen=True, slots=True)
class Upcoming:
    """Sessions still scheduled, and those before `now` that their features count, each in the order of (scheduled, id).

    Codes of people are those of the sessions ahead, in the order of their ids; all others share the code after them.
    """

    sessions: Sessions
    past: Sessions

    def __len__(self) -> int:
        return len(self.sessions)


def read_upcoming(
    connection: Connection,
    now: datetime,
    *,
    days: float | None = None,
    ids: Sequence[UUID] | None = None,
    tutors: Iterable[UUID] | None = None,
) -> Upcoming:
    """The sessions still scheduled that start after `now`: within `days` of it, with these ids, of these tutors."""
    values = {
        "now": now,
        "until": None if days is None else now + timedelta(days=days),
        "ids": None if ids is None else [str(key) for key in ids],
        "tutors": None if tutors is None else [str(key) for key in tutors],
    }
    asked = connection.execute(_ASKED if tutors is None else _ASKED_OF_TUTORS, values).all()
    pairs = sorted({(row.tutor_id, row.student_id) for row in asked})
    connection.exec_driver_sql("SET LOCAL work_mem = '128MB'")
    sessions = read_sessions(
        connection,
        _NEEDED,
        {
            "ids": [row.id for row in asked],
            "tutors": sorted({tutor for tutor, _ in pairs}),
            "students": sorted({student for _, student in pairs}),
            "pair_tutors": [tutor for tutor, _ in pairs],
            "pair_students": [student for _, student in pairs],
            "now": now,
            "since": now - timedelta(days=HISTORY_DAYS),
        },
    )
    ahead = sessions.status == SCHEDULED
    return Upcoming(sessions.take(ahead), sessions.take(~ahead))


def _number(ids: str, kind: str) -> str:
    """The ids with their codes. They are grouped because each is there once, which the planner has to be told."""
    numbered = f"unnest(%({ids})s::{kind}[]) WITH ORDINALITY AS n (id, place)"
    return f"(SELECT id, min(place) - 1 AS code FROM {numbered} GROUP BY id)"


_ASKED: Final = text(
    """
    SELECT id::text, tutor_id::text, student_id FROM sessions
    WHERE status = 'scheduled' AND scheduled_time > :now
        AND (CAST(:until AS timestamptz) IS NULL OR scheduled_time <= :until)
        AND (CAST(:ids AS uuid[]) IS NULL OR id = ANY(CAST(:ids AS uuid[])))
    """
)
# The planner takes sessions that are both scheduled and ahead for rare, and would look through all of them for a few.
_ASKED_OF_TUTORS: Final = text(
    """
    WITH ahead AS MATERIALIZED (
        SELECT id, tutor_id, student_id, status FROM sessions
        WHERE tutor_id = ANY(CAST(:tutors AS uuid[])) AND scheduled_time > :now
            AND (CAST(:until AS timestamptz) IS NULL OR scheduled_time <= :until)
            AND (CAST(:ids AS uuid[]) IS NULL OR id = ANY(CAST(:ids AS uuid[])))
    )
    SELECT id::text, tutor_id::text, student_id FROM ahead WHERE status = 'scheduled'
    """
)
_RECENT: Final = "s.scheduled_time > %(since)s AND s.scheduled_time <= %(now)s"
# Each pair is looked up by itself: the planner would rather read all sessions that there ever were.
_CHOSEN: Final = f"""(
        SELECT s.* FROM sessions s
        WHERE s.id = ANY(%(ids)s::uuid[]) AND s.status = 'scheduled' AND s.scheduled_time > %(now)s
    UNION ALL
        SELECT s.* FROM sessions s
        WHERE s.status <> 'scheduled' AND (
            (s.tutor_id = ANY(%(tutors)s::uuid[]) AND {_RECENT})
            OR (s.student_id = ANY(%(students)s::text[]) AND {_RECENT})
        )
    UNION ALL
        SELECT s.* FROM unnest(%(pair_tutors)s::uuid[], %(pair_students)s::text[]) AS pair (tutor_id, student_id),
        LATERAL (
            SELECT * FROM sessions
            WHERE tutor_id = pair.tutor_id AND student_id = pair.student_id AND status <> 'scheduled'
                AND scheduled_time <= %(since)s
            OFFSET 0
        ) s
    ) s
    LEFT JOIN {_number("tutors", "uuid")} AS t ON t.id = s.tutor_id
    LEFT JOIN {_number("students", "text")} AS u ON u.id = s.student_id"""
_NEEDED: Final = select_sessions(
    _CHOSEN,
    tutor="coalesce(t.code, cardinality(%(tutors)s::uuid[]))",
    student="coalesce(u.code, cardinality(%(students)s::text[]))",
    reschedules=FEW_RESCHEDULES,
)
