"""One student with one tutor: the stored prediction where it is fresh, else one made of just what is known of the two.

One query answers, for several pairs at once, either the prediction as JSON or, where there is none that is fresh and
explained, the numbers to make it of; one statement stores what was made of them, and answers the same JSON.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Final
from uuid import UUID

import numpy as np
from pydantic_core import from_json, to_json

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

Pair = tuple[UUID, UUID]
"""A student and a tutor."""

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
    """The inputs in an answer of READ_PAIRS; None where it is a prediction, ready to be sent."""
    return PairInputs(**from_json(answer)["inputs"]) if answer.startswith(_INPUTS_MARK) else None


def predict_known(model: ServedModel, pairs: Mapping[Pair, PairInputs], actors: Mapping[Pair, str]) -> str:
    """The predictions of some pairs with their contributions, in one go, as JSON for STORE_PAIRS.

    actors: who asked for each, as the audit log names them.
    """
    known = list(pairs.values())
    students = [one.student for one in known]
    tutors = [one.tutor for one in known]
    student = to_student_vectors(_columns(students, STUDENT_NUMBERS), _styles(students))
    of_tutor = _columns(tutors, (*TUTOR_NUMBERS, "sessions", "rescheduled"))
    tutor = to_tutor_vectors(of_tutor, _styles(tutors), of_tutor["sessions"], of_tutor["rescheduled"])
    X = pair_matrix(student, tutor)
    probabilities = model.predict(X)
    measures = zip(
        probabilities.tolist(),
        [RISK_LEVELS[code] for code in model.risk_codes(probabilities).tolist()],
        *X[:, _STORED_PLACES].T.tolist(),
        explain_matches(model, X, known_features(student, tutor)),
        strict=True,
    )
    rows = [
        (actors[pair], *pair, inputs.student_changed, inputs.tutor_changed, inputs.now, *_describe(model), *row)
        for (pair, inputs), row in zip(pairs.items(), measures, strict=True)
    ]
    return to_json([dict(zip(_MADE, row, strict=True)) for row in rows]).decode()


def read_stored(answer: bytes | None) -> dict[Pair, bytes]:
    """What STORE_PAIRS answered, by pair, stored or not: each prediction as READ_PAIRS answers it."""
    found = [] if answer is None else from_json(answer)
    return {(UUID(student), UUID(tutor)): prediction.encode() for student, tutor, prediction in found}


def _describe(model: ServedModel) -> tuple[str, bool, bool]:
    return model.version, model.fallback, model.refusal is not None


def _columns(found: Sequence[Mapping[str, Any]], names: tuple[str, ...]) -> dict[str, Float64]:
    read = itemgetter(*names)
    table = np.array([read(one) for one in found], dtype=np.float64).T  # None becomes NaN
    return dict(zip(names, table, strict=True))


def _styles(found: Sequence[Mapping[str, Any]]) -> Int8:
    return np.array([_STYLE_CODES.get(one["style"], -1) for one in found], dtype=np.int8)


_STYLE_CODES: Final = {style: code for code, style in enumerate(TEACHING_STYLES)}
_STORED_PLACES: Final = [names_of("match").index(name) for name in PairBlock.STORED_FEATURES]
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


_READ_PAIR: Final = f"""
    SELECT CASE WHEN p.id IS NULL THEN {_inputs()} ELSE {json_object(json_columns(ANSWERED, "p"))} END::text
    FROM students s JOIN tutors t ON t.id = asked.tutor_id AND t.is_active
    LEFT JOIN match_predictions p ON p.student_id = s.id AND p.tutor_id = t.id
        AND p.contributions IS NOT NULL AND {FRESH.format(version="$3", low="$4", high="$5")}
    WHERE s.id = asked.student_id"""
# Each pair is looked up by itself: for several, the planner would rather read all of a small table. It is not to see
# how many there are: it would plan anew for each number of them, which takes longer than the answer.
READ_PAIRS: Final = f"""
    SELECT json_agg(one.answer ORDER BY asked.place)::text
    FROM unnest((SELECT $1::uuid[]), (SELECT $2::uuid[])) WITH ORDINALITY AS asked (student_id, tutor_id, place)
    LEFT JOIN LATERAL ({_READ_PAIR} OFFSET 0) one (answer) ON true"""
"""$1 students, $2 tutors, $3 to $5 the terms of what serves: a JSON array with a text for each pair, in order.

