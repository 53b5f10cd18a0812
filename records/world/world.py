"""Draw a world and lay it out as the import expects it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from records.columns import DAY_US, Bool, Float64, Int64
from records.world.bookings import draw_bookings
from records.world.ids import fold_keys, make_uuids
from records.world.outcomes import Outcomes, cancellation_cdf, draw_outcomes
from records.world.pairs import Pairs, draw_pairs
from records.world.people import Students, Tutors, draw_students, draw_tutors
from records.world.reasons import draw_reasons
from records.world.times import make_timestamps, read_times
from tqs.errors import RecordsError

DEFAULT_TUTORS = 420
DEFAULT_STUDENTS = 1_500
DEFAULT_DAYS = 540
DEFAULT_SEED = 7
ACTIVE_DAYS = 60
SUBJECTS = ("mathematics", "physics", "chemistry", "English", "French", "history", "programming", "music")


@dataclass(frozen=True, slots=True)
class World:
    """Records in the import format and the truth behind them, which is never stored.

    `tutors`, `students` and `sessions` are frames with the columns of the import files; a person whose profile
    changed has a row a version (same id, later valid_from). `pairs` has one row a student-tutor pair with its first
    session: tutor_id, student_id, first_session (row of `sessions`), fit and churn_probability.
    `reschedule_probability` and `no_show_probability` are aligned with `sessions`, `tutor_unreliability`
    (standard normal score) with the tutors by their first appearance in `tutors`.
    """

    tutors: pd.DataFrame
    students: pd.DataFrame
    sessions: pd.DataFrame
    pairs: pd.DataFrame
    reschedule_probability: Float64
    no_show_probability: Float64
    tutor_unreliability: Float64

    def true_reschedule(self, rows: Int64, as_of: Int64) -> Float64:
        """P(rescheduled after `as_of` | not before) of the sessions `rows`; `as_of` in µs, one entry a row."""
        chosen = self.sessions.iloc[rows]
        past = cancellation_cdf(read_times(chosen["booked_at"]), read_times(chosen["scheduled_time"]), as_of)
        probability = self.reschedule_probability[rows]
        return probability * (1 - past) / (1 - probability * past)

    def true_no_show(self, rows: Int64) -> Float64:
        """P(no-show | not rescheduled) of the sessions `rows`."""
        return self.no_show_probability[rows]

    def true_churn(self, rows: Int64) -> Float64:
        """P(no session within 30 days after the first but those booked at once with it) of the rows of `pairs`."""
        return self.pairs["churn_probability"].to_numpy()[rows]


def make_world(
    tutors: int = DEFAULT_TUTORS,
    students: int = DEFAULT_STUDENTS,
    days: int = DEFAULT_DAYS,
    seed: int = DEFAULT_SEED,
    *,
    end: date | datetime,
) -> World:
    """Draw the records of `days` days up to `end`, as somebody would export them at that moment.

    About 12 % of the sessions are rescheduled (98.2 % by tutors), 3 % are no-shows, about 12 % of the pairs churn, and
    every tutor gives two to six sessions a week on average. Sessions of the 14 days after `end` that are booked
    already are there as `scheduled`. The same arguments give the same frames.

    Parameters
    ----------
    end: the moment of the export; a date means its midnight in UTC, a datetime must carry its time zone.

    Raises
    ------
    RecordsError: a size below 1, or an `end` without time zone.
    """
    _check_sizes(tutors=tutors, students=students, days=days)
    end_us = _end_of_records(end)
    start_us = end_us - days * DAY_US
    who_teaches = draw_tutors(tutors, start_us, end_us, seed)
    who_learns = draw_students(students, start_us, end_us, seed)
    pairs = draw_pairs(who_teaches, who_learns, start_us, end_us, seed)
    bookings = draw_bookings(pairs, end_us, seed)
    outcomes = draw_outcomes(bookings, pairs, who_teaches, who_learns, end=end_us, seed=seed)
    outcomes = outcomes.take(np.lexsort((outcomes.nth, outcomes.pair, outcomes.scheduled)))
    sessions = _lay_out_sessions(outcomes, pairs, who_teaches, who_learns, end=end_us, seed=seed)
    return World(
        _mark_active(who_teaches, pairs, outcomes, end_us),
        who_learns.frame,
        sessions,
        _lay_out_pairs(outcomes, pairs, sessions),
        outcomes.reschedule,
        outcomes.no_show,
        who_teaches.unreliability,
    )


def _check_sizes(**sizes: int) -> None:
    for name, size in sizes.items():
        if size < 1:
            raise RecordsError(f"A world with {name}={size} cannot be drawn: ask for at least 1.")


def _end_of_records(end: date | datetime) -> int:
    if not isinstance(end, datetime):
        end = datetime.combine(end, time(), tzinfo=UTC)
    if end.tzinfo is None:
        raise RecordsError(f"The end of the world, {end.isoformat()}, has no time zone: write {end.isoformat()}+00:00.")
    return int(end.timestamp()) * 1_000_000


def _lay_out_sessions(
    outcomes: Outcomes, pairs: Pairs, tutors: Tutors, students: Students, *, end: int, seed: int
) -> pd.DataFrame:
    """The sessions' frame; what happens at or after `end` is hidden behind the status `scheduled`."""
    rng = np.random.default_rng([seed, 6])
    moved = outcomes.moved & (outcomes.cancelled < end)
    kept = ~outcomes.moved & (outcomes.finished < end)
    completed, missed = kept & ~outcomes.missed, kept & outcomes.missed
    rebooked = moved & outcomes.rebooked
    status = np.select([moved, completed, missed], [2, 1, 3], 0)
    codes, reasons = draw_reasons(rng, outcomes.by_tutor)
    subject = rng.integers(0, len(SUBJECTS), len(pairs.tutor))[outcomes.pair]
    return pd.DataFrame(
        {
            "id": _name_sessions(outcomes, pairs, seed),
            "tutor_id": tutors.frame["id"].to_numpy()[pairs.tutor[outcomes.pair]],
            "student_id": students.frame["id"].to_numpy()[pairs.student[outcomes.pair]],
            "booked_at": make_timestamps(outcomes.booked),
            "scheduled_time": make_timestamps(outcomes.scheduled),
            "duration_minutes": outcomes.duration.astype(np.int64),
            "subject": np.array(SUBJECTS, dtype=object)[subject],
            "status": np.array(["scheduled", "completed", "rescheduled", "no_show"], dtype=object)[status],
            "completed_time": make_timestamps(outcomes.finished, ~completed),
            "initiator": _only(moved, np.where(outcomes.by_tutor, "tutor", "student").astype(object)),
            "original_time": make_timestamps(outcomes.scheduled, ~moved),
            "new_time": make_timestamps(outcomes.new_time, ~rebooked),
            "reason": _only(moved, reasons),
            "reason_code": _only(moved, codes),
            "cancelled_at": make_timestamps(outcomes.cancelled, ~moved),
        }
    )


