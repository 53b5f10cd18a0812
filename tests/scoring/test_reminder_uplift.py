"""The uplift against numbers worked out by hand, and its interval against worlds whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import t

from records.columns import Float64
from scoring.reminder_report import LEAST_OUTCOMES
from scoring.reminder_uplift import LEVEL, ArmCounts, Estimate, estimate_uplift, rate_of

WORLDS = 4_000


def arm(sessions: list[float], rescheduled: list[float], weight: list[float] | None = None) -> ArmCounts:
    weights = np.ones(len(sessions)) if weight is None else np.array(weight)
    return ArmCounts(np.array(sessions), np.array(rescheduled), weights)


def test_by_hand() -> None:
    # Treated: 2 of 8. Without each of the tutors 1/6, 2/6, 1/4: off by -1/12, 1/12, 0; 2/3 of 2/144 are 1/108.
    # Hold-out: 3 of 4. Without each of the tutors 1, 1/2: off by 1/4 twice; 1/2 of 2/16 are 1/16.
    found = estimate_uplift(arm([2, 2, 4], [1, 0, 1]), arm([2, 2], [1, 2]))
    variance = 1 / 108 + 1 / 16
    freedom = variance**2 / ((1 / 108) ** 2 / 2 + (1 / 16) ** 2 / 1)
    margin = t.ppf(0.975, freedom) * variance**0.5
    assert found.value == pytest.approx(0.75 - 0.25)
    assert (found.low, found.high) == (pytest.approx(0.5 - margin), pytest.approx(0.5 + margin))


def test_tutors_weigh_by_how_probable_their_arm_was() -> None:
    assert rate_of(arm([4, 2], [1, 2])) == pytest.approx(3 / 6)
    assert rate_of(arm([4, 2], [1, 2], [5, 2])) == pytest.approx((5 * 1 + 2 * 2) / (5 * 4 + 2 * 2))
    once, thrice = arm([2, 2, 4], [1, 0, 1]), arm([2, 2, 4], [1, 0, 1], [3, 3, 3])
    assert estimate_uplift(once, arm([2, 2], [1, 2])) == estimate_uplift(thrice, arm([2, 2], [1, 2], [7, 7]))


def test_tutors_that_are_all_alike_leave_nothing_to_chance() -> None:
    found = estimate_uplift(arm([4, 4, 4], [1, 1, 1]), arm([2, 2], [1, 1]))
    assert (found.value, found.low, found.high) == (0.25, 0.25, 0.25)


def simulate(rng: np.random.Generator, tutors: tuple[int, int], kept: float, base: float = 0.3) -> Estimate:
    return estimate_uplift(*simulate_arms(rng, tutors, kept, base))


def simulate_arms(rng: np.random.Generator, tutors: tuple[int, int], kept: float, base: float) -> list[ArmCounts]:
    """Worlds (WORLDS, tutors): sessions of 1 to 60 a tutor, of whom each has a rate of their own (Beta, mean `base`).

    kept: the share of reschedules that reminders keep from happening.
    """
    arms = []
    for number, factor in zip(tutors, (1 - kept, 1.0), strict=True):
        sessions = np.minimum(1 + rng.negative_binomial(2, 0.2, (WORLDS, number)), 60).astype(np.float64)
        rates = factor * rng.beta(8 * base, 8 * (1 - base), sessions.shape)
        rescheduled = rng.binomial(sessions.astype(np.int64), rates).astype(np.float64)
        arms.append(ArmCounts(sessions, rescheduled, np.ones_like(sessions)))
    return arms


@pytest.mark.parametrize(("tutors", "kept"), [((120, 30), 0.25), ((30, 30), 0.25), ((400, 100), 0.5), ((120, 30), 0.0)])
def test_the_interval_holds_the_truth_in_95_of_100_worlds(tutors: tuple[int, int], kept: float) -> None:
    found = simulate(np.random.default_rng(7), tutors, kept)
    truth = 0.3 * kept
    covered = np.mean((found.low <= truth) & (truth <= found.high))
    assert covered == pytest.approx(LEVEL, abs=0.015)
    spread = float(found.value.std()) / WORLDS**0.5
    assert abs(float(found.value.mean()) - truth) < 4 * spread


@pytest.mark.parametrize("tutors", [(30, 30), (120, 30)])
@pytest.mark.parametrize("base", [0.05, 0.065])
def test_where_reschedules_are_rare_what_is_said_is_rather_too_careful(tutors: tuple[int, int], base: float) -> None:
    arms = simulate_arms(np.random.default_rng(7), tutors, 0.25, base)
    found = estimate_uplift(*arms)
    said = np.all([arm.rescheduled.sum(axis=-1) >= LEAST_OUTCOMES for arm in arms], axis=0)
    covered = ((found.low <= 0.25 * base) & (0.25 * base <= found.high))[said]
    assert said.sum() > 1_000
    assert 0.955 < covered.mean() < 1


def test_with_no_effect_either_verdict_is_rare_and_with_a_large_one_it_is_found() -> None:
    nothing = simulate(np.random.default_rng(8), (160, 40), 0.0)
    assert np.mean(nothing.low > 0) < 0.04
    assert np.mean(nothing.high < 0) < 0.04
    much = simulate(np.random.default_rng(8), (400, 100), 0.4)
    assert np.mean(much.low > 0) > 0.9
    assert np.mean(much.high < 0) == 0


def test_a_share_that_was_changed_while_times_changed_does_not_look_like_an_effect() -> None:
    """The first half of the tutors came in good times with 1 of 10 held out, the second in bad times with half."""
    rng = np.random.default_rng(9)
    values, plain = [], []
    for _ in range(1_500):
        share = np.repeat([0.1, 0.5], 200)
        held = rng.random(400) < share
        sessions = np.full(400, 10.0)
        rescheduled = rng.binomial(10, np.repeat([0.2, 0.5], 200)).astype(np.float64)
        weight: Float64 = np.where(held, 1 / share, 1 / (1 - share))
        treated, hold_out = (ArmCounts(sessions[a], rescheduled[a], weight[a]) for a in (~held, held))
        found = estimate_uplift(treated, hold_out)
        values.append((float(found.value), float(found.low), float(found.high)))
        plain.append(float(rescheduled[held].sum() / sessions[held].sum() - rescheduled[~held].mean() / 10))
    value, low, high = np.array(values).T
    assert abs(value.mean()) < 0.01
    assert np.mean((low <= 0) & (high >= 0)) > 0.93
    assert np.mean(plain) > 0.1  # as it would look without weights
