"""Which student takes lessons with which tutor, how well they fit, and who does not come back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from records.columns import DAY_US, HOUR_US, Bool, Float64, Int64
from records.world.logits import solve_intercept, to_probability
from records.world.people import Students, Tutors, profiles_before
from records.world.times import draw_times_of_day, move_to_weekday, season

CHURN_SHARE = 0.12
SESSIONS_A_PAIR = 5.5
FIRST_BOOKING_SESSIONS = 1.24  # one, or three where a series is booked
REBOOKING_FACTOR = 1.12  # lessons that replace moved ones come on top
CADENCES_DAYS = (3.5, 7.0, 14.0)
CADENCE_SHARES = (0.2, 0.6, 0.2)
SERIES_SHARE = 0.15
SERIES_LENGTH = 3
STOCK_DAYS = 14
LATE_RETURN_SHARE = 0.08
LEAD_MEDIAN_DAYS = 3.2
LEAD_SPREAD = 1.0
LEAD_LIMITS_US = (2 * HOUR_US, 20 * DAY_US)


@dataclass(frozen=True, slots=True)
class Pairs:
    """Student-tutor pairs, one entry a pair. Times µs; `fit` is higher where the two suit each other.

    `churn` is the true probability of not coming back within 30 days of the first session (other than for
    sessions booked at once with it), `leaves` what was drawn from it, `series` books three sessions at a time,
    `extra_sessions` how many follow the first booking, `gap_days` how long a leaver stays away before a return.
    """

    tutor: Int64
    student: Int64
    first_booked: Int64
    first_scheduled: Int64
    cadence_days: Float64
    series: Bool
    fit: Float64
    churn: Float64
    leaves: Bool
    extra_sessions: Int64
    gap_days: Float64


def draw_pairs(tutors: Tutors, students: Students, start: int, end: int, seed: int) -> Pairs:
    """Draw the pairs of a world from `start` to `end` (µs).

    Every tutor begins with a stock of students and wins new ones at a rate that keeps its sessions a week;
    in a world with few students the same pairs meet more often instead.
    """
    rng = np.random.default_rng([seed, 12])
    tutor, nth, stock, mean_more = _share_out_pairs(rng, tutors, len(students.first))
    count = len(tutor)
    student = _choose_students(rng, tutor, nth, len(tutors.first), len(students.first))
    lead = draw_leads(rng, count)
    first_booked = _draw_first_bookings(rng, tutors, tutor, nth < stock, start=start, end=end)
    midnight = (first_booked + lead) // DAY_US * DAY_US
    first_scheduled = move_to_weekday(rng, midnight) + draw_times_of_day(rng, count)
    first_booked = first_scheduled - lead
    cadence = rng.choice(np.array(CADENCES_DAYS), count, p=CADENCE_SHARES)
    series = (rng.random(count) < SERIES_SHARE) & (cadence <= 7)
    fit, score = _score_pairs(
        rng,
        profiles_before(tutors, tutor, first_booked),
        profiles_before(students, student, first_booked),
        tutors.unreliability[tutor],
    )
    churn = to_probability(score + solve_intercept(score, CHURN_SHARE))
    leaves = rng.random(count) < churn
    returns = leaves & (rng.random(count) < LATE_RETURN_SHARE)
    more = rng.geometric(1 / np.maximum(mean_more, 1.0))
    return Pairs(
        tutor,
        student,
        first_booked,
        first_scheduled,
        cadence,
        series,
        fit,
        churn,
        leaves,
        np.where(leaves, np.where(returns, 2, 0), more),
        np.where(returns, rng.integers(45, 120, count), 0).astype(np.float64),
    )


def draw_leads(rng: np.random.Generator, count: int) -> Int64:
    """How long before its start a lesson is booked: log-normal, from two hours to 20 days, whole seconds in µs."""
    days = LEAD_MEDIAN_DAYS * np.exp(LEAD_SPREAD * rng.standard_normal(count))
    seconds = np.clip(days * DAY_US, *LEAD_LIMITS_US) // 1_000_000
    return seconds.astype(np.int64) * 1_000_000


def _share_out_pairs(rng: np.random.Generator, tutors: Tutors, students: int) -> tuple[Int64, Int64, Int64, Float64]:
    """Per pair: its tutor, its number there, the tutor's stock at the beginning, the mean of later lessons."""
    weeks = (tutors.stopped - tutors.joined) / (7 * DAY_US)
    stock = rng.poisson(tutors.sessions_a_week * np.dot(CADENCES_DAYS, CADENCE_SHARES) / 7)
    stock = np.maximum(stock, 1)
    wanted = stock + rng.poisson(tutors.sessions_a_week * weeks / SESSIONS_A_PAIR)
    pairs = np.minimum(wanted, students)
    more = (SESSIONS_A_PAIR * wanted / pairs / REBOOKING_FACTOR - FIRST_BOOKING_SESSIONS) / (1 - CHURN_SHARE)
    tutor = np.repeat(np.arange(len(pairs)), pairs)
    nth = np.arange(len(tutor)) - np.repeat(np.cumsum(pairs) - pairs, pairs)
    return tutor, nth, stock[tutor], more[tutor]


