"""A tutor's statistics, as the API answers them, back to the counts that features are made of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from features.catalogue_tutor import WINDOW_DAYS
from features.tutor import TutorCounts
from modelling.fallback import NO_SHOW_RATE_OF_UNKNOWN_TUTOR
from records.columns import Float64
from scoring.extraction import Refusals, numbers
from scoring.forms import TutorStatistics

MOST_SESSIONS: Final = 100_000
_WHOLE: Final = 1e-6  # a count this close to a whole number is one: the percentage was rounded in its last digits
_NOBODY: Final = TutorStatistics(
    reschedule_rate_7d=None,
    reschedule_rate_30d=None,
    reschedule_rate_90d=None,
    total_sessions_7d=0,
    total_sessions_30d=0,
    total_sessions_90d=0,
)


def read_statistics(statistics: Sequence[TutorStatistics | None], field: str, refusals: Refusals) -> TutorCounts:
    """Counts (3, n) that give the stated rates; zero where there are no statistics.

    Rates that fit no whole number of sessions give fractions of one. A no-show rate that is not told counts as
    that of an unknown tutor. What contradicts itself is refused as a part of the record's field `field`.
    """
    rows = [_NOBODY if s is None else s for s in statistics]
    sessions = np.array([[getattr(s, f"total_sessions_{days}d") for s in rows] for days in WINDOW_DAYS], np.float64)
    rates = np.array([[getattr(s, f"reschedule_rate_{days}d") for s in rows] for days in WINDOW_DAYS], np.float64)
    no_show = numbers([s.no_show_rate_90d for s in rows])
    for w, days in enumerate(WINDOW_DAYS):
        total, rate = f"{field}.total_sessions_{days}d", f"{field}.reschedule_rate_{days}d"
        refusals.add_outside(total, sessions[w], 0, MOST_SESSIONS)
        refusals.add_outside(rate, rates[w], 0, 100)
        for i in np.flatnonzero((sessions[w] > 0) & np.isnan(rates[w])).tolist():
            refusals.add(
                i, rate, f"is missing, though there are {sessions[w, i]:g} sessions; it is a percentage of them"
            )
        for i in np.flatnonzero((sessions[w] == 0) & (rates[w] > 0)).tolist():
            refusals.add(i, rate, f"is {rates[w, i]:g} of no sessions; it is null where there is none")
    refusals.add_outside(f"{field}.no_show_rate_90d", no_show, 0, 100)
    for w in (1, 2):
        for i in np.flatnonzero(sessions[w] < sessions[w - 1]).tolist():
            shorter = f"total_sessions_{WINDOW_DAYS[w - 1]}d"
            refusals.add(
                i, f"{field}.total_sessions_{WINDOW_DAYS[w]}d", f"is less than {shorter}, whose days it includes"
            )
    no_show = np.where(np.isnan(no_show), 100 * NO_SHOW_RATE_OF_UNKNOWN_TUTOR, no_show)
    return TutorCounts(
        sessions=sessions,  # type: ignore[arg-type]  # the features of a share need no whole numbers
        rescheduled=_shares(rates, sessions),  # type: ignore[arg-type]
        no_shows=_shares(np.broadcast_to(no_show, sessions.shape), sessions),  # type: ignore[arg-type]
    )


def _shares(percent: Float64, whole: Float64) -> Float64:
    """Counts whose ratio to `whole` is the percentage, never above it: a rate of 15 stays no more than 15."""
    rate = np.where(np.isnan(percent), 0.0, percent) / 100
    count = rate * whole
    nearest = np.rint(count)
    above = np.divide(count, whole, out=np.zeros(whole.shape), where=whole > 0) > rate
    return np.where(np.abs(count - nearest) < _WHOLE, nearest, np.where(above, np.nextafter(count, 0), count))
