"""A tutor's statistics, as the API answers them, back to the counts that features are made of."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Final

import numpy as np

from features.catalogue_tutor import WINDOW_DAYS
from features.tutor import TutorCounts
from modelling.fallback import NO_SHOW_RATE_OF_UNKNOWN_TUTOR
from records.columns import Float64
from scoring.extraction import Refusals
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
_READ: Final = attrgetter(
    *(f"total_sessions_{days}d" for days in WINDOW_DAYS),
    *(f"reschedule_rate_{days}d" for days in WINDOW_DAYS),
    "no_show_rate_90d",
)


def read_statistics(statistics: Sequence[TutorStatistics | None], field: str, refusals: Refusals) -> TutorCounts:
    """Counts (3, n) that give the stated rates; zero where there are no statistics.

    Rates that fit no whole number of sessions give fractions of one. A no-show rate that is not told counts as
    that of an unknown tutor; of the no-shows only those of 90 days mean something. What contradicts itself is
    refused as a part of the record's field `field`.
    """
    told = [_READ(_NOBODY if one is None else one) for one in statistics]
    table = np.array(told, dtype=np.float64).reshape(len(told), 7).T
    sessions, rates, no_show = table[:3], table[3:6], table[6]
    if not all(map(_is_right, told)):
        _refuse_wrong(sessions, rates, field, refusals)
        refusals.add_outside(f"{field}.no_show_rate_90d", no_show, 0, 100)
    no_show[np.isnan(no_show)] = 100 * NO_SHOW_RATE_OF_UNKNOWN_TUTOR
    shares = _shares(table[3:], sessions[[0, 1, 2, 2]])
    return TutorCounts(
        sessions=sessions,  # type: ignore[arg-type]  # the features of a share need no whole numbers
        rescheduled=shares[:3],  # type: ignore[arg-type]
        no_shows=np.broadcast_to(shares[3], sessions.shape),
    )


def _is_right(told: tuple[Any, ...]) -> bool:
    """Whether nothing in one tutor's statistics contradicts itself."""
    sessions_7d, sessions_30d, sessions_90d, *rates, no_show = told
    sessions = (sessions_7d, sessions_30d, sessions_90d)
    return (
        0 <= sessions_7d <= sessions_30d <= sessions_90d <= MOST_SESSIONS
        and all(
            count == 0 if rate is None else 0 <= rate <= (100 if count else 0)
            for count, rate in zip(sessions, rates, strict=True)
        )
        and (no_show is None or 0 <= no_show <= 100)
    )


def _refuse_wrong(sessions: Float64, rates: Float64, field: str, refusals: Refusals) -> None:
    for w, days in enumerate(WINDOW_DAYS):
        total, rate = f"{field}.total_sessions_{days}d", f"{field}.reschedule_rate_{days}d"
        refusals.add_outside(total, sessions[w], 0, MOST_SESSIONS)
        refusals.add_outside(rate, rates[w], 0, 100)
        missing, surplus = (sessions[w] > 0) & np.isnan(rates[w]), (sessions[w] == 0) & (rates[w] > 0)
        refusals.add_where(missing, rate, "is missing, though there are sessions; it is a percentage of them")
        refusals.add_where(surplus, rate, "is a share of no sessions; it is null where there is none")
        if w > 0:
            shorter = f"total_sessions_{WINDOW_DAYS[w - 1]}d"
            refusals.add_where(sessions[w] < sessions[w - 1], total, f"is less than {shorter}, whose days it includes")


def _shares(percent: Float64, whole: Float64) -> Float64:
    """Counts whose ratio to `whole` is the percentage, never above it: a rate of 15 stays no more than 15."""
    rate = np.where(np.isnan(percent), 0.0, percent) / 100
    count = rate * whole
    nearest = np.rint(count)
    above = np.divide(count, whole, out=np.zeros(whole.shape), where=whole > 0) > rate
    return np.where(np.abs(count - nearest) < _WHOLE, nearest, np.where(above, np.nextafter(count, 0), count))
