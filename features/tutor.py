"""What a tutor's recent sessions say: rates, counts, the high-risk flag and the trend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.catalogue_tutor import HIGH_RISK_PERCENT, WINDOW_DAYS
from features.windows import Countable, Counts, count_by_blocks, count_in_windows, counted_from
from records.columns import DAY_US, NO_SHOW, Float64, Int64, Sessions

WINDOWS_US: Final = tuple(days * DAY_US for days in WINDOW_DAYS)


@dataclass(frozen=True, slots=True)
class TutorCounts:
    """Sessions of n tutors (or of one tutor at n moments) in the windows of 7, 30 and 90 days.

    sessions    (3, n) all sessions whose outcome was known
    rescheduled (3, n) those that the tutor rescheduled
    no_shows    (3, n) those to which the student did not come
    """

    sessions: Counts
    rescheduled: Counts
    no_shows: Counts


def tutor_features(sessions: Sessions, tutor: Int64, as_of: Int64) -> dict[str, Float64]:
    """The tutor features of each (tutor, as_of), both (n,), from the sessions known at that moment."""
    columns: dict[str, Float64] = {}
    for queries, counts in count_by_blocks(_countable(sessions), tutor, as_of, WINDOWS_US):
        block = tutor_columns(_name_counts(counts))
        columns = columns or {name: np.empty(len(tutor)) for name in block}
        for name, values in block.items():
            columns[name][queries] = values
    return columns


def count_tutor_sessions(sessions: Sessions, tutor: Int64, as_of: Int64) -> TutorCounts:
    """Counts for each (tutor, as_of), both (n,), from the sessions known at that moment."""
    return _name_counts(count_in_windows(_countable(sessions), tutor, as_of, WINDOWS_US))


def tutor_columns(counts: TutorCounts) -> dict[str, Float64]:
    """The tutor features of counts, each (n,); a rate without sessions is 0."""
    rates = rate_of(counts.rescheduled, counts.sessions)
    columns = {f"tutor_reschedule_rate_{days}d": rates[w] for w, days in enumerate(WINDOW_DAYS)}
    for w, days in enumerate(WINDOW_DAYS):
        columns[f"tutor_total_sessions_{days}d"] = counts.sessions[w].astype(np.float64)
    columns["tutor_is_high_risk"] = (rates[1] > HIGH_RISK_PERCENT / 100).astype(np.float64)
    columns["tutor_reschedule_trend"] = rates[0] - rates[1]
    columns["tutor_no_show_rate_90d"] = rate_of(counts.no_shows[2], counts.sessions[2])
    return columns


def _countable(sessions: Sessions) -> Countable:
    kinds = (sessions.by_tutor, sessions.status == NO_SHOW)
    return Countable(sessions.tutor, sessions.scheduled, counted_from(sessions), kinds)


def _name_counts(counts: Counts) -> TutorCounts:
    return TutorCounts(sessions=counts[:, 0], rescheduled=counts[:, 1], no_shows=counts[:, 2])


def rate_of(part: Counts, whole: Counts) -> Float64:
    """`part / whole` elementwise, 0 where there is nothing to divide by."""
    return np.divide(part, whole, out=np.zeros(np.shape(whole)), where=np.asarray(whole) > 0)