def _name_sessions(outcomes: Outcomes, pairs: Pairs, seed: int) -> NDArray[np.object_]:
    """Ids of what makes a session: who meets, when it was booked and for when; so another `end` reuses none of them."""
    whose = {"tutor": pairs.tutor[outcomes.pair], "student": pairs.student[outcomes.pair]}
    keys = pd.DataFrame({**whose, "booked": outcomes.booked, "scheduled": outcomes.scheduled})
    keys["nth"] = keys.groupby(list(keys), sort=False).cumcount()  # a series may put two lessons on one moment
    return make_uuids("session", seed, fold_keys(*keys.to_numpy(dtype=np.int64).T))


def _only(mask: Bool, values: NDArray[np.object_]) -> NDArray[np.object_]:
    kept = values.copy()
    kept[~mask] = None
    return kept


def _lay_out_pairs(outcomes: Outcomes, pairs: Pairs, sessions: pd.DataFrame) -> pd.DataFrame:
    first = np.flatnonzero(outcomes.nth == 0)
    pair = outcomes.pair[first]
    return pd.DataFrame(
        {
            "tutor_id": sessions["tutor_id"].to_numpy()[first],
            "student_id": sessions["student_id"].to_numpy()[first],
            "first_session": first,
            "fit": pairs.fit[pair],
            "churn_probability": pairs.churn[pair],
        }
    )


def _mark_active(tutors: Tutors, pairs: Pairs, outcomes: Outcomes, end: int) -> pd.DataFrame:
    """Tutors who stopped taking students and had no session for 60 days are not active any more."""
    last = np.full(len(tutors.first), np.iinfo(np.int64).min)
    np.maximum.at(last, pairs.tutor[outcomes.pair], outcomes.scheduled)
    gone = (last < end - ACTIVE_DAYS * DAY_US) & (tutors.stopped < end)
    owner = pd.Index(tutors.frame["id"].iloc[tutors.first]).get_indexer(tutors.frame["id"])
    return tutors.frame.assign(is_active=~gone[owner])
