"""The columns that records hand to features: one numpy array a column, one entry a row.

Times are int64 microseconds since 1970-01-01 UTC. `MISSING` stands for a time that is not known at all,
`NEVER` for one that has not come yet; both compare as times do (MISSING before, NEVER after everything).
Tutors and students are dense integer codes into a `Directory`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

Int64 = NDArray[np.int64]
Int8 = NDArray[np.int8]
Float64 = NDArray[np.float64]
Bool = NDArray[np.bool_]

MISSING: Final = int(np.iinfo(np.int64).min)
NEVER: Final = int(np.iinfo(np.int64).max)
SECOND_US: Final = 1_000_000
MINUTE_US: Final = 60 * SECOND_US
HOUR_US: Final = 3_600 * SECOND_US
DAY_US: Final = 86_400 * SECOND_US

STATUSES: Final = ("scheduled", "completed", "rescheduled", "no_show")
SCHEDULED, COMPLETED, RESCHEDULED, NO_SHOW = range(4)
TEACHING_STYLES: Final = ("structured", "flexible", "interactive", "traditional", "modern")
TARGETS: Final = ("match", "reschedule", "no_show")


@dataclass(frozen=True, slots=True)
class Columns:
    """A table as equally long one-dimensional arrays."""

    def __post_init__(self) -> None:
        names: tuple[str, ...] = self.__slots__
        if len({len(getattr(self, name)) for name in names}) > 1:
            lengths = {name: len(getattr(self, name)) for name in names}
            raise ValueError(f"columns of {type(self).__name__} differ in length: {lengths}")

    def __len__(self) -> int:
        return len(getattr(self, fields(self)[0].name))

    def take(self, rows: Int64 | Bool) -> Self:
        """The rows named by index or mask, as the same kind of table."""
        return type(self)(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})


@dataclass(frozen=True, slots=True)
class Sessions(Columns):
    """Booked lessons with their outcome as far as it is known.

    Columns
    -------
    id          uint8, shape (n, 16): the session's UUID
    tutor       code of the tutor
    student     code of the student
    scheduled   original start, µs
    booked      when it was booked, µs; MISSING where nobody told
    booking_known  when the booking could first be used: the later of booked and recorded, µs; MISSING where neither
                is known (an import without booking times: known from the start)
    duration    booked length in minutes, float64; NaN where unknown
    status      index into STATUSES
    by_tutor    rescheduled, and by the tutor
    outcome_known  when the outcome could first be used: the later of known_at and recorded, µs; NEVER while scheduled
    """

    id: NDArray[np.uint8]
    tutor: Int64
    student: Int64
    scheduled: Int64
    booked: Int64
    booking_known: Int64
    duration: Float64
    status: Int8
    by_tutor: Bool
    outcome_known: Int64


@dataclass(frozen=True, slots=True)
class TutorProfiles(Columns):
    """Versions of tutors' profiles. Numbers are float64 with NaN where missing; style is -1 where missing.

    Columns: tutor (code), valid_from (µs), known (the later of valid_from and recorded, µs), age (years),
    experience_years, teaching_style (index into TEACHING_STYLES), preferred_pace 1-5, communication_style 1-5,
    confidence_level 1-5.
    """

    tutor: Int64
    valid_from: Int64
    known: Int64
    age: Float64
    experience_years: Float64
    teaching_style: Int8
    preferred_pace: Float64
    communication_style: Float64
    confidence_level: Float64


@dataclass(frozen=True, slots=True)
class StudentProfiles(Columns):
    """Versions of students' profiles; conventions as for TutorProfiles.

    Columns: student (code), valid_from, known, age, preferred_pace 1-5, preferred_teaching_style,
    communication_style_preference 1-5, urgency_level 1-5, previous_tutoring_experience (count),
    previous_satisfaction 1-5.
    """

    student: Int64
    valid_from: Int64
    known: Int64
    age: Float64
    preferred_pace: Float64
    preferred_teaching_style: Int8
    communication_style_preference: Float64
    urgency_level: Float64
    previous_tutoring_experience: Float64
    previous_satisfaction: Float64


@dataclass(frozen=True, slots=True)
class ReminderArms(Columns):
    """Tutors that were drawn into an arm of the automatic reminders, each once, in the order of their codes.

    Columns: tutor (code), assigned (when the lot fell, µs), hold_out (whether it fell on getting none), share (how
    probable that was, within 0 and 1).
    """

    tutor: Int64
    assigned: Int64
    hold_out: Bool
    share: Float64


@dataclass(frozen=True, slots=True)
class HandledSessions(Columns):
    """Sessions that somebody intervened about by hand (a reminder, a call, another tutor), in the order of their ids.

    Columns: id (uint8, shape (n, 16)), first (when for the first time, µs).
    """

    id: NDArray[np.uint8]
    first: Int64


@dataclass(frozen=True, slots=True)
class Interference:
    """What was done about sessions and their tutors, so that outcomes are not what they would have been untouched."""

    arms: ReminderArms
    by_hand: HandledSessions


@dataclass(frozen=True, slots=True)
class Directory:
    """What the codes mean: tutors[code] and students[code] are ids as text (UUIDs, or free text for students)."""

    tutors: NDArray[np.object_]
    students: NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class History:
    """All that features are computed from."""

    directory: Directory
    sessions: Sessions
    tutor_profiles: TutorProfiles
    student_profiles: StudentProfiles


UNTOUCHED: Final = Interference(
    ReminderArms(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.bool_), np.empty(0)),
    HandledSessions(np.empty((0, 16), np.uint8), np.empty(0, np.int64)),
)
"""Nothing was done about anybody."""
