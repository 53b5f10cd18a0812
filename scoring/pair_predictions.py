"""One student with one tutor: the stored prediction where it is fresh, else one made of just what is known of the two.

One query answers either the prediction as JSON or, where there is none that is fresh and explained, the numbers to make
it of; one statement stores it and answers the same JSON.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import numpy as np
from pydantic_core import from_json

from features.catalogue import names_of
from features.pairing import known_features, pair_matrix
from modelling.risk import RISK_LEVELS
from records.columns import TEACHING_STYLES, Float64, Int8
from records.json_sql import json_columns, json_object
from scoring.explanations import explain_matches
from scoring.models import ServedModel
from scoring.pair_people import (
    STUDENT_NUMBERS,
    STUDENT_PROFILE,
    TUTOR_MONTH,
    TUTOR_NUMBERS,
    TUTOR_PROFILE,
    to_student_vectors,
    to_tutor_vectors,
)
from scoring.pair_store import FRESH, PairBlock

MEASURES: Final = ("churn_probability", "risk_level", *PairBlock.STORED_FEATURES)
ANSWERED: Final = (
    "id",
    "student_id",
    "tutor_id",
    *MEASURES,
    "contributions",
    "ai_explanation",
    "model_version",
    "created_at",
    "updated_at",
)
"""The columns of a prediction that the API answers, in order."""


@dataclass(frozen=True, slots=True)
class PairInputs:
    """What a prediction is made of, as of `now`; the times are as PostgreSQL wrote them."""

    now: str
    student_changed: str
    tutor_changed: str
    student: Mapping[str, Any]
    tutor: Mapping[str, Any]


def read_inputs(answer: bytes) -> PairInputs | None:
    """The inputs in an answer to READ_PAIR; None where it is a prediction, ready to be sent."""
    return PairInputs(**from_json(answer)["inputs"]) if answer.startswith(_INPUTS_MARK) else None


def predict_pair(model: ServedModel, student_id: UUID, tutor_id: UUID, inputs: PairInputs) -> tuple[Any, ...]:
    """The prediction of a pair with its contributions, as the parameters of STORE_PAIR."""
    students = to_student_vectors(_numbers(inputs.student, STUDENT_NUMBERS), _style(inputs.student))
    month = _numbers(inputs.tutor, ("sessions", "rescheduled"))
    tutors = to_tutor_vectors(
        _numbers(inputs.tutor, TUTOR_NUMBERS), _style(inputs.tutor), month["sessions"], month["rescheduled"]
    )
    X = pair_matrix(students, tutors)
    probability = model.predict(X)
    [reasons] = explain_matches(model, X, known_features(students, tutors))
    return (
        student_id,
        tutor_id,
        datetime.fromisoformat(inputs.student_changed),
        datetime.fromisoformat(inputs.tutor_changed),
        datetime.fromisoformat(inputs.now),
        model.version,
        model.fallback,
        float(probability[0]),
        RISK_LEVELS[model.risk_codes(probability)[0]],
        *(float(X[0, place]) for place in _STORED_PLACES),
        json.dumps([asdict(reason) for reason in reasons]),
    )


def _numbers(found: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Float64]:
    return {name: np.array([found[name]], dtype=np.float64) for name in names}  # None becomes NaN


def _style(found: Mapping[str, Any]) -> Int8:
    return np.array([_STYLE_CODES.get(found["style"], -1)], dtype=np.int8)


_STYLE_CODES: Final = {style: code for code, style in enumerate(TEACHING_STYLES)}
_STORED_PLACES: Final = tuple(names_of("match").index(name) for name in PairBlock.STORED_FEATURES)
_INPUTS_MARK: Final = b'{"inputs"'


def _inputs() -> str:
    student = json_columns(STUDENT_NUMBERS, "sp") | {"style": "sp.preferred_teaching_style"}
    tutor = json_columns(TUTOR_NUMBERS, "tp") | {"style": "tp.teaching_style"}
    tutor |= json_columns(("sessions", "rescheduled"), "m")
    whole = {
        "now": "c.now",
        "student_changed": "s.inputs_changed_at",
        "tutor_changed": "t.inputs_changed_at",
        "student": json_object(student),
        "tutor": json_object(tutor),
    }
    return f"""(SELECT {json_object({"inputs": json_object(whole)})}
        FROM (SELECT clock_timestamp() AS now OFFSET 0) c
        {STUDENT_PROFILE.format(now="c.now")} {TUTOR_PROFILE.format(now="c.now")} {TUTOR_MONTH.format(now="c.now")})"""


READ_PAIR: Final = f"""
    SELECT CASE WHEN p.id IS NULL THEN {_inputs()} ELSE {json_object(json_columns(ANSWERED, "p"))} END::text
    FROM students s JOIN tutors t ON t.id = $2 AND t.is_active
    LEFT JOIN match_predictions p ON p.student_id = s.id AND p.tutor_id = t.id
        AND p.contributions IS NOT NULL AND {FRESH.format(version="$3")}
    WHERE s.id = $1"""
"""$1 student, $2 tutor, $3 the version that serves. Null: there is no such student, or no such active tutor."""

_STORED: Final = (*MEASURES, "contributions", "created_at", "updated_at")
_RENEWED: Final = ("model_version", "fallback", *MEASURES, "contributions", "updated_at")
_COMPARED: Final = ("model_version", *MEASURES)
_SAME: Final = " AND ".join(f"p.{name} = excluded.{name}" for name in _COMPARED)
STORE_PAIR: Final = f"""
    INSERT INTO match_predictions AS p
        (student_id, tutor_id, model_version, fallback, {", ".join(_STORED)})
    SELECT s.id, t.id, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15::jsonb, $5, $5
    FROM students s, tutors t
    WHERE s.id = $1 AND s.inputs_changed_at = $3 AND t.id = $2 AND t.inputs_changed_at = $4 AND t.is_active
    ON CONFLICT (student_id, tutor_id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _RENEWED)},
        ai_explanation = CASE WHEN {_SAME} AND p.updated_at > greatest($3, $4) THEN p.ai_explanation END
    WHERE p.updated_at <= excluded.updated_at
    RETURNING {json_object(json_columns(ANSWERED, "p"))}::text"""
"""Takes what `predict_pair` gives. No row: something that it rests on has changed since, or a later one is stored."""

WHO_IS_MISSING: Final = """
    SELECT CASE WHEN NOT EXISTS (SELECT FROM students WHERE id = $1) THEN 'student'
        WHEN NOT EXISTS (SELECT FROM tutors WHERE id = $2) THEN 'tutor' ELSE 'active tutor' END"""
"""$1 student, $2 tutor: why READ_PAIR answers null."""
