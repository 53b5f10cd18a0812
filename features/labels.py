"""What came of a session or a pair: the labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from records.columns import (
    DAY_US,
    MINUTE_US,
    MISSING,
    NO_SHOW,
    RESCHEDULED,
    Bool,
    Columns,
    Int8,
    Int64,
    Sessions,
)

RETURN_WINDOW_US: Final = 30 * DAY_US
SERIES_GAP_US: Final = 10 * MINUTE_US
"""Bookings of a pair that follow each other within this time are one series, booked at once."""


def label_sessions(sessions: Sessions, target: str, as_of: Int64, cut_off: int) -> Int8:
    """1 where the session was rescheduled by anyone (`reschedule`) or missed (`no_show`), (n,).

    Only what became known from as_of on and before the cut-off counts; what nobody told by then did not happen.
    """
    event = RESCHEDULED if target == "reschedule" else NO_SHOW
    told = (sessions.outcome_known >= as_of) & (sessions.outcome_known < cut_off)
    happened: Int8 = ((sessions.status == event) & told).astype(np.int8)
    return happened


@dataclass(frozen=True, slots=True)
class Pairs(Columns):
    """What became of each student with each tutor, one row a pair, ordered by student and tutor.

    first_booked     when the first of their sessions was booked, µs
    first_scheduled  when the first of their sessions was scheduled, µs
    churned          no other session is scheduled within 30 days after the first one; sessions of the first one's
                     series, booked at once with it, do not count as coming back
    """

    student: Int64
    tutor: Int64
    first_booked: Int64
    first_scheduled: Int64
    churned: Int8


def label_pairs(sessions: Sessions, assumed_lead: int) -> Pairs:
    """Every pair of the sessions with its label.

    A session without a booking time is taken as booked `assumed_lead` µs before its start and as a series of its own.
    """
    order = np.lexsort((sessions.booked, sessions.tutor, sessions.student))
    student, tutor = sessions.student[order], sessions.tutor[order]
    scheduled, booked = sessions.scheduled[order], sessions.booked[order]
    starts_pair = _differs_from_previous(student) | _differs_from_previous(tutor)
    pair = np.cumsum(starts_pair) - 1
    start = np.flatnonzero(starts_pair)

    untold = booked == MISSING
    series = np.cumsum(starts_pair | untold | _booked_later_than_previous(booked))
    by_time = np.lexsort((series, scheduled, pair))[start]  # the row of each pair's first session
    first_scheduled, first_series = scheduled[by_time], series[by_time]
    comes_back = (series != first_series[pair]) & (scheduled <= first_scheduled[pair] + RETURN_WINDOW_US)
    churned = np.ones(len(start), dtype=np.int8)
    churned[pair[comes_back]] = 0

    booking = np.where(untold, scheduled - assumed_lead, booked)
    first_booked = np.minimum.reduceat(booking, start) if len(start) else booking
    return Pairs(student[start], tutor[start], first_booked, first_scheduled, churned)


def _differs_from_previous(values: Int64) -> Bool:
    differs = np.ones(len(values), dtype=np.bool_)
    differs[1:] = values[1:] != values[:-1]
    return differs


def _booked_later_than_previous(booked: Int64) -> Bool:
    """More than SERIES_GAP_US after the row before, or after one without a booking time."""
    later = np.ones(len(booked), dtype=np.bool_)
    later[1:] = (booked[:-1] == MISSING) | (booked[1:] - SERIES_GAP_US > booked[:-1])
    return later
