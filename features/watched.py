"""The rows that the drift watch compares: the as-of sample of training, looked at again for a window of time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.catalogue import names_of
from features.interference import weigh_rows
from features.matrix import pair_features, session_features
from features.sample import sample_pairs, sample_sessions, uniform_of
from features.session import DEFAULT_DURATION_MINUTES
from records.columns import DAY_US, MINUTE_US, UNTOUCHED, Bool, Columns, History, Int8, Int64, ReminderArms


@dataclass(frozen=True, slots=True)
class Looks(Columns):
    """Sessions or pairs of the as-of sample, one row each, features not computed yet.

    session    place among the history's sessions; −1 for a pair
    student, tutor, scheduled, as_of, label  as in the sample
    settled    when the outcome can be expected, µs: the scheduled end, for a pair 30 days after its first session
    told       whether the outcome was told by the cut-off
    """

    session: Int64
    student: Int64
    tutor: Int64
    scheduled: Int64
    settled: Int64
    as_of: Int64
    label: Int8
    told: Bool


def look_at_history(history: History, target: str, cut_off: int, arms: ReminderArms = UNTOUCHED.arms) -> Looks:
    """The as-of sample of `target` from what was known before `cut_off` (µs), as training draws it.

    Rows of reminded tutors that count for nothing there (`features.interference`) are none here; all others are one.
    """
    sessions = history.sessions
    if target == "match":
        found = sample_pairs(sessions, cut_off)
        pairs = found.pairs
        looks = Looks(
            np.full(len(pairs), -1), pairs.student, pairs.tutor, pairs.first_scheduled,
            found.label_known, pairs.first_booked, pairs.churned, np.ones(len(pairs), dtype=np.bool_),
        )  # fmt: skip
        return looks.take(weigh_rows(arms, looks.tutor, found.label_known) > 0)
    sample = sample_sessions(sessions, target, cut_off)
    rows = sessions.take(sample.row)
    minutes = np.where(np.isfinite(rows.duration), rows.duration, DEFAULT_DURATION_MINUTES)
    end = rows.scheduled + (minutes * MINUTE_US).astype(np.int64)
    looks = Looks(
        sample.row, rows.student, rows.tutor, rows.scheduled,
        end, sample.as_of, sample.label, rows.outcome_known < cut_off,
    )  # fmt: skip
    return looks.take(weigh_rows(arms, looks.tutor, sample.label_known) > 0)


def draw_blocks(looks: Looks, most: int) -> Looks:
    """About `most` of the rows, or all where they are no more: whole weeks of a tutor, drawn by a hash of the two."""
    if len(looks) <= most:
        return looks
    keys = np.stack([looks.tutor, looks.settled // (7 * DAY_US)], axis=1)
    return looks.take(uniform_of(np.ascontiguousarray(keys).view(np.uint8)) < most / len(looks))


def watched_table(history: History, target: str, looks: Looks, timezone: str = "UTC") -> pd.DataFrame:
    """The features of `looks` in catalogue order, then `tutor` (code), `day` (of `settled`, since 1970), `label`, told.

    Features are computed by the code that training and serving share.
    """
    if target == "match":
        matrix = pair_features(history, looks.student, looks.tutor, looks.as_of)
    else:
        matrix = session_features(history, history.sessions.take(looks.session), looks.as_of, timezone)
    frame = pd.DataFrame(matrix, columns=list(names_of(target)))
    return frame.assign(tutor=looks.tutor, day=looks.settled // DAY_US, label=looks.label, told=looks.told)
