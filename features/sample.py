"""The as-of sample: which sessions and pairs a model learns from, and at which moment each is looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.labels import RETURN_WINDOW_US, Pairs, label_pairs, label_sessions
from features.session import DEFAULT_DURATION_MINUTES
from records.columns import DAY_US, MINUTE_US, RESCHEDULED, Bool, Float64, Int8, Int64, Sessions

LONGEST_HORIZON_US: Final = 14 * DAY_US
LONGEST_HISTORY_ONLY_US: Final = 90 * DAY_US
DEVELOPMENT_SHARE: Final = 0.8


@dataclass(frozen=True, slots=True)
class SampleCounts:
    """How many rows were looked at, how many left for which reason (in the order of the checks), how many stayed.

    `untold` rows stayed although nobody has told their outcome: they count as if nothing had happened. Of the rows that
    stayed, `reminded` weigh nothing and `held_out` more than 1 (`features.interference`); about `by_hand` somebody
    intervened by hand, and they count as they are.
    """

    considered: int
    left: dict[str, int]
    rows: int
    positives: int
    untold: int
    reminded: int = 0
    held_out: int = 0
    by_hand: int = 0


@dataclass(frozen=True, slots=True)
class Spans:
    """Lengths in µs that follow from how long the data is."""

    horizon: int
    history_only_until: int


@dataclass(frozen=True, slots=True)
class SessionSample:
    """Rows of the given sessions, with the moment at which each is looked at and its label, all (n,).

    label_known: when the label was settled, µs: when the outcome became known; the scheduled end where nobody told it.
    """

    row: Int64
    as_of: Int64
    label: Int8
    label_known: Int64
    counts: SampleCounts


@dataclass(frozen=True, slots=True)
class PairSample:
    """Pairs with the moment at which each is looked at (`first_booked`) and its label (`churned`).

    label_known: when the label was settled, (n,) µs: 30 days after the first session.
    """

    pairs: Pairs
    label_known: Int64
    counts: SampleCounts


def sample_sessions(sessions: Sessions, target: str, cut_off: int) -> SessionSample:
    """One row for each session that was over before the cut-off (µs), at a random moment of its last horizon.

    The moment is uniform in [max(booking known + 1 µs, scheduled − horizon), scheduled), drawn from a hash of the
    session's id, so it depends on no other row. Nothing that became known at or after the cut-off is used.
    """
    spans = spans_of(sessions, cut_off)
    earliest = np.maximum(sessions.booking_known + 1, sessions.scheduled - spans.horizon)
    width = np.maximum(sessions.scheduled - earliest, 0)
    as_of = earliest + (uniform_of(sessions.id) * width).astype(np.int64)
    minutes = np.where(np.isfinite(sessions.duration), sessions.duration, DEFAULT_DURATION_MINUTES)
    end = sessions.scheduled + (minutes * MINUTE_US).astype(np.int64)
    told = sessions.outcome_known < cut_off

    sieve = _Sieve(len(sessions))
    sieve.drop("booking not known at the cut-off", sessions.booking_known >= cut_off)
    sieve.drop("not over at the cut-off", end >= cut_off)
    sieve.drop("history only", sessions.scheduled < spans.history_only_until)
    sieve.drop("booking recorded after the start", width == 0)
    sieve.drop("outcome known before it is looked at", sessions.outcome_known < as_of)
    if target == "no_show":
        sieve.drop("rescheduled", told & (sessions.status == RESCHEDULED))
    row = np.flatnonzero(sieve.stays)
    label = label_sessions(sessions.take(row), target, as_of[row], cut_off)
    label_known = np.where(told, sessions.outcome_known, end)[row]
    return SessionSample(row, as_of[row], label, label_known, sieve.counts(label, untold=int((~told[row]).sum())))


def sample_pairs(sessions: Sessions, cut_off: int) -> PairSample:
    """One row for each student–tutor pair, looked at when their first session was booked.

    Nothing that became known at or after the cut-off (µs) is used.
    """
    spans = spans_of(sessions, cut_off)
    pairs = label_pairs(sessions.take(sessions.booking_known < cut_off), assumed_lead=spans.horizon)
    sieve = _Sieve(len(pairs))
    sieve.drop("history only", pairs.first_scheduled < spans.history_only_until)
    label_known = pairs.first_scheduled + RETURN_WINDOW_US
    sieve.drop("less than 30 days to the cut-off", label_known >= cut_off)
    sieve.drop("booked after the start", pairs.first_booked >= pairs.first_scheduled)
    kept = pairs.take(sieve.stays)
    return PairSample(kept, label_known[sieve.stays], sieve.counts(kept.churned, untold=0))


def spans_of(sessions: Sessions, cut_off: int) -> Spans:
    """Horizon: 14 days or a thirtieth of the data's span; history only: its first 90 days or fifth; the lesser each."""
    scheduled = sessions.scheduled[(sessions.booking_known < cut_off) & (sessions.scheduled < cut_off)]
    if len(scheduled) == 0:
        return Spans(LONGEST_HORIZON_US, cut_off)
    first, last = int(scheduled.min()), int(scheduled.max())
    span = last - first
    return Spans(
        horizon=min(LONGEST_HORIZON_US, span // 30),
        history_only_until=first + min(LONGEST_HISTORY_ONLY_US, span // 5),
    )


def gap_of(target: str, horizon: int) -> int:
    """Time between training and evaluation, µs: one horizon; for `match` the 30 days of the label come on top.

    With it every lead time occurs on both sides. Which labels were known in time is checked row by row on top of it
    (`features.boundary`): a pair may be booked more than a horizon ahead, an outcome told late.
    """
    return horizon + RETURN_WINDOW_US if target == "match" else horizon


def assign_part(scheduled: Int64, gap: int) -> NDArray[np.str_]:
    """ "development" (oldest 80 %), "test" (newest 20 %, from the boundary on) or "gap" (the time before it), (n,)."""
    if len(scheduled) == 0:
        return np.empty(0, dtype="<U11")
    boundary = np.sort(scheduled)[int(DEVELOPMENT_SHARE * len(scheduled))]
    before = np.where(scheduled >= boundary - gap, "gap", "development")
    return np.where(scheduled >= boundary, "test", before)


def uniform_of(ids: NDArray[np.uint8]) -> Float64:
    """A number in [0, 1) from each 16-byte id, (n, 16) → (n,).

    Both halves go through splitmix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014).
    """
    halves = np.ascontiguousarray(ids).view("<u8").reshape(len(ids), 2)
    mixed = _splitmix64(_splitmix64(halves[:, 0]) ^ halves[:, 1])
    return (mixed >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _splitmix64(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    mixed = state + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


class _Sieve:
    """Which rows stay, counting those that leave under the first reason that they give."""

    def __init__(self, rows: int) -> None:
        self.stays: Bool = np.ones(rows, dtype=np.bool_)
        self.left: dict[str, int] = {}

    def drop(self, reason: str, rows: Bool) -> None:
        self.left[reason] = int((self.stays & rows).sum())
        self.stays &= ~rows

    def counts(self, label: Int8, untold: int) -> SampleCounts:
        return SampleCounts(len(self.stays), self.left, len(label), int(label.sum()), untold)
