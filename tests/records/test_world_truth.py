from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from records.columns import DAY_US
from records.world import World, make_world

END = datetime(2026, 11, 1, tzinfo=UTC)
Floats = NDArray[np.float64]


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(end=END)


@pytest.fixture(scope="module")
def sample(world: World) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and as_of (µs): uniform in the last 14 days before each past session, outcome still open."""
    booked, scheduled, cancelled = (
        microseconds(world.sessions[c]) for c in ("booked_at", "scheduled_time", "cancelled_at")
    )
    low = np.maximum(booked, scheduled - 14 * DAY_US)
    as_of = low + (np.random.default_rng(1).random(len(low)) * (scheduled - low)).astype(np.int64)
    past = (world.sessions["scheduled_time"] < END - timedelta(hours=3)).to_numpy()
    gone = (world.sessions["status"] == "rescheduled").to_numpy() & (cancelled < as_of)
    rows = np.flatnonzero(past & ~gone)
    return rows, as_of[rows]


def test_reschedules_happen_as_often_as_the_truth_says(world: World, sample: tuple[NDArray[np.int64], ...]) -> None:
    rows, as_of = sample
    happened = (world.sessions["status"].to_numpy() == "rescheduled")[rows]
    assert_calibrated(world.true_reschedule(rows, as_of), happened)


def test_reschedules_carry_a_gain_and_all_three_risk_levels(
    world: World, sample: tuple[NDArray[np.int64], ...]
) -> None:
    truth = world.true_reschedule(*sample)
    assert gain(truth) > 0.2
    shares = np.histogram(truth, [0, 0.15, 0.35, 1])[0] / len(truth)
    assert shares[0] > 0.6
    assert shares[1] > 0.1
    assert shares[2] > 0.03


def test_a_reschedule_gets_less_likely_as_the_lesson_comes_near(world: World) -> None:
    rows = np.arange(50)
    booked, scheduled = (microseconds(world.sessions[c])[rows] for c in ("booked_at", "scheduled_time"))
    just_booked, half_way, starting = (
        world.true_reschedule(rows, moment) for moment in (booked, (booked + scheduled) // 2, scheduled)
    )
    p = world.reschedule_probability[rows]
    np.testing.assert_allclose(just_booked, p)
    np.testing.assert_allclose(half_way, p * 7 / 8 / (1 - p / 8), rtol=1e-6)
    np.testing.assert_allclose(starting, 0, atol=1e-12)


def test_no_shows_happen_as_often_as_the_truth_says(world: World) -> None:
    rows = not_moved(world)
    happened = (world.sessions["status"].to_numpy() == "no_show")[rows]
    assert_calibrated(world.true_no_show(rows), happened)


def test_no_shows_carry_a_gain(world: World) -> None:
    assert gain(world.true_no_show(not_moved(world))) > 0.1


def test_pairs_churn_as_often_as_the_truth_says(world: World) -> None:
    rows, churned = churn_labels(world)
    assert churned.mean() == pytest.approx(0.12, abs=0.01)
    assert_calibrated(world.true_churn(rows), churned)


def test_pairs_come_back_within_thirty_days_or_much_later_or_never(world: World) -> None:
    first = world.sessions.iloc[world.pairs["first_session"]]
    both = world.sessions.merge(first, on=["tutor_id", "student_id"], suffixes=("", "_first"))
    apart = both[(both["booked_at"] - both["booked_at_first"]).abs() > timedelta(minutes=10)]
    days = (apart["scheduled_time"] - apart["scheduled_time_first"]).dt.days
    soonest = days.groupby([apart["tutor_id"], apart["student_id"]]).min()
    assert not soonest.between(30, 44).any()
    assert 0.002 < (soonest >= 45).mean() < 0.02


def test_churn_carries_a_gain(world: World) -> None:
    rows, _ = churn_labels(world)
    assert gain(world.true_churn(rows)) > 0.12


def test_pairs_that_fit_stay(world: World) -> None:
    assert np.corrcoef(world.pairs["fit"], world.pairs["churn_probability"])[0, 1] < -0.5


def test_unreliable_tutors_move_more_lessons(world: World) -> None:
    tutors = world.tutors["id"].drop_duplicates().reset_index(drop=True)
    rate = (world.sessions["status"] == "rescheduled").groupby(world.sessions["tutor_id"]).mean()
    assert np.corrcoef(rate.loc[tutors], world.tutor_unreliability)[0, 1] > 0.75


def test_the_booked_length_gives_no_outcome_away(world: World) -> None:
    rates = (world.sessions["status"] == "rescheduled").groupby(world.sessions["duration_minutes"]).mean()
    assert rates.max() < 1.6 * rates.min()
    assert world.sessions["duration_minutes"].notna().all()


def microseconds(times: pd.Series) -> NDArray[np.int64]:
    return times.dt.tz_localize(None).to_numpy(dtype="datetime64[us]").astype(np.int64)


def not_moved(world: World) -> NDArray[np.int64]:
    return np.flatnonzero(world.sessions["status"].isin(["completed", "no_show"]))


def churn_labels(world: World) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Rows of pairs that can be labelled, and whether nobody came back; series are told by their booking times."""
    sessions = world.sessions.assign(row=np.arange(len(world.sessions)))
    first = sessions.iloc[world.pairs["first_session"]].assign(pair=np.arange(len(world.pairs)))
    both = sessions.merge(first, on=["tutor_id", "student_id"], suffixes=("", "_first"))
    other = both["row"] != both["row_first"]
    soon = both["scheduled_time"] <= both["scheduled_time_first"] + timedelta(days=30)
    apart = (both["booked_at"] - both["booked_at_first"]).abs() > timedelta(minutes=10)
    came_back = np.zeros(len(world.pairs), dtype=bool)
    came_back[both.loc[other & soon & apart, "pair"]] = True
    rows = np.flatnonzero(first["scheduled_time"] <= END - timedelta(days=30))
    return rows, ~came_back[rows]


def gain(truth: Floats) -> float:
    """Expected log loss of the true probabilities below that of their mean, as a fraction of the latter."""
    base = truth.mean()
    entropy = -(truth * np.log(truth) + (1 - truth) * np.log(1 - truth)).mean()
    return float(1 - entropy / -(base * np.log(base) + (1 - base) * np.log(1 - base)))


def assert_calibrated(truth: Floats, happened: NDArray[np.bool_]) -> None:
    """What happened lies within four standard deviations of the truth, in all and in ten bins of equal mass."""
    order = np.argsort(truth)
    for part in [order, *np.array_split(order, 10)]:
        deviation = np.sqrt((truth[part] * (1 - truth[part])).sum())
        assert abs(happened[part].sum() - truth[part].sum()) < 4 * deviation
