import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from features.profiles import version_at


def version(versions, owner, time):
    columns = [np.array(column, dtype=np.int64) for column in zip(*versions, strict=True)] or [np.empty(0, int)] * 3
    return int(version_at(*columns, np.array([owner]), np.array([time]))[0])


def test_the_version_valid_at_the_moment():
    versions = [(0, 10, 10), (0, 20, 20), (1, 15, 15)]
    assert [version(versions, 0, t) for t in (10, 11, 20, 21, 99)] == [-1, 0, 0, 1, 1]
    assert [version(versions, 1, t) for t in (15, 16)] == [-1, 2]
    assert version(versions, 7, 99) == -1


def test_a_version_recorded_late_is_read_from_then_on():
    versions = [(0, 10, 10), (0, 20, 50)]
    assert [version(versions, 0, t) for t in (49, 50, 51)] == [0, 0, 1]


def test_versions_recorded_out_of_order():
    # The version of 20 was told at 30, that of 15 only at 40: it is history by then and must not come back.
    versions = [(0, 20, 30), (0, 15, 40), (0, 10, 10)]
    assert [version(versions, 0, t) for t in (11, 30, 31, 40, 41, 99)] == [2, 2, 0, 0, 0, 0]


def test_of_two_versions_with_the_same_validity_the_one_told_last():
    assert version([(0, 10, 30), (0, 10, 12)], 0, 20) == 1
    assert version([(0, 10, 30), (0, 10, 12)], 0, 31) == 0


def test_no_versions_at_all():
    assert version([], 0, 5) == -1


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 20), st.integers(0, 10)), min_size=1, max_size=20),
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 35)), min_size=1, max_size=20),
)
def test_equals_the_definition(rows, queries):
    owner, valid_from, delay = (np.array(column) for column in zip(*rows, strict=True))
    known = valid_from + delay
    query_owner, query_time = (np.array(column) for column in zip(*queries, strict=True))
    found = version_at(owner, valid_from, known, query_owner, query_time)
    for row, (who, t) in zip(found.tolist(), queries, strict=True):
        candidates = [i for i in range(len(rows)) if owner[i] == who and known[i] < t]
        if not candidates:
            assert row == -1
            continue
        best = max((valid_from[i], known[i]) for i in candidates)
        assert row in candidates
        assert (valid_from[row], known[row]) == best
