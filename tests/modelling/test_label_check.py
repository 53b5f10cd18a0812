from __future__ import annotations

import numpy as np
import pytest

from modelling.label_check import doubt_base_rate, doubt_ranking


@pytest.mark.parametrize(
    ("now", "then", "factor"),
    [
        (0.18, 0.12, None),
        (0.12, 0.18, None),
        (0.4, 0.12, None),
        (0.8, 0.12, "29.3"),
        (0.12, 0.8, "29.3"),
        (0.14, 0.03, "5.3"),
    ],
)
def test_a_rate_may_move_but_not_turn_round(now, then, factor):
    """0.8 / 0.2 = 4 against 0.12 / 0.88 = 0.1364: a factor of 29.3."""
    doubts = doubt_base_rate(now, then)
    assert [f"a factor of {factor} (allowed is 5)" in doubt for doubt in doubts] == [True] * (factor is not None)


def ranked(n: int = 4000, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    p = rng.beta(1, 6, n)
    return p, (rng.random(n) < p).astype(np.int8)


def test_labels_turned_round_contradict_the_champion():
    p, y = ranked()
    assert doubt_ranking(y, p) == []
    [doubt] = doubt_ranking(1 - y, p)
    assert "ranks the newest rows the wrong way round" in doubt
    turned = np.random.default_rng(1).random(len(y)) < 0.9
    assert len(doubt_ranking(np.where(turned, 1 - y, y), p)) == 1


def test_a_champion_that_knows_nothing_any_more_is_no_reason_to_doubt_the_labels():
    p, _ = ranked()
    assert all(doubt_ranking(ranked(seed=seed)[1], p) == [] for seed in range(4, 40))


def test_few_rows_or_one_class_say_nothing():
    assert doubt_ranking(np.array([1, 0], dtype=np.int8), np.array([0.1, 0.9])) == []
    assert doubt_ranking(np.zeros(50, dtype=np.int8), np.linspace(0, 1, 50)) == []
