"""What a student's recent sessions say, with any tutor and with this one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.tutor import rate_of
from features.windows import FOREVER, Countable, Counts, count_in_windows, counted_from
from records.columns import DAY_US, NO_SHOW, RESCHEDULED, Float64, Int64, Sessions

STUDENT_WINDOW_US: Final = 90 * DAY_US


@dataclass(frozen=True, slots=True)
class StudentCounts:
    """Sessions of n students, each (n,): those of 90 days, and those with one tutor so far."""

    sessions: Counts
    rescheduled: Counts
    no_shows: Counts
    with_tutor: Counts


def count_student_sessions(sessions: Sessions, student: Int64, tutor: Int64, as_of: Int64) -> StudentCounts:
    """Counts for each (student, tutor, as_of), all (n,), from the sessions known at that moment."""
    known = counted_from(sessions)
    kinds = (sessions.status == RESCHEDULED, sessions.status == NO_SHOW)
    countable = Countable(sessions.student, sessions.scheduled, known, kinds)
    own = count_in_windows(countable, student, as_of, (STUDENT_WINDOW_US,))[0]

    tutors = 1 + int(max(sessions.tutor.max(initial=0), tutor.max(initial=0)))
    pairs = Countable(sessions.student * tutors + sessions.tutor, sessions.scheduled, known)
    together = count_in_windows(pairs, student * tutors + tutor, as_of, (FOREVER,))[0, 0]
    return StudentCounts(sessions=own[0], rescheduled=own[1], no_shows=own[2], with_tutor=together)


def student_columns(counts: StudentCounts) -> dict[str, Float64]:
    """The student features, each (n,); a rate without sessions is 0."""
    return {
        "student_reschedule_rate_90d": rate_of(counts.rescheduled, counts.sessions),
        "student_no_show_rate_90d": rate_of(counts.no_shows, counts.sessions),
        "student_reschedules_90d": counts.rescheduled.astype(np.float64),
        "student_no_shows_90d": counts.no_shows.astype(np.float64),
        "student_total_sessions_90d": counts.sessions.astype(np.float64),
        "student_is_known": (counts.sessions > 0).astype(np.float64),
        "pair_sessions_so_far": counts.with_tutor.astype(np.float64),
    }
