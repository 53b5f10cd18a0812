import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features import windows
from features.windows import FOREVER, Countable, count_by_blocks, count_in_windows
from records.columns import DAY_US, MISSING, NEVER
from tests.features.histories import at

WEEK = 7 * DAY_US
NOON = at("2026-03-08 12:00")


def count(sessions, queries, lengths, masks=(), *, few=None, rows_in_cache=2**18):
    """Sessions and queries as tuples; through the sorted search unless `few` comparisons are done directly."""
    key, scheduled, known = (np.array(column, dtype=np.int64) for column in zip(*sessions, strict=True))
    query_key, query_time = (np.array(column, dtype=np.int64) for column in zip(*queries, strict=True))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows, "_FEW_COMPARISONS", -1 if few is None else few)
        patch.setattr(windows, "_ROWS_IN_CACHE", rows_in_cache)
        sessions = Countable(key, scheduled, known, tuple(np.array(mask) for mask in masks))
        return count_in_windows(sessions, query_key, query_time, lengths)


def count_naively(sessions, queries, lengths, masks):
    """The definition, word by word."""
    counts = np.zeros((len(lengths), 1 + len(masks), len(queries)), dtype=np.int64)
    for q, (query_key, t) in enumerate(queries):
        for i, (key, scheduled, known) in enumerate(sessions):
            for w, length in enumerate(lengths):
                in_window = scheduled <= t and (length == FOREVER or scheduled > t - length)
                if key == query_key and in_window and known < t:
                    counts[w, 0, q] += 1
                    for m, mask in enumerate(masks):
                        counts[w, 1 + m, q] += mask[i]
    return counts


@pytest.mark.parametrize("few", [None, 10_000])
@pytest.mark.parametrize(
    ("scheduled", "known", "counts"),
    [
        (NOON, NOON - 1, 1),  # the near end belongs to the window
        (NOON + 1, NOON - 1, 0),
        (NOON - WEEK, NOON - 1, 0),  # the far end does not
        (NOON - WEEK + 1, NOON - 1, 1),
        (NOON - DAY_US, NOON - 1, 1),
        (NOON - DAY_US, NOON, 0),  # told at the very moment is too late
        (NOON - DAY_US, NEVER, 0),
        (NOON - DAY_US, MISSING, 1),  # known since ever
    ],
)
def test_edges_to_the_microsecond(scheduled, known, counts, few):
    assert count([(0, scheduled, known)], [(0, NOON)], (WEEK,), few=few)[0, 0, 0] == counts


@pytest.mark.parametrize("delay", [-1, 0, 1])
def test_report_around_the_end_of_the_window(delay):
    # Told when the session is about to leave the window of 7 days: it counts for at most the moments in between.
    sessions = [(0, NOON, NOON + WEEK + delay)]
    moments = [NOON + WEEK + i for i in range(-3, 4)]
    seven, thirty = count(sessions, [(0, t) for t in moments], (WEEK, 30 * DAY_US))[:, 0]
    assert seven.tolist() == [0] * 7
    assert thirty.tolist() == [int(t > NOON + WEEK + delay) for t in moments]


def test_counts_the_key_and_the_kind_that_were_asked_for():
    sessions = [(0, NOON - 1, 0), (0, NOON - 2, 0), (1, NOON - 3, 0), (3, NOON - 4, 0)]
    masks = [(True, False, True, True), (False, False, False, True)]
    counts = count(sessions, [(3, NOON), (0, NOON), (2, NOON), (1, NOON), (9, NOON)], (WEEK,), masks)
    assert counts[0].tolist() == [[1, 2, 0, 1, 0], [1, 1, 0, 1, 0], [1, 0, 0, 0, 0]]


def test_no_sessions_or_no_queries():
    none = np.empty(0, dtype=np.int64)
    some = np.array([1, 2])
    counts = count_in_windows(Countable(none, none, none, (none > 0,)), some, some, (WEEK,))
    assert counts.tolist() == [[[0, 0], [0, 0]]]
    assert count_in_windows(Countable(some, some, some), none, none, (WEEK,)).shape == (1, 1, 0)


def test_blocks_answer_every_query_once_also_those_of_unknown_keys():
    rng = np.random.default_rng(0)
    sessions = Countable(rng.integers(0, 50, 900), rng.integers(0, 99, 900), rng.integers(0, 99, 900))
    keys = rng.integers(-5, 99, 700)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows, "_ROWS_IN_CACHE", 100)
        blocks = list(count_by_blocks(sessions, keys, rng.integers(0, 99, 700), (9,)))
    assert len(blocks) > 4
    assert sorted(np.concatenate([queries for queries, _ in blocks]).tolist()) == list(range(700))
    for queries, counts in blocks:
        assert counts.shape == (1, 1, len(queries))
        assert not counts[..., (keys[queries] < 0) | (keys[queries] >= 50)].any()


def histories(keys, times):
    session = st.tuples(keys, times, st.one_of(times, st.just(NEVER), st.just(MISSING)), st.booleans())
    return st.tuples(
        st.lists(session, min_size=1, max_size=40),
        st.lists(st.tuples(keys, times), min_size=1, max_size=15),
        st.lists(st.one_of(st.integers(1, 12), st.just(FOREVER)), min_size=1, max_size=3),
    )


@given(histories(st.integers(0, 3), st.integers(0, 25)))
def test_equals_the_definition_on_small_clocks_where_ties_abound(history):
    check_against_the_definition(*history)


@given(histories(st.integers(0, 2**40), st.integers(0, 2**50)))
def test_equals_the_definition_where_keys_and_times_do_not_fit_into_one_integer(history):
    check_against_the_definition(*history)


@given(histories(st.sampled_from([0, 5, 2**38]), st.sampled_from([0, 1, 2**49, 2**49 + 1, 2**49 + 2])))
def test_equals_the_definition_where_both_happen(history):
    check_against_the_definition(*history)


def check_against_the_definition(rows, queries, lengths):
    sessions, mask = [row[:3] for row in rows], [row[3] for row in rows]
    expected = count_naively(sessions, queries, lengths, [mask])
    np.testing.assert_array_equal(count(sessions, queries, lengths, [mask]), expected)
    np.testing.assert_array_equal(count(sessions, queries, lengths, [mask], few=10**6), expected)
    np.testing.assert_array_equal(count(sessions, queries, lengths, [mask], rows_in_cache=7), expected)
