from __future__ import annotations

from datetime import datetime

import numpy as np
import pytest
from scipy.stats import beta
from sqlalchemy import Engine

from scoring.shrinkage import RatePrior, fit_prior, read_prior
from scoring.tutor_peers import Peers, likely_rate, make_peers, read_peers
from scoring.tutors import score_tutors
from tests.scoring.conftest import NOW, Records, days_ago

NOBODY = Peers(None, np.empty(0), np.empty(0, dtype=np.int64), None)
PEERS = Peers(RatePrior(2.0, 16.0), np.array([0.1, 0.2, 0.4]), np.array([1, 2, 1]), None)


@pytest.mark.parametrize(
    ("rate", "share"),
    [(0.05, 0.0), (0.1, 0.125), (0.2, 0.5), (0.3, 0.75), (0.4, 0.875), (0.9, 1.0)],
)
def test_the_share_below_counts_equals_half(rate: float, share: float) -> None:
    assert PEERS.share_below(rate) == pytest.approx(share)


def test_nobody_to_compare_with_is_no_share() -> None:
    assert np.isnan(NOBODY.share_below(0.2))


def test_a_likely_rate_is_the_mean_of_its_beta_with_its_interval() -> None:
    rate, low, high = likely_rate(PEERS, 3, 4) or (0.0, 0.0, 0.0)

    assert rate == pytest.approx(5 / 20)  # 2 of 16, and 3 of 4
    assert (low, high) == pytest.approx(beta(5, 15).interval(0.9))
    assert likely_rate(PEERS, 0, 0) is None
    assert likely_rate(NOBODY, 3, 4) is None


def test_peers_are_the_active_tutors_with_sessions(engine: Engine, records: Records) -> None:
    for number in range(12):
        tutor = records.tutor(number)
        for days in range(1, 6):
            records.session(tutor, days_ago(days), "rescheduled" if days <= number % 4 else "completed")
    records.session(records.tutor(20, active=False), days_ago(1), "rescheduled")
    records.tutor(21)
    score_tutors(engine, NOW)

    peers = read_peers(engine)

    prior = read_prior(engine)
    assert prior is not None
    assert peers.prior == prior
    np.testing.assert_allclose(peers.rates, (np.arange(4) + prior.reschedules) / (5 + prior.sessions))  # of five each
    assert peers.tutors.tolist() == [3, 3, 3, 3]
    assert peers.scored_at == NOW
    # A quarter has each of the rates, and half of these count.
    found = [peers.share_below((likely_rate(peers, reschedules, 5) or (0.0, 0.0, 0.0))[0]) for reschedules in range(4)]
    assert found == [0.125, 0.375, 0.625, 0.875]


def test_equal_counts_have_the_same_rate_to_the_last_bit() -> None:
    """Whatever prior is fitted: two formulas for one rate differ in the last bit for one tutor in thirty."""
    for seed in range(10):
        random = np.random.default_rng(seed)
        sessions = random.integers(1, 40, 60)
        reschedules = random.binomial(sessions, random.beta(2, 14, 60))
        prior = fit_prior(reschedules, sessions)
        assert prior is not None
        peers = make_peers(prior, reschedules, sessions, np.ones(60, dtype=np.int64), None)
        for k, n in zip(reschedules.tolist(), sessions.tolist(), strict=True):
            likely = likely_rate(peers, k, n)
            assert likely is not None
            assert likely[0] in peers.rates


def test_without_scores_there_are_none(engine: Engine, records: Records) -> None:
    records.tutor(1)

    peers = read_peers(engine)

    found: tuple[RatePrior | None, int, datetime | None] = (peers.prior, peers.count, peers.scored_at)
    assert found == (None, 0, None)
