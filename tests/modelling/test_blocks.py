from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import sem

from modelling.blocks import mean_by_blocks
from modelling.gate import compare_losses


def test_the_standard_error_of_a_few_rows_worked_out_by_hand():
    """Values 1, 3 | 2 | 0, −1 with mean 1: the blocks' sums of deviations are 2, 1 and −3."""
    found = mean_by_blocks(np.array([1.0, 3.0, 2.0, 0.0, -1.0]), np.array([7, 7, 2, 9, 9]))
    assert (found.value, found.rows) == (1, 5)
    assert found.error == pytest.approx(np.sqrt(3 / 2 * (4 + 1 + 9) / 25))


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=50))
def test_without_blocks_it_is_the_standard_error_of_the_mean(values):
    found = mean_by_blocks(np.array(values), np.arange(len(values)))
    assert found.value == pytest.approx(np.mean(values), abs=1e-9)
    assert found.error == pytest.approx(sem(values), rel=1e-6, abs=1e-9)


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0, 5)), min_size=2, max_size=40))
def test_of_two_models_losses_it_is_their_plain_comparison_then(losses):
    own, other = np.array(losses).T
    found, plain = mean_by_blocks(own - other, np.arange(len(own))), compare_losses(own, other)
    assert found.value == pytest.approx(plain.mean, abs=1e-12)
    assert found.error == pytest.approx(plain.standard_error, abs=1e-12)


@given(st.lists(st.floats(-2, 2), min_size=2, max_size=20), st.integers(2, 5))
def test_rows_that_only_repeat_others_add_no_knowledge(values, times):
    once = np.array(values)
    found = mean_by_blocks(np.repeat(once, times), np.repeat(np.arange(len(once)), times))
    assert found.error == pytest.approx(sem(once), abs=1e-12)


def test_it_is_the_spread_that_means_of_such_rows_have():
    """60 tutors of 10 sessions whose differences share half of their variance: 400 draws, and each one's estimate."""
    rng = np.random.default_rng(3)
    block = np.repeat(np.arange(60), 10)
    drawn = [np.repeat(rng.normal(size=60), 10) + rng.normal(size=600) for _ in range(400)]
    spread = np.std([one.mean() for one in drawn])
    found = np.mean([mean_by_blocks(one, block).error for one in drawn])
    assert found == pytest.approx(spread, rel=0.12)
    assert np.mean([compare_losses(one, np.zeros(600)).standard_error for one in drawn]) < 0.6 * spread


def test_of_a_single_block_no_error_can_be_known():
    assert mean_by_blocks(np.ones(3), np.array([4, 4, 4])).error == np.inf
