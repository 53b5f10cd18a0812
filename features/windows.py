"""Counting a key's sessions in sliding windows, as they were known at each moment.

A session counts for a window W at time t exactly when `scheduled` lies in (t − W, t] and it was known strictly before
t. So it enters at max(scheduled, known + 1 µs) and leaves at scheduled + W; if it would enter only after it left
(reported too late) it never counts. The number inside at t is then the number that have entered by t minus the number
that have left by t: two sorted searches, whatever the number of sessions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from records.columns import Bool, Int64, Sessions

Counts = NDArray[np.integer[Any]]

FOREVER: Final = -1
"""A window without a far end: everything up to t."""

_FEW_COMPARISONS: Final = 10_000
_ROWS_IN_CACHE: Final = 2**18
_LARGEST_CODE: Final = 2**62


@dataclass(frozen=True, slots=True)
class Countable:
    """Sessions to count, each (n,).

    key        whose they are, a code ≥ 0
    scheduled  original start, µs
    known      since when they can be counted, µs
    kinds      masks of the kinds to count apart, besides all of them
    """

    key: Int64
    scheduled: Int64
    known: Int64
    kinds: tuple[Bool, ...] = ()

    def take(self, rows: Int64 | Bool) -> Countable:
        """The rows named by index or mask."""
        kinds = tuple(kind[rows] for kind in self.kinds)
        return Countable(self.key[rows], self.scheduled[rows], self.known[rows], kinds)


def counted_from(sessions: Sessions) -> Int64:
    """Since when each session can be counted, (n,) µs: both its booking and its outcome are known."""
    return np.maximum(sessions.booking_known, sessions.outcome_known)


def count_in_windows(sessions: Countable, key: Int64, time: Int64, windows: Sequence[int]) -> Counts:
    """Count the sessions of each query's key inside each window that ends at the query's time.

    Parameters
    ----------
    sessions
        What to count.
    key, time
        (q,) the queries: whose sessions, and at which moment t, µs.
    windows
        Lengths in µs, or FOREVER.

    Returns
    -------
    (len(windows), 1 + len(kinds), q) counts, int32; `[:, 0]` counts all sessions, `[:, 1 + i]` those of `kinds[i]`.
    """
    counts = np.empty((len(windows), 1 + len(sessions.kinds), len(key)), dtype=np.int32)
    for queries, block in count_by_blocks(sessions, key, time, windows):
        counts[:, :, queries] = block
    return counts


def count_by_blocks(
    sessions: Countable, key: Int64, time: Int64, windows: Sequence[int]
) -> Iterator[tuple[Int64 | slice, Counts]]:
    """The same, as (queries, their counts) for some keys at a time, so that large tables need not hold all counts."""
    if len(sessions.key) * len(key) <= _FEW_COMPARISONS:
        yield slice(None), _count_directly(sessions, key, time, windows)
        return
    relevant = _may_count(sessions, time, windows)
    if not relevant.all():
        sessions = sessions.take(relevant)
    if len(sessions.key) <= _ROWS_IN_CACHE:
        yield slice(None), _count_sorted(sessions, key, time, windows)
        return
    for rows, queries in _blocks_of_keys(sessions.key, key):
        yield queries, _count_sorted(sessions.take(rows), key[queries], time[queries], windows)


def _count_directly(sessions: Countable, key: Int64, time: Int64, windows: Sequence[int]) -> Counts:
    """Every session against every query: the definition itself, and the quickest way for a few."""
    key, time = key[:, np.newaxis], time[:, np.newaxis]
    by_then = (sessions.key == key) & (sessions.scheduled <= time) & (sessions.known < time)
    kinds = np.ones((1 + len(sessions.kinds), len(sessions.key)), dtype=np.int32)
    for k, kind in enumerate(sessions.kinds):
        kinds[1 + k] = kind
    counts = np.empty((len(windows), len(kinds), len(key)), dtype=np.int32)
    for w, window in enumerate(windows):
        inside = by_then if window == FOREVER else by_then & (sessions.scheduled > time - window)
        counts[w] = kinds @ inside.T
    return counts


def _may_count(sessions: Countable, time: Int64, windows: Sequence[int]) -> Bool:
    last = time.max()
    relevant: Bool = (sessions.scheduled <= last) & (sessions.known < last)
    if FOREVER not in windows:
        relevant &= sessions.scheduled > time.min() - max(windows)
    return relevant


def _blocks_of_keys(key: Int64, query_key: Int64) -> Iterator[tuple[Int64, Int64]]:
    """Rows and queries of so many keys at a time that what is searched stays in the processor's cache."""
    last_key = int(key.max())
    shift = max(last_key // (1 + len(key) // _ROWS_IN_CACHE), 1).bit_length() - 1
    blocks = 1 + (last_key >> shift)
    rows, row_edges = _sort_by_block(key >> shift, blocks)
    queries, edges = _sort_by_block(np.clip(query_key >> shift, 0, blocks - 1), blocks)
    for b in range(blocks):
        yield rows[row_edges[b] : row_edges[b + 1]], queries[edges[b] : edges[b + 1]]


def _sort_by_block(block: Int64, blocks: int) -> tuple[Int64, Int64]:
    narrow = block.astype(np.uint16 if blocks <= 2**16 else np.int64)  # numpy sorts 16 bits in linear time
    order = np.argsort(narrow, kind="stable")
    return order, np.searchsorted(narrow[order], np.arange(blocks + 1))


def _count_sorted(sessions: Countable, key: Int64, time: Int64, windows: Sequence[int]) -> Counts:
    counts = np.zeros((len(windows), 1 + len(sessions.kinds), len(key)), dtype=np.int32)
    if len(sessions.key) == 0 or len(key) == 0:
        return counts
    enter = np.maximum(sessions.scheduled, sessions.known + 1)
    last_key = int(max(sessions.key.max(), key.max()))
    clock, ticks = _order_keeping_clock(sessions.scheduled, enter, last_key)
    enter_code = sessions.key * ticks + clock(enter)
    scheduled_code = sessions.key * ticks + clock(sessions.scheduled)
    by_enter, by_scheduled = np.argsort(enter_code), np.argsort(scheduled_code)
    enter_code, scheduled_code = enter_code[by_enter], scheduled_code[by_scheduled]

    code = key * ticks + clock(time)
    order = np.argsort(code)  # neighbouring queries then search neighbouring memory
    key_start, time = key[order] * ticks, time[order]
    entered = np.searchsorted(enter_code, code[order], side="right")
    for w, window in enumerate(windows):
        far_end = key_start if window == FOREVER else key_start + clock(time - window)
        left = np.searchsorted(scheduled_code, far_end, side="right")
        in_time = np.ones(len(enter), dtype=np.bool_) if window == FOREVER else enter < sessions.scheduled + window
        if in_time.all():
            counts[w, 0, order] = entered - left
        else:
            counts[w, 0, order] = _running(in_time[by_enter])[entered] - _running(in_time[by_scheduled])[left]
        for k, kind in enumerate(sessions.kinds):
            counted = kind & in_time
            counts[w, 1 + k, order] = _running(counted[by_enter])[entered] - _running(counted[by_scheduled])[left]
    return counts


def _order_keeping_clock(scheduled: Int64, enter: Int64, last_key: int) -> tuple[Callable[[Int64], Int64], int]:
    """A map of times onto 0 … ticks − 1 with `event <= t` exactly where `clock(event) <= clock(t)`.

    The clock counts µs since the first event where (key, time) then fits into 64 bits (7,000 tutors × 20 years),
    else the number of events up to t.
    """
    first, last = int(scheduled.min()), int(enter.max())
    span = last - first + 2
    if (last_key + 1) * span < _LARGEST_CODE:
        return lambda time: np.clip(time, first - 1, last) - (first - 1), span
    moments = np.sort(np.concatenate([scheduled, enter]))
    return lambda time: _count_up_to(moments, time), len(moments) + 1


def _count_up_to(moments: Int64, time: Int64) -> Int64:
    order = np.argsort(time)
    count = np.empty(len(time), dtype=np.int64)
    count[order] = np.searchsorted(moments, time[order], side="right")
    return count


def _running(counted: Bool) -> Counts:
    running = np.zeros(len(counted) + 1, dtype=np.int32)
    np.cumsum(counted, out=running[1:])
    return running
