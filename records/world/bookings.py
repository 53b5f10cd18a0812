"""The lessons each pair books, before anything happens to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from records.columns import DAY_US, SECOND_US, Columns, Float64, Int64
from records.world.pairs import SERIES_LENGTH, Pairs, draw_leads
from records.world.times import draw_times_of_day

UPCOMING_DAYS = 14
DURATIONS_MINUTES = (30.0, 45.0, 60.0, 90.0, 120.0)
DURATION_SHARES = (0.12, 0.18, 0.45, 0.18, 0.07)


@dataclass(frozen=True, slots=True)
class Bookings(Columns):
    """Booked lessons: code of the pair, number in the pair (0 = first), times in µs, booked length in minutes."""

    pair: Int64
    nth: Int64
    booked: Int64
    scheduled: Int64
    duration: Float64


def draw_bookings(pairs: Pairs, end: int, seed: int) -> Bookings:
    """Every pair's lessons that are booked before `end` and start at most 14 days after it.

    A pair keeps its slot of the week for most lessons. Where it books series, three lessons share one booking
    time; any other lesson after the first is booked well after the first booking.
    """
    rng = np.random.default_rng([seed, 4])
    block = np.where(pairs.series, SERIES_LENGTH, 1)
    room = (end + UPCOMING_DAYS * DAY_US - pairs.first_scheduled) / (pairs.cadence_days * DAY_US)
    sessions = np.clip(np.minimum(block + pairs.extra_sessions, room + 2), 1, None).astype(np.int64)
    pair = np.repeat(np.arange(len(sessions)), sessions)
    begins = np.cumsum(sessions) - sessions
    nth = np.arange(len(pair)) - begins[pair]
    scheduled = _schedule(rng, pairs, pair, nth, block)
    head = begins[pair] + nth // block[pair] * block[pair]
    booked = _book_alone(rng, pairs, pair, nth, scheduled)[head]
    usual = rng.choice(np.array(DURATIONS_MINUTES), len(sessions), p=DURATION_SHARES)
    other = rng.choice(np.array(DURATIONS_MINUTES), len(pair), p=DURATION_SHARES)
    duration = np.where(rng.random(len(pair)) < 0.8, usual[pair], other)
    kept = (booked < end) & (scheduled < end + UPCOMING_DAYS * DAY_US)
    return Bookings(pair[kept], nth[kept], booked[kept], scheduled[kept], duration[kept])


def _schedule(rng: np.random.Generator, pairs: Pairs, pair: Int64, nth: Int64, block: Int64) -> Int64:
    count = len(pair)
    days = np.rint(pairs.cadence_days[pair] * nth) + np.where(nth >= block[pair], pairs.gap_days[pair], 0)
    days = days + np.where(rng.random(count) < 0.15, rng.choice(np.array([-1, 1]), count), 0)
    first = pairs.first_scheduled[pair]
    moved = first // DAY_US * DAY_US + days.astype(np.int64) * DAY_US
    time_of_day = np.where(rng.random(count) < 0.25, draw_times_of_day(rng, count), first % DAY_US)
    return np.where(nth == 0, first, moved + time_of_day)


def _book_alone(rng: np.random.Generator, pairs: Pairs, pair: Int64, nth: Int64, scheduled: Int64) -> Int64:
    """When each lesson would be booked if it were booked by itself."""
    first_booked = pairs.first_booked[pair]
    since_first = rng.uniform(0.2, 0.95, len(pair)) * (scheduled - first_booked)
    lead = np.minimum(draw_leads(rng, len(pair)), since_first.astype(np.int64) // SECOND_US * SECOND_US)
    return np.where(nth == 0, first_booked, scheduled - lead)