def _choose_students(rng: np.random.Generator, tutor: Int64, nth: Int64, tutors: int, students: int) -> Int64:
    """A student for each pair, never the same twice at one tutor: steps coprime to the number of students."""
    steps = np.flatnonzero(np.gcd(np.arange(students) + 1, students) == 1) + 1
    step = rng.choice(steps, tutors)
    offset = rng.integers(0, students, tutors)
    chosen: Int64 = (offset[tutor] + nth * step[tutor]) % students
    return chosen


def _draw_first_bookings(
    rng: np.random.Generator, tutors: Tutors, tutor: Int64, in_stock: Bool, *, start: int, end: int
) -> Int64:
    """Stock within two weeks of the tutor's joining, the others over its time here, fewer in summer."""
    days = np.arange(start, end + DAY_US, DAY_US)
    density = np.cumsum(1 + 0.15 * season(days))
    low, high = np.interp(tutors.joined, days, density)[tutor], np.interp(tutors.stopped, days, density)[tutor]
    spread = np.interp(low + rng.random(len(tutor)) * (high - low), density, days)
    early = tutors.joined[tutor] + rng.random(len(tutor)) * STOCK_DAYS * DAY_US
    return np.where(in_stock, early, spread).astype(np.int64)


def _score_pairs(
    rng: np.random.Generator, t: pd.DataFrame, s: pd.DataFrame, unreliability: Float64
) -> tuple[Float64, Float64]:
    """The fit of each pair by the profiles of its tutor and student, and its churn log-odds without intercept."""
    pace = np.abs(_numbers(s, "preferred_pace", 3) - _numbers(t, "preferred_pace", 3))
    talk = np.abs(_numbers(s, "communication_style_preference", 3) - _numbers(t, "communication_style", 3))
    style = s["preferred_teaching_style"].to_numpy() != t["teaching_style"].to_numpy()
    age = np.minimum(np.abs(_numbers(s, "age", 15) - _numbers(t, "age", 30)) / 20, 1)
    fit = -(0.65 * pace + 1.0 * style + 0.45 * talk + 0.5 * age) + 0.25 * rng.standard_normal(len(pace))
    score = (
        -fit
        + 0.40 * (3 - _numbers(s, "previous_satisfaction", 3))
        - 0.20 * _numbers(s, "urgency_level", 3)
        - 0.05 * _numbers(t, "experience_years", 2)
        - 0.15 * _numbers(t, "confidence_level", 3)
        + 0.40 * unreliability
    )
    return fit, score


def _numbers(frame: pd.DataFrame, name: str, default: float) -> Float64:
    return frame[name].to_numpy(dtype=np.float64, na_value=default)
