"""Features of student–tutor pairs that a caller brings along, by the code that training uses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from features.pairing import StudentVectors, TutorVectors, pair_matrix
from features.tutor import tutor_columns
from records.columns import TEACHING_STYLES, Float64, Int8
from scoring.extraction import Refusals, numbers
from scoring.forms import MatchRecord, Refused
from scoring.tutor_statistics import read_statistics

MOST_YEARS: Final = 100
MOST_LESSONS: Final = 2**31 - 1  # what the records can hold
_STYLE_CODE: Final[dict[str | None, int]] = {style: i for i, style in enumerate(TEACHING_STYLES)} | {None: -1}
_UNKNOWN_STYLE: Final = -2


def match_features(records: Sequence[MatchRecord]) -> tuple[Float64, dict[int, Refused]]:
    """Feature matrix (n, 17), and the refusals by place; the row of a refused record is zero."""
    refusals = Refusals()
    student, tutor = [r.student for r in records], [r.tutor for r in records]
    recent = tutor_columns(read_statistics([t.statistics for t in tutor], "tutor.statistics", refusals))

    def read(field: str, values: Sequence[float | None], low: float, high: float) -> Float64:
        column = numbers(values)
        refusals.add_outside(field, column, low, high)
        return column

    X = pair_matrix(
        StudentVectors(
            age=read("student.age", [s.age for s in student], 0, 120),
            pace=read("student.preferred_pace", [s.preferred_pace for s in student], 1, 5),
            style=_styles("student.preferred_teaching_style", [s.preferred_teaching_style for s in student], refusals),
            communication=read(
                "student.communication_style_preference", [s.communication_style_preference for s in student], 1, 5
            ),
            urgency=read("student.urgency_level", [s.urgency_level for s in student], 1, 5),
            experience=read(
                "student.previous_tutoring_experience",
                [s.previous_tutoring_experience for s in student],
                0,
                MOST_LESSONS,
            ),
            satisfaction=read("student.previous_satisfaction", [s.previous_satisfaction for s in student], 1, 5),
        ),
        TutorVectors(
            age=read("tutor.age", [t.age for t in tutor], 0, 120),
            pace=read("tutor.preferred_pace", [t.preferred_pace for t in tutor], 1, 5),
            style=_styles("tutor.teaching_style", [t.teaching_style for t in tutor], refusals),
            communication=read("tutor.communication_style", [t.communication_style for t in tutor], 1, 5),
            experience=read("tutor.experience_years", [t.experience_years for t in tutor], 0, MOST_YEARS),
            confidence=read("tutor.confidence_level", [t.confidence_level for t in tutor], 1, 5),
            reschedule_rate_30d=recent["tutor_reschedule_rate_30d"],
            total_sessions_30d=recent["tutor_total_sessions_30d"],
            is_high_risk=recent["tutor_is_high_risk"],
        ),
    )
    X[list(refusals.found)] = 0
    return X, refusals.found


def _styles(field: str, styles: Sequence[str | None], refusals: Refusals) -> Int8:
    codes = np.array([_STYLE_CODE.get(style, _UNKNOWN_STYLE) for style in styles], dtype=np.int8)
    refusals.add_where(codes == _UNKNOWN_STYLE, field, f"must be one of {', '.join(TEACHING_STYLES)}")
    return codes