It is the stored prediction, or the inputs of one that is to be made (`read_inputs`), as JSON; null where there is no
such student or no such active tutor.
"""

_MADE: Final = {
    "actor": "text",
    "student_id": "uuid",
    "tutor_id": "uuid",
    "student_changed": "timestamptz",
    "tutor_changed": "timestamptz",
    "now": "timestamptz",
    "model_version": "text",
    "fallback": "boolean",
    "champion_is_refused": "boolean",
    "churn_probability": "float8",
    "risk_level": "text",
    **dict.fromkeys(PairBlock.STORED_FEATURES, "float8"),
    "contributions": "jsonb",
}
_VALUES: Final = ("model_version", "fallback", *MEASURES, "contributions")
_SAME: Final = " AND ".join(f"p.{name} = excluded.{name}" for name in ("model_version", *MEASURES))
_UNSTORED: Final = {name: f"c.{name}" for name in ANSWERED} | {
    "id": "coalesce(p.id, gen_random_uuid())",
    "ai_explanation": "null",
    "created_at": "coalesce(p.created_at, c.now)",
    "updated_at": "c.now",
}
# An explanation stays while nothing that it tells has changed. Rows are written in the order of their pairs, so that
# two statements at once never wait for each other in a ring; one who is just being changed is not waited for.
STORE_PAIRS: Final = f"""
    WITH made AS (
        SELECT * FROM jsonb_to_recordset($1::jsonb) AS m ({", ".join(f"{name} {kind}" for name, kind in _MADE.items())})
    ), valid AS (
        SELECT m.* FROM made m
        JOIN students s ON s.id = m.student_id AND s.inputs_changed_at = m.student_changed
        JOIN tutors t ON t.id = m.tutor_id AND t.inputs_changed_at = m.tutor_changed AND t.is_active
    ), held AS (
        SELECT m.* FROM made m
        JOIN students s ON s.id = m.student_id AND s.inputs_changed_at = m.student_changed
        JOIN tutors t ON t.id = m.tutor_id AND t.inputs_changed_at = m.tutor_changed AND t.is_active
        WHERE m.champion_is_refused OR NOT EXISTS (
            SELECT FROM models WHERE target = 'match' AND alias = 'champion' AND version <> m.model_version)
        FOR SHARE OF s, t SKIP LOCKED
    ), stored AS (
        INSERT INTO match_predictions AS p (student_id, tutor_id, {", ".join(_VALUES)}, created_at, updated_at)
        SELECT m.student_id, m.tutor_id, {", ".join(f"m.{name}" for name in _VALUES)}, m.now, m.now
        FROM held m
        ORDER BY m.student_id, m.tutor_id
        ON CONFLICT (student_id, tutor_id) DO UPDATE SET
            {", ".join(f"{name} = excluded.{name}" for name in (*_VALUES, "updated_at"))},
            ai_explanation = CASE WHEN {_SAME} AND p.updated_at > (
                SELECT greatest(s.inputs_changed_at, t.inputs_changed_at) FROM students s, tutors t
                WHERE s.id = excluded.student_id AND t.id = excluded.tutor_id
            ) THEN p.ai_explanation END
        WHERE p.updated_at <= excluded.updated_at
        RETURNING student_id, tutor_id, {json_object(json_columns(ANSWERED, "p"))}::text AS answer
    ), noted AS (
        INSERT INTO audit_log (actor, action, subject, details)
        SELECT m.actor, 'predict match', s.student_id || '/' || s.tutor_id, json_build_object('model', m.model_version)
        FROM stored s JOIN made m USING (student_id, tutor_id)
    ), unstored AS (
        SELECT c.student_id, c.tutor_id, {json_object(_UNSTORED)}::text AS answer
        FROM valid c LEFT JOIN match_predictions p USING (student_id, tutor_id)
        WHERE NOT EXISTS (SELECT FROM held h WHERE h.student_id = c.student_id AND h.tutor_id = c.tutor_id)
    )
    SELECT json_agg(json_build_array(student_id, tutor_id, answer))::text
    FROM (SELECT * FROM stored UNION ALL SELECT * FROM unstored) answered"""
"""$1 what `predict_known` gives; `read_stored` reads the answer.

Answered and not stored is a pair while someone is changing one of the two, so that it may be out of date at once, and
one by a model that is not the champion by now: the predictions of that one stay.
A pair that is not in the answer: something that it rests on has changed since, or a later prediction is stored.
"""

WHO_IS_MISSING: Final = """
    SELECT CASE WHEN NOT EXISTS (SELECT FROM students WHERE id = $1) THEN 'student'
        WHEN NOT EXISTS (SELECT FROM tutors WHERE id = $2) THEN 'tutor' ELSE 'active tutor' END"""
"""$1 student, $2 tutor: why READ_PAIRS answers null."""
