"""Do automatic reminders help: what became of the sessions of reminded tutors and of those held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
from sqlalchemy import Engine, Row, text

from records.known import ASSUMED_DURATION_MINUTES
from scoring.reminder_uplift import ArmCounts, estimate_uplift, rate_of

LEAST_TUTORS: Final = 30  # of each arm: below it the interval is known to be too narrow
LEAST_SESSIONS: Final = 200  # of each arm
LEAST_OUTCOMES: Final = 10  # of each arm: sessions that their tutors rescheduled, and those that they did not
MOST_UNTOLD: Final = (
    0.05  # of an arm's sessions that are over: that one was rescheduled is told, that it was not may not be
)


@dataclass(frozen=True, slots=True)
class ArmReport:
    """Sessions that called for a reminder, of the tutors of one arm.

    tutors, sessions, tutor_rescheduled: of the sessions that are over and whose outcome is known. rate: the share of
    them that their tutors rescheduled, 0-1; None without any. reminded: of them those whose tutor was sent a reminder
    in the end, also by hand. ahead: sessions that are not over yet. untold: over, and nobody said what became of them.
    """

    tutors: int
    sessions: int
    tutor_rescheduled: int
    rate: float | None
    reminded: int
    ahead: int
    untold: int


@dataclass(frozen=True, slots=True)
class Uplift:
    """By how much lower the rate of treated tutors is, with its 95 % interval, as fractions."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ReminderReport:
    """The arms as of a moment, compared by intention to treat: by the arm drawn, whatever was sent.

    uplift: None where it is too early to say, and then `too_early` says what is missing. first_uplift: from the
    sessions with which a tutor came into the comparison alone. Reminders cannot have changed which these are, while
    later ones are there only where the tutor is still at risk. None where they are too few. doubt: why neither is to be
    trusted, None where nothing speaks against them.
    """

    as_of: datetime
    treated: ArmReport
    hold_out: ArmReport
    uplift: Uplift | None
    too_early: str | None
    first_uplift: Uplift | None
    doubt: str | None


def report_reminders(engine: Engine, now: datetime) -> ReminderReport:
    """Compare the arms as of `now`.

    Only sessions whose booked end has passed count: else those that were rescheduled would be known, and in, sooner
    than those that took place.
    """
    with engine.connect() as connection:
        rows = connection.execute(_TUTORS, {"now": now}).all()
    treated = [row for row in rows if row.arm == "treated"]
    hold_out = [row for row in rows if row.arm == "hold_out"]
    too_early = _find_missing(treated, hold_out, "")
    arms = {"treated": _report_arm(treated), "hold-out": _report_arm(hold_out)}
    return ReminderReport(
        as_of=now,
        treated=arms["treated"],
        hold_out=arms["hold-out"],
        uplift=None if too_early else _compare(treated, hold_out, ""),
        too_early=too_early,
        first_uplift=None if _find_missing(treated, hold_out, "first_") else _compare(treated, hold_out, "first_"),
        doubt=_find_doubt(arms),
    )


def _find_doubt(arms: dict[str, ArmReport]) -> str | None:
    if all(arm.untold <= MOST_UNTOLD * (arm.sessions + arm.untold) for arm in arms.values()):
        return None
    shares = (f"{arm.untold:,} of {arm.sessions + arm.untold:,} in the {name} arm" for name, arm in arms.items())
    return (
        f"of sessions that are over the outcome is untold for {' and '.join(shares)}; reschedules are told of and "
        "completed sessions may not be, so tell the outcomes before you trust these rates"
    )


def _find_missing(treated: Sequence[Row[Any]], hold_out: Sequence[Row[Any]], part: str) -> str | None:
    """What the arms have too little of to be compared. part: "" or "first_", which sessions are looked at."""
    short = []
    for name, rows in (("treated", treated), ("hold-out", hold_out)):
        counts = _count(rows, part)
        tutors, sessions, moved = len(counts.sessions), int(counts.sessions.sum()), int(counts.rescheduled.sum())
        either = min(moved, sessions - moved)
        if tutors < LEAST_TUTORS or sessions < LEAST_SESSIONS or either < LEAST_OUTCOMES:
            short.append(f"the {name} arm has {tutors:,} tutors and {sessions:,} sessions, {moved:,} rescheduled")
    if not short:
        return None
    return (
        f"each arm needs {LEAST_TUTORS} tutors and {LEAST_SESSIONS} sessions that are over, {LEAST_OUTCOMES} of them "
        f"rescheduled by the tutor and {LEAST_OUTCOMES} not; {', '.join(short)}"
    )


def _report_arm(rows: Sequence[Row[Any]]) -> ArmReport:
    counts = _count(rows, "")
    sessions = int(counts.sessions.sum())
    return ArmReport(
        tutors=len(counts.sessions),
        sessions=sessions,
        tutor_rescheduled=int(counts.rescheduled.sum()),
        rate=float(rate_of(counts)) if sessions else None,
        reminded=sum(row.reminded for row in rows),
        ahead=sum(row.ahead for row in rows),
        untold=sum(row.untold for row in rows),
    )


def _compare(treated: Sequence[Row[Any]], hold_out: Sequence[Row[Any]], part: str) -> Uplift:
    estimate = estimate_uplift(_count(treated, part), _count(hold_out, part))
    return Uplift(float(estimate.value), float(estimate.low), float(estimate.high))


def _count(rows: Sequence[Row[Any]], part: str) -> ArmCounts:
    """Of the tutors that have a session that counts."""
    counted = [
        (sessions, row._mapping[f"{part}rescheduled"], 1 / (row.share if row.arm == "hold_out" else 1 - row.share))
        for row in rows
        if (sessions := row._mapping[f"{part}sessions"])
    ]
    columns = np.array(counted, dtype=np.float64).reshape(-1, 3).T
    return ArmCounts(*columns)


_TUTORS: Final = text(
    f"""
    WITH chosen AS (
        SELECT a.tutor_id, a.arm,
            a.decided_at = min(a.decided_at) OVER (PARTITION BY a.tutor_id) AS first,
            s.scheduled_time + coalesce(s.duration_minutes, {ASSUMED_DURATION_MINUTES}) * interval '1 minute' <= :now
                AS ended,
            s.status <> 'scheduled' AS told,
            s.status = 'rescheduled' AND r.initiator = 'tutor' AS moved,
            EXISTS (
                SELECT FROM interventions i JOIN email_reports m ON m.intervention_id = i.id
                WHERE i.session_id = a.session_id AND i.kind = 'reminder' AND m.state = 'sent'
            ) AS reminded
        FROM automatic_reminders a JOIN sessions s ON s.id = a.session_id
        LEFT JOIN reschedules r ON r.session_id = s.id
    )
    SELECT tutor_id, c.arm, g.share,
        count(*) FILTER (WHERE ended AND told) AS sessions,
        count(*) FILTER (WHERE ended AND told AND moved) AS rescheduled,
        count(*) FILTER (WHERE ended AND told AND first) AS first_sessions,
        count(*) FILTER (WHERE ended AND told AND first AND moved) AS first_rescheduled,
        count(*) FILTER (WHERE ended AND told AND reminded) AS reminded,
        count(*) FILTER (WHERE NOT ended) AS ahead,
        count(*) FILTER (WHERE ended AND NOT told) AS untold
    FROM chosen c JOIN reminder_arms g USING (tutor_id)
    GROUP BY tutor_id, c.arm, g.share ORDER BY tutor_id
    """
)
