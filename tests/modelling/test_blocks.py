from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelling.blocks import compare_blocks
from modelling.gate import compare_losses


def test_the_standard_error_of_a_few_rows_worked_out_by_hand():
    """Differences 1, 3 | 2 | 0, −1 with mean 1: the blocks' sums of deviations are 2, 1 and −3."""
    other = np.zeros(5)
    found = compare_blocks(np.array([1.0, 3.0, 2.0, 0.0, -1.0]), other, np.array([7, 7, 2, 9, 9]))
    assert found.mean == pytest.approx(1)
    assert found.standard_error == pytest.approx(np.sqrt(3 / 2 * (4 + 1 + 9) / 25))


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0, 5)), min_size=2, max_size=40))
def test_with_each_row_a_block_of_its_own_it_is_the_plain_comparison(losses):
    own, other = np.array(losses).T
    found, plain = compare_blocks(own, other, np.arange(len(own))), compare_losses(own, other)
    assert found.mean == pytest.approx(plain.mean, abs=1e-12)
    assert found.standard_error == pytest.approx(plain.standard_error, abs=1e-12)


@given(st.lists(st.floats(-2, 2), min_size=2, max_size=20), st.integers(2, 5))
def test_rows_that_only_repeat_others_add_no_knowledge(differences, times):
    once = np.array(differences)
    block = np.arange(len(once))
    repeated = compare_blocks(np.repeat(once, times), np.zeros(times * len(once)), np.repeat(block, times))
    assert repeated.standard_error == pytest.approx(compare_losses(once, np.zeros(len(once))).standard_error, abs=1e-12)


def test_it_is_the_spread_that_means_of_such_rows_have():
    """60 tutors of 10 sessions whose differences share half of their variance: 400 draws, and each one's estimate."""
    rng = np.random.default_rng(3)
    block = np.repeat(np.arange(60), 10)
    drawn = [np.repeat(rng.normal(size=60), 10) + rng.normal(size=600) for _ in range(400)]
    spread = np.std([one.mean() for one in drawn])
    found = np.mean([compare_blocks(one, np.zeros(600), block).standard_error for one in drawn])
    assert found == pytest.approx(spread, rel=0.12)
    assert np.mean([compare_losses(one, np.zeros(600)).standard_error for one in drawn]) < 0.6 * spread


@pytest.mark.parametrize("block", [[], [4, 4, 4]])
def test_of_fewer_than_two_blocks_nothing_is_said(block):
    found = compare_blocks(np.ones(len(block)), np.zeros(len(block)), np.array(block, dtype=int))
    assert (found.mean, found.standard_error) == (0, 0)
