"""How much a row counts whose outcome somebody has meddled with.

A model is to say what happens if nobody acts. Once a tutor is drawn into an arm of the automatic reminders, the
outcomes that are settled afterwards are of that only for the hold-out: reminders spill over to all sessions of a
reminded tutor. So from the lot on the rows of reminded tutors count for nothing, and those of the hold-out stand for
both arms: each weighs 1 / share, one over how probable the hold-out was (D. Horvitz and D. Thompson, A generalization
of sampling without replacement from a finite universe, 1952). A lot is independent of all that was settled before it,
so the weighted rows are, in the mean over lots, those that nobody had meddled with.

What people do by hand follows no lot. Those rows stay as they are, and are counted.
"""

from __future__ import annotations

import numpy as np

from records.columns import Bool, Float64, HandledSessions, Int64, ReminderArms


def weigh_rows(arms: ReminderArms, tutor: Int64, label_known: Int64) -> Float64:
    """The weight of each row (n,): 0 of reminded tutors, 1 / share of the hold-out, 1 of all others.

    tutor: codes (n,). label_known: when each label was settled (n,) µs; what was settled before the lot fell counts 1.
    """
    weights = np.ones(len(tutor))
    if len(arms) == 0:
        return weights
    place = np.minimum(np.searchsorted(arms.tutor, tutor), len(arms) - 1)
    touched = (arms.tutor[place] == tutor) & (label_known >= arms.assigned[place])
    weights[touched] = np.where(arms.hold_out[place], 1 / arms.share[place], 0.0)[touched]
    return weights


def is_reminded(arms: ReminderArms, tutor: Int64, moment: int) -> Bool:
    """Which tutors (codes (n,)) were drawn to be reminded before `moment` (µs), (n,)."""
    drawn: Bool = np.isin(tutor, arms.tutor[~arms.hold_out & (arms.assigned < moment)])
    return drawn


def is_handled(by_hand: HandledSessions, ids: np.typing.NDArray[np.uint8], label_known: Int64) -> Bool:
    """Which sessions (ids (n, 16)) somebody intervened about by hand before their label was settled, (n,)."""
    if len(by_hand) == 0:
        return np.zeros(len(ids), dtype=np.bool_)
    known, asked = (np.ascontiguousarray(part).view("V16").ravel() for part in (by_hand.id, ids))
    order = np.argsort(known)
    place = np.minimum(np.searchsorted(known, asked, sorter=order), len(known) - 1)
    found = order[place]
    handled: Bool = (known[found] == asked) & (by_hand.first[found] < label_known)
    return handled
