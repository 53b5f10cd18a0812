import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.boundary import find_boundary

TIMES = st.lists(st.integers(0, 30), max_size=25).map(lambda times: np.array(times, dtype=np.int64))


@pytest.mark.parametrize(
    ("label_known", "as_of", "boundary"),
    [
        ([1, 2, 3], [5, 6, 7], 4),  # nothing stands in the way
        ([1, 2, 3, 4, 5], [2, 8, 9], 6),  # the one row looked at early goes
        ([1, 2, 9], [5, 6, 7, 8], 5),  # the one label known late goes
        ([1, 5], [5, 9], 5),  # known when it is looked at is too late; one row either way: the judged one stays
        ([], [3, 4], 3),
        ([3, 4], [], 5),
        ([], [], 0),
    ],
)
def test_the_boundary_that_costs_the_fewest_rows(label_known, as_of, boundary):
    assert find_boundary(np.array(label_known, dtype=np.int64), np.array(as_of, dtype=np.int64)) == boundary


@given(TIMES, TIMES)
def test_no_other_moment_costs_fewer_rows(label_known, as_of):
    def cost(moment):
        return (label_known >= moment).sum() + (as_of < moment).sum()

    assert cost(find_boundary(label_known, as_of)) == min(cost(moment) for moment in range(33))
