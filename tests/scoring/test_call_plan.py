"""Whom to call, against numbers worked out by hand and a distribution made by enumerating all outcomes."""

from __future__ import annotations

import itertools
import math
import uuid
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from sqlalchemy import insert

from records.tables import interventions, session_reschedule_predictions
from scoring.call_plan import LEVEL, MOST_CALLS, CallPlan, expect_reschedules, expect_saved, plan_calls
from scoring.reminder_report import Uplift
from scoring.upcoming_list import UpcomingQuery
from tests.scoring.conftest import Records

THRESHOLDS = (0.15, 0.35)


def predict(records: Records, session: str, start: datetime, probability: float) -> None:
    with records.engine.begin() as connection:
        connection.execute(
            insert(session_reschedule_predictions).values(
                session_id=session,
                scheduled_time=start,
                target="reschedule",
                probability=probability,
                risk_level="low",
                model_version="v1",
                fallback=False,
                predicted_at=start - timedelta(days=1),
                features_json={},
            )
        )


def test_the_likeliest_that_nobody_handled(records: Records) -> None:
    now = datetime.now(UTC)
    ada, bob = records.tutor(1), records.tutor(2)
    made = {}
    for name, tutor, hours, probability in (
        ("high", ada, 5, 0.75),
        ("called", ada, 6, 0.5),
        ("low", bob, 7, 0.125),
        ("noted", bob, 8, 0.25),
        ("unpredicted", bob, 9, None),
        ("in three days", ada, 72, 0.875),
        ("over", ada, -1, 0.875),
    ):
        start = now + timedelta(hours=hours)
        made[name] = records.session(tutor, start, "scheduled")
        if probability is not None:
            predict(records, made[name], start, probability)
    with records.engine.begin() as connection:
        for name, kind in (("called", "call"), ("noted", "note")):
            values = {"session_id": made[name], "tutor_id": ada, "kind": kind, "actor": "person ada"}
            connection.execute(insert(interventions).values(**values))

    plan = plan_calls(records.engine, UpcomingQuery(days_ahead=1, limit=1, offset=1), THRESHOLDS)
    assert (plan.sessions, plan.unpredicted, plan.expected) == (3, 1, 1.125)  # 0.75 + 0.25 + 0.125
    assert plan.likeliest == tuple(
        (uuid.UUID(made[name]), p) for name, p in (("high", 0.75), ("noted", 0.25), ("low", 0.125))
    )
    high = plan_calls(records.engine, UpcomingQuery(days_ahead=7, risk_level="high"), THRESHOLDS)
    assert (high.sessions, high.unpredicted, high.expected) == (2, 0, 1.625)
    of_bob = plan_calls(records.engine, UpcomingQuery(tutor_search="TUTOR 2"), THRESHOLDS)
    assert (of_bob.sessions, of_bob.unpredicted, of_bob.expected) == (2, 1, 0.375)
    assert plan_calls(records.engine, UpcomingQuery(days_ahead=7, handled=True), THRESHOLDS) == CallPlan(0, 0, 0.0, ())
    nobody = plan_calls(records.engine, UpcomingQuery(tutor_search="nobody"), THRESHOLDS)
    assert (nobody.sessions, nobody.unpredicted, nobody.expected, nobody.likeliest) == (0, 0, 0.0, ())


def test_not_more_are_named_than_anybody_calls(records: Records) -> None:
    now = datetime.now(UTC)
    tutor = records.tutor(1)
    for number in range(MOST_CALLS + 5):
        start = now + timedelta(hours=1, minutes=number)
        predict(records, records.session(tutor, start, "scheduled"), start, 0.5)

    plan = plan_calls(records.engine, UpcomingQuery(), THRESHOLDS)

    assert (plan.sessions, plan.expected, len(plan.likeliest)) == (205, 102.5, 200)
    assert [key for key, _ in plan.likeliest] == sorted(key for key, _ in plan.likeliest)


@pytest.mark.parametrize(
    ("probabilities", "value", "low", "high"),
    [
        ([], 0.0, 0.0, 0.0),
        ([1.0, 1.0], 2.0, 2.0, 2.0),
        ([0.5, 0.5], 1.0, 0.0, 2.0),  # a quarter each at either end
        ([0.04], 0.04, 0.0, 0.0),  # one in 25: within the tail of one in 20
        ([0.96, 0.04], 1.0, 1.0, 1.0),
    ],
)
def test_how_many_by_hand(probabilities: list[float], value: float, low: float, high: float) -> None:
    found = expect_reschedules(np.array(probabilities))
    assert (found.value, found.low, found.high) == (pytest.approx(value), low, high)


def test_the_range_is_that_of_all_outcomes() -> None:
    probabilities = np.random.default_rng(7).uniform(0, 1, 12)
    chances = np.zeros(13)
    for outcome in itertools.product((0, 1), repeat=12):
        chance = math.prod(p if happened else 1 - p for p, happened in zip(probabilities, outcome, strict=True))
        chances[sum(outcome)] += chance

    found = expect_reschedules(probabilities)

    assert chances[: int(found.low)].sum() < (1 - LEVEL) / 2 <= chances[: int(found.low) + 1].sum()
    assert chances[int(found.high) + 1 :].sum() <= (1 - LEVEL) / 2 < chances[int(found.high) :].sum()
    assert found.value == pytest.approx((chances * np.arange(13)).sum())


def test_what_many_calls_save() -> None:
    saved = expect_saved(Uplift(0.08, -0.01, 0.17), np.full(50, 0.5))
    assert (saved.value, saved.low, saved.high) == (pytest.approx(4.0), pytest.approx(-0.5), pytest.approx(8.5))


def test_not_more_is_saved_than_is_expected() -> None:
    saved = expect_saved(Uplift(0.3, 0.1, 0.5), np.full(10, 0.2))
    assert (saved.value, saved.low, saved.high) == (pytest.approx(2.0), pytest.approx(1.0), pytest.approx(2.0))
