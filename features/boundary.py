"""A boundary in time between rows to learn from and rows to be judged on."""

from __future__ import annotations

import numpy as np

from records.columns import Int64


def find_boundary(label_known: Int64, as_of: Int64) -> int:
    """The moment τ (µs) that separates what is learned from what is judged at the loss of the fewest rows.

    Rows to learn from whose label became known before τ stay, and rows to be judged that are looked at from τ on: so
    no label that was learned from became known at or after a moment at which a judged row is looked at. Neither side
    is favoured: a pair booked two months ahead is left out of the judged rows rather than to cost two months of
    training. Where two moments lose as many rows, the earlier one, which keeps the judged rows.

    Parameters
    ----------
    label_known: (n,) µs, of the rows to learn from. as_of: (m,) µs, of the rows to be judged.
    """
    known, looked = np.sort(label_known), np.sort(as_of)
    moments = np.unique(np.concatenate([looked, known[-1:] + 1]))
    if len(moments) == 0:
        return 0
    lost = len(known) - np.searchsorted(known, moments) + np.searchsorted(looked, moments)
    return int(moments[np.argmin(lost)])
