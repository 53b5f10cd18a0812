from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, betabinom
from sqlalchemy import Engine

from scoring.shrinkage import RatePrior, fit_prior, likely_rates, read_prior
from tests.scoring.test_tutor_list import add_tutor

PRIOR = RatePrior(reschedules=2.0, sessions=16.0)


def draw_tutors(a: float, b: float, tutors: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True rates, reschedules and sessions (tutors,)."""
    rng = np.random.default_rng(seed)
    rates, sessions = rng.beta(a, b, tutors), rng.integers(0, 25, tutors)
    return rates, rng.binomial(sessions, rates), sessions


def test_the_posterior_is_the_beta_of_all_that_was_counted() -> None:
    found = likely_rates(PRIOR, [0, 1, 30], [0, 2, 90])

    for i, (a, b) in enumerate([(2, 14), (3, 15), (32, 74)]):
        assert found.rate[i] == pytest.approx(a / (a + b))
        assert (found.low[i], found.high[i]) == pytest.approx(beta(a, b).interval(0.9))
    assert found.few.tolist() == [True, True, False]


def test_one_of_two_does_not_rank_above_thirty_of_ninety() -> None:
    _, reschedules, sessions = draw_tutors(2, 14, 400)
    prior = fit_prior([*reschedules, 1, 30], [*sessions, 2, 90])
    assert prior is not None
    found = likely_rates(prior, [1, 30], [2, 90])
    assert found.rate[0] < found.rate[1]
    assert found.high[0] - found.low[0] > found.high[1] - found.low[1]


def test_the_prior_of_drawn_tutors_is_found() -> None:
    _, reschedules, sessions = draw_tutors(2, 14, 5000)
    prior = fit_prior(reschedules, sessions)
    assert prior is not None
    assert prior.rate == pytest.approx(2 / 16, rel=0.03)
    assert prior.sessions == pytest.approx(16, rel=0.15)


def test_no_other_prior_is_more_likely() -> None:
    _, reschedules, sessions = draw_tutors(1, 5, 60)
    prior = fit_prior(reschedules, sessions)
    assert prior is not None

    def likelihood(of_rate: float, of_sessions: float) -> float:
        a, b = prior.rate * of_rate, 1 - prior.rate * of_rate
        weight = prior.sessions * of_sessions
        return float(betabinom(sessions, a * weight, b * weight).logpmf(reschedules).sum())

    best = likelihood(1, 1)
    for factor in (0.9, 0.99, 1.01, 1.1):
        assert likelihood(factor, 1) < best
        assert likelihood(1, factor) < best


def test_intervals_hold_the_true_rates_of_nine_in_ten_tutors() -> None:
    rates, reschedules, sessions = draw_tutors(2, 14, 4000, seed=2)
    prior = fit_prior(reschedules, sessions)
    assert prior is not None
    found = likely_rates(prior, reschedules, sessions)
    assert np.mean((found.low <= rates) & (rates <= found.high)) == pytest.approx(0.9, abs=0.015)


def test_tutors_who_do_not_differ_are_told_to_be_alike() -> None:
    rng = np.random.default_rng(3)
    sessions = np.full(3000, 20)
    reschedules = rng.binomial(sessions, 0.12)
    prior = fit_prior(reschedules, sessions)
    assert prior is not None
    assert prior.sessions > 300
    assert np.ptp(likely_rates(prior, reschedules, sessions).rate) < 0.04 < np.ptp(reschedules / sessions)


@pytest.mark.parametrize(
    ("reschedules", "sessions"),
    [([], []), ([1] * 9 + [0] * 20, [4] * 9 + [0] * 20), ([0] * 50, [8] * 50), ([8] * 50, [8] * 50)],
)
def test_where_nothing_is_known_of_how_tutors_differ_there_is_no_prior(
    reschedules: list[int], sessions: list[int]
) -> None:
    assert fit_prior(reschedules, sessions) is None


@given(st.integers(1, 100), st.integers(0, 100), st.integers(2, 10))
def test_the_same_rate_of_more_sessions_is_nearer_to_itself(sessions: int, reschedules: int, times: int) -> None:
    reschedules = min(reschedules, sessions)
    found = likely_rates(PRIOR, [reschedules, times * reschedules], [sessions, times * sessions])
    rate = reschedules / sessions
    assert abs(found.rate[1] - rate) <= abs(found.rate[0] - rate) + 1e-12
    assert ((found.low <= found.rate) & (found.rate <= found.high)).all()


def test_the_prior_is_of_active_tutors_with_sessions(emptied_engine: Engine) -> None:
    _, reschedules, sessions = draw_tutors(2, 14, 40)
    for number, counts in enumerate(zip(reschedules.tolist(), sessions.tolist(), strict=True)):
        add_tutor(emptied_engine, number, f"tutor {number}", scored=counts)
    for number in range(100, 140):
        add_tutor(emptied_engine, number, "gone", scored=(9, 9), active=False)
    add_tutor(emptied_engine, 200, "never scored")
    found, expected = read_prior(emptied_engine), fit_prior(reschedules, sessions)
    assert found is not None
    assert expected is not None
    # Alike tutors are counted together, so the sums are of another order.
    assert (found.reschedules, found.sessions) == pytest.approx((expected.reschedules, expected.sessions), rel=1e-3)
