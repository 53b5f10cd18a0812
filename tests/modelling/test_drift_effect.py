"""Effects against scipy's distance, and what chance gives against samples drawn one by one."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import wasserstein_distance

from modelling.drift_effect import (
    blocks_of,
    chance_effects,
    match_weekdays,
    normed_wasserstein,
    usual_effects,
    weekdays_of,
)

numbers = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60)


@given(numbers, numbers)
def test_the_effect_is_the_distance_of_scipy_over_the_standard_deviation(left, right):
    reference, current = np.array(left), np.array(right)
    expected = wasserstein_distance(reference, current) / max(reference.std(), 1e-3)
    assert normed_wasserstein(reference, current) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_a_shift_of_half_a_standard_deviation_is_an_effect_of_a_half():
    values = np.random.default_rng(0).normal(5, 3, 1000)
    assert normed_wasserstein(values, values + 0.5 * values.std()) == pytest.approx(0.5)


def test_weekdays_are_those_of_the_calendar():
    days = np.arange(20_000, 20_014)
    epoch = date(1970, 1, 1).toordinal()
    assert weekdays_of(days).tolist() == [date.fromordinal(epoch + int(day)).weekday() for day in days]


@given(st.lists(st.integers(0, 13), min_size=1, max_size=80), st.integers(0, 10_000))
def test_the_reference_takes_on_the_weekdays_of_the_current_rows(days, seed):
    reference = pd.DataFrame({"day": np.random.default_rng(seed).integers(0, 140, 3000)})
    current = pd.DataFrame({"day": 1000 + np.array(days)})
    matched, kept = match_weekdays(reference, current)
    assert len(kept) == len(current)
    shares = [np.bincount(weekdays_of(side["day"].to_numpy()), minlength=7) / len(side) for side in (matched, kept)]
    assert np.abs(shares[0] - shares[1]).max() <= 7 / len(matched)  # each weekday is rounded to whole rows
    have = np.bincount(weekdays_of(reference["day"].to_numpy()), minlength=7)
    used = np.bincount(weekdays_of(matched["day"].to_numpy()), minlength=7)
    assert (used <= have).all()
    assert any(used[day] >= have[day] - 1 for day in np.flatnonzero(shares[1]))  # no more could be had
    assert matched.index.tolist() == match_weekdays(reference, current)[0].index.tolist()


def test_a_weekday_that_the_reference_lacks_is_left_out_on_both_sides():
    reference = pd.DataFrame({"day": np.repeat([4, 5, 6], [100, 100, 29])})  # Monday, Tuesday, 29 of a Wednesday
    current = pd.DataFrame({"day": [1004, 1005, 1006, 1006]})  # Thursday … Sunday are not there at all
    assert weekdays_of(current["day"].to_numpy()).tolist() == [6, 0, 1, 1]
    matched, kept = match_weekdays(reference, current)
    assert kept["day"].tolist() == [1005, 1006, 1006]
    assert matched["day"].value_counts().to_dict() == {5: 100, 4: 50}


def test_a_block_is_a_tutor_in_a_week():
    rows = pd.DataFrame({"tutor": [3, 3, 3, 8, 8], "day": [7, 13, 14, 7, 7]})
    blocks = blocks_of(rows)
    assert blocks[0] == blocks[1] != blocks[2]
    assert blocks[3] == blocks[4]
    assert len(set(blocks.tolist())) == 3


def test_chance_is_what_samples_drawn_one_by_one_show():
    rng = np.random.default_rng(1)
    n, rows = 2000, 200
    reference = rng.exponential(size=n)
    limit = chance_effects(reference[:, None], np.arange(n), rows, alpha=0.05, seed=0)[0]
    pairs = [(rng.exponential(size=n), rng.exponential(size=rows)) for _ in range(1500)]
    effects = [wasserstein_distance(first, second) / first.std() for first, second in pairs]
    assert limit == pytest.approx(np.quantile(effects, 0.95), rel=0.1)


def test_of_many_columns_the_largest_counts():
    rng = np.random.default_rng(2)
    X = rng.normal(size=(2000, 20))
    alone = chance_effects(X[:, :1], np.arange(2000), 200, alpha=0.05, seed=0)[0]
    among = chance_effects(X, np.arange(2000), 200, alpha=0.05, seed=0)
    effects = np.array(
        [max(wasserstein_distance(X[:, j], rng.normal(size=200)) / X[:, j].std() for j in range(20)) for _ in range(60)]
    )
    assert among.mean() > 1.2 * alone
    assert (effects > among.mean()).mean() <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 60)


def test_ten_rows_that_are_alike_say_as_much_as_one():
    rng = np.random.default_rng(3)
    values = rng.normal(size=2000)
    alike = chance_effects(np.repeat(values, 10)[:, None], np.repeat(np.arange(2000), 10), 2000, alpha=0.05, seed=0)
    single = chance_effects(values[:, None], np.arange(2000), 200, alpha=0.05, seed=0)
    apart = chance_effects(np.repeat(values, 10)[:, None], np.arange(20_000), 2000, alpha=0.05, seed=0)
    assert alike[0] == pytest.approx(single[0], rel=0.05)
    assert alike[0] > 2 * apart[0]


def test_what_seasons_make_is_the_furthest_four_weeks():
    rng = np.random.default_rng(4)
    days = 28 * 700 + np.repeat(np.arange(84), 100)
    season = np.repeat([0.0, 1.0, 0.0], 2800)
    X = np.stack([rng.normal(size=8400) + season, rng.normal(size=8400)], axis=1)
    usual = usual_effects(X, days)
    own = [wasserstein_distance(X[:, 0], X[2800 * k : 2800 * (k + 1), 0]) / X[:, 0].std() for k in range(3)]
    assert usual[0] == pytest.approx(max(own), rel=0.02)
    assert usual[1] < 0.05
    assert usual_effects(X[::20], days[::20]).tolist() == [0.0, 0.0]  # 140 rows in four weeks tell nothing
