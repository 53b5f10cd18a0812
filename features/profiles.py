"""Which version of a profile was valid, as far as it was known, at a moment."""

from __future__ import annotations

import numpy as np

from records.columns import Int64


def version_at(owner: Int64, valid_from: Int64, known: Int64, query_owner: Int64, query_time: Int64) -> Int64:
    """Row of the version that was valid for each query, −1 where none was known.

    Among the owner's versions known strictly before the query's time it is the one with the greatest `valid_from`
    (the one known last, of two with the same), in whatever order they were recorded: read in the order in which they
    became known, that is a running maximum.

    Parameters
    ----------
    owner, valid_from, known
        (v,) the versions: code of the tutor or student, valid from and known since, µs.
    query_owner, query_time
        (q,) whose version, and as of when, µs.
    """
    if len(owner) == 0:
        return np.full(len(query_owner), -1, dtype=np.int64)
    by_validity = np.lexsort((known, valid_from, owner))
    rank = np.empty(len(owner), dtype=np.int64)
    rank[by_validity] = np.arange(len(owner))
    by_known = np.lexsort((known, owner))
    newest = np.maximum.accumulate(rank[by_known])  # ranks rise with the owner: no carry from one to the next

    moments = np.sort(known)
    ticks = len(moments) + 1
    code = owner[by_known] * ticks + np.searchsorted(moments, known[by_known], side="right")
    start = np.searchsorted(code, query_owner * ticks)
    end = np.searchsorted(code, query_owner * ticks + np.searchsorted(moments, query_time), side="right")
    return np.where(end > start, by_validity[newest[np.maximum(end - 1, 0)]], -1)
