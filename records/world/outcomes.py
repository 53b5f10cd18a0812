"""What becomes of booked lessons: moved, missed or held, with the true probabilities of it."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from records.columns import DAY_US, MINUTE_US, SECOND_US, Bool, Columns, Float64, Int64
from records.world.bookings import Bookings
from records.world.logits import solve_intercept, to_probability
from records.world.pairs import Pairs
from records.world.people import Students, Tutors
from records.world.times import day_of_week, draw_times_of_day, hour_of_day, season

RESCHEDULED_SHARE = 0.103
NO_SHOW_SHARE = 0.037
TUTOR_INITIATED_SHARE = 0.982
REBOOKED_SHARE = 0.85
CANCELLATION_POWER = 3.0
WAVE_SIZE = 0.25


@dataclass(frozen=True, slots=True)
class Outcomes(Columns):
    """Lessons with their fate, as if the end of the world's records did not hide it yet.

    `reschedule` is the true probability at booking of being rescheduled at all, `no_show` that of a no-show
    among lessons that are not; `moved`, `missed` what was drawn; `cancelled` and `new_time` µs
    (only meaningful where moved and rebooked); `finished` µs when the outcome of a kept lesson is known.
    """

    pair: Int64
    nth: Int64
    booked: Int64
    scheduled: Int64
    duration: Float64
    reschedule: Float64
    no_show: Float64
    moved: Bool
    missed: Bool
    by_tutor: Bool
    rebooked: Bool
    cancelled: Int64
    new_time: Int64
    finished: Int64


def draw_outcomes(
    bookings: Bookings, pairs: Pairs, tutors: Tutors, students: Students, *, end: int, seed: int
) -> Outcomes:
    """Draw every lesson's fate, and that of the lessons that replace the moved ones, booked before `end` (µs)."""
    rng = np.random.default_rng([seed, 8])
    move_odds, miss_odds = _score_bookings(bookings, pairs, tutors, students)
    intercepts = solve_intercept(move_odds, RESCHEDULED_SHARE), solve_intercept(miss_odds, NO_SHOW_SHARE)
    waves: list[Outcomes] = []
    while not waves or len(bookings):
        move_odds, miss_odds = _score_bookings(bookings, pairs, tutors, students)
        reschedule = to_probability(move_odds + intercepts[0])
        no_show = to_probability(miss_odds + intercepts[1])
        waves.append(_decide(rng, bookings, pairs, reschedule, no_show))
        bookings = _rebook(waves[-1], end)
    return Outcomes(**{f.name: np.concatenate([getattr(wave, f.name) for wave in waves]) for f in fields(Outcomes)})


def cancellation_cdf(booked: Int64, scheduled: Int64, moment: Int64) -> Float64:
    """Share of the reschedules of a lesson that have happened by `moment` (µs): most come late."""
    elapsed = np.clip((moment - booked) / (scheduled - booked), 0.0, 1.0)
    return elapsed**CANCELLATION_POWER


def _score_bookings(bookings: Bookings, pairs: Pairs, tutors: Tutors, students: Students) -> tuple[Float64, Float64]:
    """Log-odds, without intercept, of a reschedule and of a no-show."""
    tutor, student = pairs.tutor[bookings.pair], pairs.student[bookings.pair]
    hour, weekday = hour_of_day(bookings.scheduled), day_of_week(bookings.scheduled)
    lead = np.log((bookings.scheduled - bookings.booked) / (3 * DAY_US))
    swing = np.sin(2 * np.pi * bookings.scheduled / DAY_US / tutors.wave_days[tutor] + tutors.wave_phase[tutor])
    early, late, weekend = hour < 9, hour >= 20, weekday >= 5
    newness = np.exp(-bookings.nth / 2.0)
    long = (bookings.duration - 60) / 60
    move = (
        1.20 * tutors.unreliability[tutor]
        + WAVE_SIZE * swing
        + 0.30 * students.moves_score[student]
        + 0.65 * lead
        + 0.80 * early
        + 0.60 * late
        + 0.45 * weekend
        + 0.25 * (weekday == 0)
        + 0.40 * newness
        + 0.15 * long
        + 0.06 * season(bookings.scheduled)
    )
    miss = (
        0.9 * students.forgets[student]
        + 0.15 * tutors.no_show_score[tutor]
        + 0.25 * tutors.unreliability[tutor]
        + 0.85 * lead
        + 1.7 * early
        + 1.2 * late
        + 0.7 * weekend
        + 1.2 * newness
        - 0.20 * long
        + 0.06 * season(bookings.scheduled)
    )
    return move, miss


def _decide(
    rng: np.random.Generator, bookings: Bookings, pairs: Pairs, reschedule: Float64, no_show: Float64
) -> Outcomes:
    count = len(bookings)
    elapsed = rng.random(count) ** (1 / CANCELLATION_POWER)
    span = bookings.scheduled - bookings.booked
    cancelled = bookings.booked + np.maximum((elapsed * span).astype(np.int64) // SECOND_US, 1) * SECOND_US
    new_day = bookings.scheduled // DAY_US + rng.integers(1, 8, count)
    ends = bookings.scheduled + (bookings.duration * MINUTE_US).astype(np.int64)
    missed = rng.random(count) < no_show
    return Outcomes(
        bookings.pair,
        bookings.nth,
        bookings.booked,
        bookings.scheduled,
        bookings.duration,
        reschedule,
        no_show,
        rng.random(count) < reschedule,
        missed,
        rng.random(count) < TUTOR_INITIATED_SHARE,
        (rng.random(count) < REBOOKED_SHARE) & ~pairs.leaves[bookings.pair],
        cancelled,
        new_day * DAY_US + draw_times_of_day(rng, count),
        ends + np.where(missed, 0, rng.integers(-180, 600, count) * SECOND_US),
    )


def _rebook(wave: Outcomes, end: int) -> Bookings:
    """A lesson of its own for each one moved before `end`, booked at the moment of the cancellation."""
    again = np.flatnonzero(wave.moved & wave.rebooked & (wave.cancelled < end))
    return Bookings(
        wave.pair[again], wave.nth[again] + 1, wave.cancelled[again], wave.new_time[again], wave.duration[again]
    )
