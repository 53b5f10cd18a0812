"""Counting a key's sessions in sliding windows, as they were known at each moment.

A session counts for a window W at time t exactly when `scheduled` lies in (t − W, t] and its outcome was known
strictly before t. So it enters at max(scheduled, outcome_known + 1 µs) and leaves at scheduled + W; if it would
enter only after it left (reported too late) it never counts. The number inside at t is then the number that have
entered by t minus the number that have left by t: two sorted searches, whatever the number of sessions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from records.columns import Bool, Int64, Sessions

FOREVER: Final = -1
"""A window without a far end: everything up to t."""

_LARGEST_CODE: Final = 2**62
_FEW_COMPARISONS: Final = 10_000


def count_in_windows(
    key: Int64,
    scheduled: Int64,
    outcome_known: Int64,
    masks: Sequence[Bool],
    *,
    query_key: Int64,
    query_time: Int64,
    windows: Sequence[int],
) -> Int64:
    """Count the sessions of each query's key inside each window that ends at the query's time.

    Parameters
    ----------
    key, scheduled, outcome_known
        (n,) the sessions: whose they are (a code ≥ 0), original start and when the outcome could be used, µs.
    masks
        (n,) kinds of sessions to count apart, besides all of them.
    query_key, query_time
        (q,) whose sessions to count, and at which moment t, µs.
    windows
        Lengths in µs, or FOREVER.

    Returns
    -------
    (len(windows), 1 + len(masks), q) counts; `[:, 0]` counts all sessions, `[:, 1 + i]` those of `masks[i]`.
    """
    if len(key) * len(query_key) <= _FEW_COMPARISONS:
        return _count_directly(
            key, scheduled, outcome_known, masks, query_key=query_key, query_time=query_time, windows=windows
        )
    counts = np.zeros((len(windows), 1 + len(masks), len(query_key)), dtype=np.int64)
    rows = _rows_that_may_count(scheduled, outcome_known, query_time, windows)
    if len(rows) == 0:
        return counts
    key, scheduled, outcome_known = key[rows], scheduled[rows], outcome_known[rows]
    enter = np.maximum(scheduled, outcome_known + 1)

    clock, ticks = _order_keeping_clock(scheduled, enter, int(max(key.max(), query_key.max())))
    enter_code = key * ticks + clock(enter)
    scheduled_code = key * ticks + clock(scheduled)
    by_enter, by_scheduled = np.argsort(enter_code), np.argsort(scheduled_code)
    enter_code, scheduled_code = enter_code[by_enter], scheduled_code[by_scheduled]
    kinds = [mask[rows] for mask in masks]

    query_code = query_key * ticks + clock(query_time)
    order = np.argsort(query_code)  # neighbouring queries then search neighbouring memory
    base, time = query_key[order] * ticks, query_time[order]
    entered = np.searchsorted(enter_code, query_code[order], side="right")
    for w, window in enumerate(windows):
        far_end = base if window == FOREVER else base + clock(time - window)
        left = np.searchsorted(scheduled_code, far_end, side="right")
        counts[w, 0, order] = entered - left
        late = np.zeros(len(key), dtype=np.bool_) if window == FOREVER else enter >= scheduled + window
        if late.any():
            counts[w, 0, order] = _entered_minus_left(~late, by_enter, by_scheduled, entered, left)
        for m, kind in enumerate(kinds):
            counted = kind & ~late
            counts[w, 1 + m, order] = _entered_minus_left(counted, by_enter, by_scheduled, entered, left)
    return counts


def counted_from(sessions: Sessions) -> Int64:
    """When each session could first be counted, (n,) µs: its booking and its outcome were both known before."""
    return np.maximum(sessions.booking_known, sessions.outcome_known)


def _count_directly(
    key: Int64,
    scheduled: Int64,
    outcome_known: Int64,
    masks: Sequence[Bool],
    *,
    query_key: Int64,
    query_time: Int64,
    windows: Sequence[int],
) -> Int64:
    """Every session against every query: the definition itself, and the quickest way for a few."""
    time = query_time[:, np.newaxis]
    by_now = (key == query_key[:, np.newaxis]) & (scheduled <= time) & (outcome_known < time)
    kinds = np.ones((1 + len(masks), len(key)), dtype=np.int64)
    for m, mask in enumerate(masks):
        kinds[1 + m] = mask
    counts = np.empty((len(windows), 1 + len(masks), len(query_key)), dtype=np.int64)
    for w, window in enumerate(windows):
        inside = by_now if window == FOREVER else by_now & (scheduled > time - window)
        counts[w] = kinds @ inside.T
    return counts


def _rows_that_may_count(scheduled: Int64, outcome_known: Int64, query_time: Int64, windows: Sequence[int]) -> Int64:
    last = query_time.max()
    relevant = (scheduled <= last) & (outcome_known < last)
    if FOREVER not in windows:
        relevant &= scheduled > query_time.min() - max(windows)
    return np.flatnonzero(relevant)


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


def _entered_minus_left(counted: Bool, by_enter: Int64, by_scheduled: Int64, entered: Int64, left: Int64) -> Int64:
    return _running_count(counted[by_enter])[entered] - _running_count(counted[by_scheduled])[left]


def _running_count(counted: Bool) -> Int64:
    running = np.zeros(len(counted) + 1, dtype=np.int64)
    np.cumsum(counted, out=running[1:])
    return running
