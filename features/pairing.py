"""How well a student and a tutor fit: the features of a pair, for rows of pairs and for all pairs at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from features.catalogue import features_of, names_of, stack_columns
from features.profiles import version_at
from features.tutor import tutor_features
from records.columns import Bool, Columns, Float64, Int8, Int64, Sessions, StudentProfiles, TutorProfiles

_DEFAULTS: Final = {feature.name: feature.default for feature in features_of("match")}
_CELLS_IN_CACHE: Final = 16_384


@dataclass(frozen=True, slots=True)
class StudentVectors(Columns):
    """Students as a pair needs them, each (n,): raw values, NaN where missing, style −1 where missing."""

    age: Float64
    pace: Float64
    style: Int8
    communication: Float64
    urgency: Float64
    experience: Float64
    satisfaction: Float64


@dataclass(frozen=True, slots=True)
class TutorVectors(Columns):
    """Tutors as a pair needs them, each (n,): raw values as in StudentVectors, and their features of 30 days."""

    age: Float64
    pace: Float64
    style: Int8
    communication: Float64
    experience: Float64
    confidence: Float64
    reschedule_rate_30d: Float64
    total_sessions_30d: Float64
    is_high_risk: Float64


def student_vectors(profiles: StudentProfiles, student: Int64, as_of: Int64) -> StudentVectors:
    """The profiles of (n,) students as they were known at (n,) moments."""
    version = version_at(profiles.student, profiles.valid_from, profiles.known, student, as_of)
    return StudentVectors(
        age=_pick(profiles.age, version),
        pace=_pick(profiles.preferred_pace, version),
        style=np.append(profiles.preferred_teaching_style, np.int8(-1))[version],
        communication=_pick(profiles.communication_style_preference, version),
        urgency=_pick(profiles.urgency_level, version),
        experience=_pick(profiles.previous_tutoring_experience, version),
        satisfaction=_pick(profiles.previous_satisfaction, version),
    )


def tutor_vectors(profiles: TutorProfiles, sessions: Sessions, tutor: Int64, as_of: Int64) -> TutorVectors:
    """The profiles and recent sessions of (n,) tutors as they were known at (n,) moments."""
    version = version_at(profiles.tutor, profiles.valid_from, profiles.known, tutor, as_of)
    recent = tutor_features(sessions, tutor, as_of)
    return TutorVectors(
        age=_pick(profiles.age, version),
        pace=_pick(profiles.preferred_pace, version),
        style=np.append(profiles.teaching_style, np.int8(-1))[version],
        communication=_pick(profiles.communication_style, version),
        experience=_pick(profiles.experience_years, version),
        confidence=_pick(profiles.confidence_level, version),
        reschedule_rate_30d=recent["tutor_reschedule_rate_30d"],
        total_sessions_30d=recent["tutor_total_sessions_30d"],
        is_high_risk=recent["tutor_is_high_risk"],
    )


def pair_matrix(students: StudentVectors, tutors: TutorVectors) -> Float64:
    """Features (n, 17) of the pairs (students[i], tutors[i])."""
    return stack_columns("match", _fit(students, tutors) | _student_side(students) | _tutor_side(tutors))


def pair_block(students: StudentVectors, tutors: TutorVectors, out: NDArray[np.float32] | NDArray[np.float64]) -> None:
    """Features of every student with every tutor, written into `out` (students × tutors, 17), student by student.

    The numbers are those of `pair_matrix`, rounded to the type of `out`. `out` must be in C order; memory beside it
    does not grow with the number of students.

    Raises
    ------
    ValueError
        If `out` has another shape or order.
    """
    names = names_of("match")
    shape = (len(students) * len(tutors), len(names))
    if out.shape != shape or not out.flags.c_contiguous:
        raise ValueError(f"out has shape {out.shape}; expected {shape} in C order")
    cube = out.reshape(len(students), len(tutors), len(names))
    template = np.zeros((len(tutors), len(names)), dtype=out.dtype)
    for name, column in _tutor_side(tutors).items():
        template[:, names.index(name)] = column
    own = {names.index(name): column for name, column in _student_side(students).items()}
    rows = max(1, _CELLS_IN_CACHE // max(1, len(tutors)))
    for start in range(0, len(students), rows):
        part = slice(start, min(start + rows, len(students)))
        cube[part] = template
        for j, column in own.items():
            cube[part, :, j] = column[part, np.newaxis]
        for name, cells in _fit(_as_column(students.take(np.arange(part.start, part.stop))), tutors).items():
            cube[part, :, names.index(name)] = cells


def incompatibility_parts(fit: Mapping[str, Float64]) -> dict[str, Float64]:
    """What each mismatch takes from a compatibility score of 1, in the shape of the mismatches."""
    return {
        "pace_mismatch": 0.3 * fit["pace_mismatch"] / 4,
        "style_mismatch": 0.3 * fit["style_mismatch"],
        "communication_mismatch": 0.2 * fit["communication_mismatch"] / 4,
        "age_difference": 0.2 * np.minimum(fit["age_difference"] / 20, 1),
    }


def known_features(students: StudentVectors, tutors: TutorVectors) -> Bool:
    """Where `pair_matrix` holds a value (n, 17) that was told, and not the default in the place of a missing one."""
    known = {
        "pace_mismatch": np.isfinite(students.pace) & np.isfinite(tutors.pace),
        "style_mismatch": (students.style >= 0) & (tutors.style >= 0),
        "communication_mismatch": np.isfinite(students.communication) & np.isfinite(tutors.communication),
        "age_difference": np.isfinite(students.age) & np.isfinite(tutors.age),
        "student_age": np.isfinite(students.age),
        "student_pace": np.isfinite(students.pace),
        "student_urgency": np.isfinite(students.urgency),
        "student_experience": np.isfinite(students.experience),
        "student_satisfaction": np.isfinite(students.satisfaction),
        "tutor_age": np.isfinite(tutors.age),
        "tutor_experience": np.isfinite(tutors.experience),
        "tutor_confidence": np.isfinite(tutors.confidence),
        "tutor_pace": np.isfinite(tutors.pace),
    }
    everywhere = np.ones(len(students), dtype=np.bool_)
    return np.stack([known.get(name, everywhere) for name in names_of("match")], axis=1)


def _as_column(students: StudentVectors) -> StudentVectors:
    return StudentVectors(**{name: getattr(students, name)[:, np.newaxis] for name in StudentVectors.__slots__})


def _fit(students: StudentVectors, tutors: TutorVectors) -> dict[str, Float64]:
    """What student and tutor make together; (n,) with (n,), or (s, 1) with (t,) for all s × t."""
    pace = _distance(students.pace, tutors.pace, _DEFAULTS["pace_mismatch"])
    communication = _distance(students.communication, tutors.communication, _DEFAULTS["communication_mismatch"])
    age = _distance(students.age, tutors.age, _DEFAULTS["age_difference"])
    named = (students.style >= 0) & (tutors.style >= 0)
    style = np.where(named, students.style != tutors.style, _DEFAULTS["style_mismatch"])
    found = {
        "pace_mismatch": pace,
        "style_mismatch": style,
        "communication_mismatch": communication,
        "age_difference": age,
    }
    distance = sum(incompatibility_parts(found).values())
    return found | {"compatibility_score": np.maximum(1 - distance, 0)}


def _student_side(students: StudentVectors) -> dict[str, Float64]:
    return _fill(
        {
            "student_age": students.age,
            "student_pace": students.pace,
            "student_urgency": students.urgency,
            "student_experience": students.experience,
            "student_satisfaction": students.satisfaction,
        }
    )


def _tutor_side(tutors: TutorVectors) -> dict[str, Float64]:
    return _fill(
        {
            "tutor_age": tutors.age,
            "tutor_experience": tutors.experience,
            "tutor_confidence": tutors.confidence,
            "tutor_pace": tutors.pace,
            "tutor_reschedule_rate_30d": tutors.reschedule_rate_30d,
            "tutor_total_sessions_30d": tutors.total_sessions_30d,
            "tutor_is_high_risk": tutors.is_high_risk,
        }
    )


def _fill(columns: Mapping[str, Float64]) -> dict[str, Float64]:
    """The columns with their defaults where a value is missing: all at once, for one pair costs as much as many do."""
    table = np.array(list(columns.values()))
    defaults = np.array([_DEFAULTS[name] for name in columns])[:, np.newaxis]
    return dict(zip(columns, np.where(np.isfinite(table), table, defaults), strict=True))


def _distance(one: Float64, other: Float64, default: float) -> Float64:
    return _or_default(np.abs(one - other), default)


def _or_default(values: Float64, default: float) -> Float64:
    return np.where(np.isfinite(values), values, default)


def _pick(column: Float64, version: Int64) -> Float64:
    return np.append(column, np.nan)[version]  # version −1 picks the NaN
