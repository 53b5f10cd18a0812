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
from scoring.forms import MatchRecord, Refused
from scoring.tutor_statistics import read_statistics

_STYLE_CODE: Final[dict[str | None, int]] = {style: i for i, style in enumerate(TEACHING_STYLES)} | {None: -1}
_UNKNOWN_STYLE: Final = -2
# Field, and the lowest and highest value that the records can hold, too.
_NUMBERS: Final = (
    ("student.age", 0, 120),
    ("student.preferred_pace", 1, 5),
    ("student.communication_style_preference", 1, 5),
    ("student.urgency_level", 1, 5),
    ("student.previous_tutoring_experience", 0, 2**31 - 1),
    ("student.previous_satisfaction", 1, 5),
    ("tutor.age", 0, 120),
    ("tutor.preferred_pace", 1, 5),
    ("tutor.communication_style", 1, 5),
    ("tutor.experience_years", 0, 100),
    ("tutor.confidence_level", 1, 5),
)
_READ_NUMBERS: Final = attrgetter(*(field for field, _, _ in _NUMBERS))
_LOWEST: Final = np.array([low for _, low, _ in _NUMBERS], dtype=np.float64)
_HIGHEST: Final = np.array([high for _, _, high in _NUMBERS], dtype=np.float64)


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
    statistics = [record.tutor.statistics for record in records]
    recent = tutor_columns(read_statistics(statistics, "tutor.statistics", refusals))
    told = _read_numbers(records, refusals)
    student_styles = [record.student.preferred_teaching_style for record in records]
    tutor_styles = [record.tutor.teaching_style for record in records]
    return (
        StudentVectors(
            age=told["student.age"],
            pace=told["student.preferred_pace"],
            style=_styles("student.preferred_teaching_style", student_styles, refusals),
            communication=told["student.communication_style_preference"],
            urgency=told["student.urgency_level"],
            experience=told["student.previous_tutoring_experience"],
            satisfaction=told["student.previous_satisfaction"],
        ),
        TutorVectors(
            age=told["tutor.age"],
            pace=told["tutor.preferred_pace"],
            style=_styles("tutor.teaching_style", tutor_styles, refusals),
            communication=told["tutor.communication_style"],
            experience=told["tutor.experience_years"],
            confidence=told["tutor.confidence_level"],
            reschedule_rate_30d=recent["tutor_reschedule_rate_30d"],
            total_sessions_30d=recent["tutor_total_sessions_30d"],
            is_high_risk=recent["tutor_is_high_risk"],
        ),
    )


def _read_numbers(records: Sequence[MatchRecord], refusals: Refusals) -> dict[str, Float64]:
    rows = np.array([_READ_NUMBERS(record) for record in records], dtype=np.float64).reshape(-1, len(_NUMBERS))
    if ((rows < _LOWEST) | (rows > _HIGHEST)).any():
        for (field, low, high), column in zip(_NUMBERS, rows.T, strict=True):
            refusals.add_outside(field, column, low, high)
    return {field: column for (field, _, _), column in zip(_NUMBERS, rows.T, strict=True)}


def _styles(field: str, styles: Sequence[str | None], refusals: Refusals) -> Int8:
    codes = [_STYLE_CODE.get(style, _UNKNOWN_STYLE) for style in styles]
    if _UNKNOWN_STYLE in codes:
        unknown = np.array(codes) == _UNKNOWN_STYLE
        refusals.add_where(unknown, field, f"must be one of {', '.join(TEACHING_STYLES)}")
    return np.array(codes, dtype=np.int8)
