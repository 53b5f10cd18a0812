"""Features of student–tutor pairs that a caller brings along, by the code that training uses."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Final

import numpy as np

from features.pairing import StudentVectors, TutorVectors, known_features, pair_matrix
from features.tutor import tutor_columns
from records.columns import TEACHING_STYLES, Bool, Float64, Int8
from scoring.extraction import Refusals
from scoring.forms import MatchRecord, MatchStudent, MatchTutor, Refused
from scoring.tutor_statistics import read_statistics

_STYLE_CODE: Final[dict[str | None, int]] = {style: i for i, style in enumerate(TEACHING_STYLES)} | {None: -1}
_UNKNOWN_STYLE: Final = -2
# Field, and the lowest and highest value that the records can hold, too.
_STUDENT_NUMBERS: Final = (
    ("age", 0, 120),
    ("preferred_pace", 1, 5),
    ("communication_style_preference", 1, 5),
    ("urgency_level", 1, 5),
    ("previous_tutoring_experience", 0, 2**31 - 1),
    ("previous_satisfaction", 1, 5),
)
_TUTOR_NUMBERS: Final = (
    ("age", 0, 120),
    ("preferred_pace", 1, 5),
    ("communication_style", 1, 5),
    ("experience_years", 0, 100),
    ("confidence_level", 1, 5),
)


def match_features(records: Sequence[MatchRecord]) -> tuple[Float64, dict[int, Refused]]:
    """Feature matrix (n, 17), and the refusals by place; the row of a refused record is zero."""
    refusals = Refusals()
    X = pair_matrix(*_read_people(records, refusals))
    X[list(refusals.found)] = 0
    return X, refusals.found


def told_match_features(records: Sequence[MatchRecord]) -> Bool:
    """Where `match_features` holds a value that was told (n, 17), and not the default in the place of a missing one."""
    return known_features(*_read_people(records, Refusals()))


def _read_people(records: Sequence[MatchRecord], refusals: Refusals) -> tuple[StudentVectors, TutorVectors]:
    student, tutor = [r.student for r in records], [r.tutor for r in records]
    recent = tutor_columns(read_statistics([t.statistics for t in tutor], "tutor.statistics", refusals))
    of_student = _read_numbers("student", student, _STUDENT_NUMBERS, refusals)
    of_tutor = _read_numbers("tutor", tutor, _TUTOR_NUMBERS, refusals)
    return (
        StudentVectors(
            age=of_student["age"],
            pace=of_student["preferred_pace"],
            style=_styles("student.preferred_teaching_style", [s.preferred_teaching_style for s in student], refusals),
            communication=of_student["communication_style_preference"],
            urgency=of_student["urgency_level"],
            experience=of_student["previous_tutoring_experience"],
            satisfaction=of_student["previous_satisfaction"],
        ),
        TutorVectors(
            age=of_tutor["age"],
            pace=of_tutor["preferred_pace"],
            style=_styles("tutor.teaching_style", [t.teaching_style for t in tutor], refusals),
            communication=of_tutor["communication_style"],
            experience=of_tutor["experience_years"],
            confidence=of_tutor["confidence_level"],
            reschedule_rate_30d=recent["tutor_reschedule_rate_30d"],
            total_sessions_30d=recent["tutor_total_sessions_30d"],
            is_high_risk=recent["tutor_is_high_risk"],
        ),
    )


def _read_numbers(
    who: str,
    people: Sequence[MatchStudent] | Sequence[MatchTutor],
    fields: Sequence[tuple[str, int, int]],
    refusals: Refusals,
) -> dict[str, Float64]:
    names, lowest, highest = zip(*fields, strict=True)
    read = attrgetter(*names)
    rows = np.array([read(person) for person in people], dtype=np.float64).reshape(len(people), len(fields))
    if ((rows < lowest) | (rows > highest)).any():
        for (name, low, high), column in zip(fields, rows.T, strict=True):
            refusals.add_outside(f"{who}.{name}", column, low, high)
    return dict(zip(names, rows.T, strict=True))


def _styles(field: str, styles: Sequence[str | None], refusals: Refusals) -> Int8:
    codes = np.array([_STYLE_CODE.get(style, _UNKNOWN_STYLE) for style in styles], dtype=np.int8)
    refusals.add_where(codes == _UNKNOWN_STYLE, field, f"must be one of {', '.join(TEACHING_STYLES)}")
    return codes
