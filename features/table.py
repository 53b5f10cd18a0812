"""The edge of this room: training tables as DataFrames, and the feature matrices that training and serving share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.boundary import find_boundary
from features.catalogue import names_of
from features.interference import is_handled, weigh_rows
from features.matrix import pair_features, session_features, session_features_from_counts
from features.sample import SampleCounts, assign_part, gap_of, sample_pairs, sample_sessions, spans_of
from records.columns import UNTOUCHED, Bool, History, Int64, Interference
from tqs.errors import UnfitDataError

__all__ = [
    "TrainingTable",
    "pair_features",
    "require_trainable",
    "session_features",
    "session_features_from_counts",
    "training_table",
]

FEWEST_ROWS: Final = 500
FEWEST_OF_A_CLASS: Final = 50
UNUSED_PARTS: Final = {
    "gap": "between development and test",
    "known late": "label known after the test part is looked at",
    "looked at early": "of the test part, looked at before the labels of development were known",
}


@dataclass(frozen=True, slots=True)
class TrainingTable:
    """Rows to learn from, and how they came about.

    frame    the features in catalogue order (float64), `session_id` or `student_id` and `tutor_id` (text), `as_of` and
             `scheduled_time` (timestamps in UTC), `label` (int8), `label_known` (timestamp in UTC: when the label was
             settled), `part` ("development" or "test"), `weight` (how much the row counts: `features.interference`);
             ordered by scheduled_time, then id. Every label of the development part was known before the first as_of
             of the test part
    counts   rows looked at, and how many left why
    horizon  µs: how far ahead of its session a row is looked at, at most
    gap      µs: time between the newest development row and the oldest test row, and so between folds
    """

    frame: pd.DataFrame
    counts: SampleCounts
    horizon: int
    gap: int


def training_table(
    history: History, target: str, cut_off: int, timezone: str = "UTC", interference: Interference = UNTOUCHED
) -> TrainingTable:
    """The as-of sample of `match`, `reschedule` or `no_show` from what was known before `cut_off` (µs).

    interference: what was done about sessions and tutors, which decides how much their rows count.
    Too few rows make no error here (see `require_trainable`).
    """
    names = names_of(target)
    sessions, directory = history.sessions, history.directory
    horizon = spans_of(sessions, cut_off).horizon
    gap = gap_of(target, horizon)
    ids: dict[str, NDArray[np.object_]]
    if target == "match":
        pair_sample = sample_pairs(sessions, cut_off)
        counts, pairs = pair_sample.counts, pair_sample.pairs
        part = _part_rows(pairs.first_scheduled, pairs.first_booked, pair_sample.label_known, gap)
        order = np.lexsort((pairs.tutor, pairs.student, pairs.first_scheduled))
        order = order[_is_used(part[order])]
        pairs, label_known = pairs.take(order), pair_sample.label_known[order]
        as_of, scheduled, label = pairs.first_booked, pairs.first_scheduled, pairs.churned
        matrix = pair_features(history, pairs.student, pairs.tutor, as_of)
        ids = {"student_id": directory.students[pairs.student], "tutor_id": directory.tutors[pairs.tutor]}
        tutor, by_hand = pairs.tutor, 0
    else:
        sample = sample_sessions(sessions, target, cut_off)
        rows, counts = sessions.take(sample.row), sample.counts
        part = _part_rows(rows.scheduled, sample.as_of, sample.label_known, gap)
        order = np.lexsort((*rows.id.T[::-1], rows.scheduled))
        order = order[_is_used(part[order])]
        rows, as_of, label = rows.take(order), sample.as_of[order], sample.label[order]
        label_known = sample.label_known[order]
        scheduled = rows.scheduled
        matrix = session_features(history, rows, as_of, timezone)
        ids = {"session_id": uuid_texts(rows.id)}
        tutor, by_hand = rows.tutor, int(is_handled(interference.by_hand, rows.id, label_known).sum())

    frame = pd.DataFrame(matrix, columns=list(names))
    for name, text in ids.items():
        frame[name] = text
    frame["as_of"] = _timestamps(as_of)
    frame["scheduled_time"] = _timestamps(scheduled)
    frame["label"] = label
    frame["label_known"] = _timestamps(label_known)
    frame["part"] = part[order]
    frame["weight"] = weights = weigh_rows(interference.arms, tutor, label_known)
    counts = replace(
        counts,
        left=counts.left | {reason: int((part == name).sum()) for name, reason in UNUSED_PARTS.items()},
        rows=len(frame),
        positives=int(label.sum()),
        reminded=int((weights == 0).sum()),
        held_out=int((weights > 1).sum()),
        by_hand=by_hand,
    )
    return TrainingTable(frame, counts, horizon, gap)


def _part_rows(scheduled: Int64, as_of: Int64, label_known: Int64, gap: int) -> NDArray[np.object_]:
    """The part of each row, (n,): "development", "test" or one of UNUSED_PARTS."""
    part: NDArray[np.object_] = assign_part(scheduled, gap).astype(object)
    learned, judged = part == "development", part == "test"
    boundary = find_boundary(label_known[learned], as_of[judged])
    part[learned & (label_known >= boundary)] = "known late"
    part[judged & (as_of < boundary)] = "looked at early"
    return part


def _is_used(part: NDArray[np.object_]) -> Bool:
    used: Bool = (part == "development") | (part == "test")
    return used


def require_trainable(frame: pd.DataFrame, target: str) -> None:
    """Refuse a training frame that is too small to learn from.

    Raises
    ------
    UnfitDataError
        If it has fewer than 500 rows or fewer than 50 of a class.
    """
    positives = int((frame["label"] == 1).sum())
    negatives = len(frame) - positives
    if len(frame) < FEWEST_ROWS or min(positives, negatives) < FEWEST_OF_A_CLASS:
        raise UnfitDataError(
            f"the records hold {len(frame)} rows for {target}, {positives} of them positive and {negatives} negative; "
            f"a model needs at least {FEWEST_ROWS} rows and {FEWEST_OF_A_CLASS} of each class: "
            "import more history and train again"
        )


def uuid_texts(ids: NDArray[np.uint8]) -> NDArray[np.object_]:
    """UUIDs (n, 16) as text with hyphens, (n,)."""
    digits = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
    text = np.full((len(ids), 36), ord("-"), dtype=np.uint8)
    text[:, _HIGH_DIGIT_AT] = digits[ids >> 4]
    text[:, _HIGH_DIGIT_AT + 1] = digits[ids & 15]
    return text.view("S36").ravel().astype("U36").astype(object)


_HIGH_DIGIT_AT: Final = np.array([0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34])


def _timestamps(times: Int64) -> pd.Series[pd.Timestamp]:
    return pd.Series(times.view("datetime64[us]")).dt.tz_localize("UTC")
