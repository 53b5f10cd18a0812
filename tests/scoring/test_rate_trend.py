from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from scipy.stats import t
from sqlalchemy import Engine

from scoring.rate_trend import WEEKS, Change, compare_rates, read_rate_trend
from scoring.tutors import score_tutors
from tests.scoring.conftest import NOW, Records, days_ago

NONE = Change(None, None, None, None, None)


@pytest.fixture
def engine(emptied_engine: Engine) -> Engine:
    return emptied_engine


def test_without_sessions_there_is_no_rate(engine: Engine) -> None:
    trend = read_rate_trend(engine, NOW)

    assert (trend.sessions, trend.sessions_before, trend.untold) == (0, 0, 0)
    assert [trend.rescheduled, trend.by_tutors, trend.by_students, trend.no_shows] == [NONE] * 4
    assert [week.end for week in trend.weeks] == [NOW - timedelta(weeks=ago) for ago in range(WEEKS - 1, -1, -1)]
    assert {(week.sessions, week.rescheduled, week.no_shows) for week in trend.weeks} == {(0, 0, 0)}


def test_rates_by_hand(engine: Engine, records: Records) -> None:
    ada, bert = records.tutor(1), records.tutor(2)
    records.session(ada, days_ago(1), "rescheduled")
    records.session(ada, days_ago(6.9), "rescheduled", initiator="student")
    records.session(ada, days_ago(7.1), "no_show")
    records.session(bert, days_ago(29.9))
    records.session(bert, days_ago(30.1), "rescheduled")
    records.session(ada, days_ago(59.9))
    records.session(ada, days_ago(60.1), "no_show")  # in the weeks alone
    records.session(ada, days_ago(7 * WEEKS + 0.1), "no_show")  # in nothing
    records.session(ada, days_ago(2), "scheduled")
    records.session(ada, days_ago(0.01), "scheduled")  # goes on
    records.session(ada, days_ago(31), "scheduled")  # untold before
    records.session(ada, days_ago(-1), "rescheduled", cancelled_at=days_ago(1))  # its time has not come
    records.session(ada, days_ago(3), "no_show", outcome_recorded_at=days_ago(-0.1))  # not known yet

    trend = read_rate_trend(engine, NOW)

    assert (trend.sessions, trend.sessions_before, trend.untold) == (4, 2, 1)
    assert trend.rescheduled == Change(0.5, 0.5, 0.0, None, None)  # two tutors are too few for an interval
    assert trend.by_tutors == Change(0.25, 0.5, -0.25, None, None)
    assert trend.by_students == Change(0.25, 0.0, 0.25, None, None)
    assert trend.no_shows == Change(0.25, 0.0, 0.25, None, None)
    counted = [(week.sessions, week.rescheduled, week.no_shows) for week in trend.weeks]
    # weeks end now and 7, 28 and 56 days ago, and so on
    assert counted[-1] == (2, 2, 0)
    assert counted[-2] == (1, 0, 1)
    assert counted[-5] == (2, 1, 0)
    assert counted[-9] == (2, 0, 1)
    assert sum(sessions for sessions, _, _ in counted) == 7


def test_it_counts_as_the_scores_do(engine: Engine, records: Records) -> None:
    tutors = [records.tutor(number) for number in range(1, 13)]
    for place in range(120):
        status = ("completed", "rescheduled", "completed", "no_show", "scheduled")[place % 5]
        told = {"outcome_recorded_at": days_ago(place % 7 - 3)} if place % 4 == 0 else {}
        initiator = "student" if place % 3 == 0 else "tutor"
        records.session(tutors[place % 12], days_ago(place / 2), status, initiator=initiator, **told)
    score_tutors(engine, NOW)

    trend = read_rate_trend(engine, NOW)

    [(sessions, moved)] = records.rows("SELECT sum(total_sessions_30d), sum(tutor_reschedules_30d) FROM tutor_scores")
    assert trend.sessions == sessions
    assert trend.by_tutors.now == pytest.approx(moved / sessions)
    assert trend.rescheduled.low is not None


def test_the_interval_leaves_out_one_tutor_at_a_time() -> None:
    generator = np.random.default_rng(3)
    sessions = generator.integers(1, 20, (2, 15)).astype(float)
    events = generator.binomial(sessions.astype(int), 0.3).astype(float)

    change = compare_rates(events, sessions)

    without = []
    for left_out in range(15):
        kept = [place for place in range(15) if place != left_out]
        without.append(
            events[0, kept].sum() / sessions[0, kept].sum() - events[1, kept].sum() / sessions[1, kept].sum()
        )
    error = np.sqrt(14 / 15 * sum((one - np.mean(without)) ** 2 for one in without))
    value = events[0].sum() / sessions[0].sum() - events[1].sum() / sessions[1].sum()
    assert change.difference == pytest.approx(value)
    assert (change.low, change.high) == pytest.approx(
        (value - t.ppf(0.975, 14) * error, value + t.ppf(0.975, 14) * error)
    )


def test_the_interval_holds_what_is_true_as_often_as_it_says() -> None:
    """Of tutors that differ much, whose sessions of both parts are alike: the true difference is 0."""
    generator = np.random.default_rng(11)
    held = 0
    for _ in range(400):
        rates = generator.beta(1, 8, 60)
        sessions = generator.integers(1, 25, (2, 60))
        change = compare_rates(generator.binomial(sessions, rates).astype(float), sessions.astype(float))
        assert change.low is not None
        assert change.high is not None
        held += change.low <= 0 <= change.high
    assert 0.91 <= held / 400 <= 0.98


def test_one_tutor_with_all_sessions_gives_no_interval() -> None:
    sessions = np.zeros((2, 12))
    sessions[:, 0] = 10

    change = compare_rates(sessions / 2, sessions)

    assert (change.difference, change.low, change.high) == (0.0, None, None)
