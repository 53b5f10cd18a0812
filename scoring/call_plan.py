"""Whom to call where only some can be called: the likeliest first, and how many reschedules are among them.

How many of some sessions are rescheduled is the sum of draws of different probabilities, whose distribution is
Poisson's binomial one. It is computed exactly, by convolution (Y. Hong, Computational Statistics & Data Analysis 59,
2013, 2.1). Its interval is of chance alone: it takes the probabilities for right and the sessions for independent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

import numpy as np
from sqlalchemy import Engine, text

from records.columns import Float64
from scoring.reminder_report import Uplift
from scoring.session_list import bind
from scoring.upcoming_list import UpcomingQuery, select_probabilities

MOST_CALLS: Final = 200
LEVEL: Final = 0.9


@dataclass(frozen=True, slots=True)
class CallPlan:
    """The sessions of a list that nobody handled yet.

    sessions: how many have a prediction. unpredicted: how many have none, and are not counted in anything else.
    expected: reschedules among all of `sessions`. likeliest: at most MOST_CALLS of them with their probabilities, the
    highest first, those of the same in the order of their ids.
    """

    sessions: int
    unpredicted: int
    expected: float
    likeliest: tuple[tuple[UUID, float], ...]

    @property
    def probabilities(self) -> Float64:
        """Of the likeliest (k,), descending."""
        return np.array([probability for _, probability in self.likeliest], dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Expectation:
    """How many there should be, and the bounds that hold it in at least LEVEL of such cases."""

    value: float
    low: float
    high: float


def plan_calls(engine: Engine, query: UpcomingQuery, thresholds: tuple[float, float]) -> CallPlan:
    """Whom to call of the list, whatever part of it the query names, but for those that were handled.

    Of a list of handled ones nobody.
    """
    if query.handled:
        return CallPlan(0, 0, 0.0, ())
    found, values = bind(select_probabilities(replace(query, handled=False), thresholds))
    with engine.connect() as connection:
        row: Any = connection.execute(text(_PLAN.format(found=found.text, most=MOST_CALLS)), values).one()
    likeliest = tuple((UUID(key), float(probability)) for key, probability in row.likeliest)
    return CallPlan(row.predicted, row.sessions - row.predicted, row.expected, likeliest)


def expect_reschedules(probabilities: Float64) -> Expectation:
    """How many of sessions with these probabilities (n,) will be rescheduled."""
    chances = np.ones(1)
    for probability in probabilities.tolist():
        chances = np.convolve(chances, (1 - probability, probability))
    reached = np.cumsum(chances)
    tail = (1 - LEVEL) / 2
    low, high = np.searchsorted(reached, (tail, 1 - tail))
    return Expectation(float(probabilities.sum()), float(low), float(min(high, len(probabilities))))


def expect_saved(uplift: Uplift, probabilities: Float64) -> Expectation:
    """How many reschedules calls should save where each does what a reminder did; the interval is the reminders'.

    probabilities: of the called sessions (n,) that call for a reminder; of others the uplift says nothing. Not more are
    saved than are expected.
    """
    calls, expected = len(probabilities), float(probabilities.sum())
    value, low, high = (min(calls * points, expected) for points in (uplift.value, uplift.low, uplift.high))
    return Expectation(value, low, high)


_PLAN: Final = """
    WITH found AS MATERIALIZED ({found})
    SELECT count(*) AS sessions, count(probability) AS predicted, coalesce(sum(probability), 0) AS expected,
        (SELECT coalesce(json_agg(json_build_array(id, probability)), '[]') FROM (
            SELECT id, probability FROM found WHERE probability IS NOT NULL ORDER BY probability DESC, id LIMIT {most}
        ) likeliest) AS likeliest
    FROM found
    """
