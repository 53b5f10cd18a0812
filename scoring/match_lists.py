"""All matches of a student with the active tutors, or of a tutor with the students, best first: SQL that gives JSON."""

from __future__ import annotations

from itertools import product
from typing import Final, Literal

from pydantic_core import from_json

from records.json_sql import json_columns, json_list, json_object
from records.people_answers import LISTED_TUTOR
from records.tables.people import PROFILE_COLUMNS
from records.tables.scoring import WINDOWS
from scoring.pair_predictions import ANSWERED
from scoring.pair_store import FRESH, FRESH_BY_TERMS

Who = Literal["student", "tutor"]
SortBy = Literal["compatibility_score", "churn_probability", "risk_level"]
Order = Literal["asc", "desc"]

BEST_FIRST: Final[dict[SortBy, Order]] = {
    "compatibility_score": "desc",
    "churn_probability": "asc",
    "risk_level": "asc",
}
SETTLED_S: Final = 2  # after which a change is committed
STUDENT: Final = (
    "id",
    "name",
    *(name for name in PROFILE_COLUMNS["students"] if name not in ("learning_goals", "preferences_json")),
)
TUTOR: Final = LISTED_TUTOR
SCORES: Final = (
    *(f"{name}_{days}d" for name in ("reschedule_rate", "total_sessions", "tutor_reschedules") for days in WINDOWS),
    "is_high_risk",
    "risk_threshold",
    "last_calculated_at",
)


def list_matches(who: Who, sort_by: SortBy, order: Order | None = None) -> str:
    """SQL of a page of the matches of one student or tutor, best first by default; null where there is no such person.

    $1 id, $2 to $4 the terms of what serves, $5 limit, $6 offset; $7 true: where there are people with whom there is no
    fresh prediction, their ids instead (`read_stale`), false: where there are people with whom there is none at all.

    Ties are in the order of the predictions' ids. A tutor who is no longer active has no matches.
    """
    return _LISTS[who, sort_by, order or BEST_FIRST[sort_by]]


def read_stale(answer: bytes) -> list[str] | None:
    """The ids of those with whom a prediction is wanting, where an answer is that; None where it is the list."""
    return list(from_json(answer)["stale"]) if answer.startswith(b'{"stale"') else None


def stale_partners(who: Who) -> str:
    """SQL of the ids of those with whom :id has a stored prediction that is not fresh by the terms, or may not be.

    One that was made within seconds of a change may have been made while that was not yet committed.
    """
    return _STALE_PARTNERS[who]


def _list(who: Who, sort_by: SortBy, order: Order) -> str:
    me, other = ("s", "t") if who == "student" else ("t", "s")
    key = "array_position(ARRAY['low', 'medium', 'high'], p.risk_level)" if sort_by == "risk_level" else f"p.{sort_by}"
    fresh = FRESH.format(version="$2", low="$3", high="$4")
    pairs = f"""
        SELECT {other}.id AS other, p.id, {key} AS sort_key, coalesce({fresh}, false) AS fresh
        FROM students s JOIN tutors t ON t.is_active
        LEFT JOIN match_predictions p ON p.student_id = s.id AND p.tutor_id = t.id
        WHERE {me}.id = $1"""
    page = f"""
        SELECT p.*, s.student, t.tutor FROM (
            SELECT id, sort_key FROM pairs WHERE id IS NOT NULL ORDER BY sort_key {order}, id LIMIT $5 OFFSET $6
        ) page JOIN match_predictions p USING (id) {_objects(who)} ORDER BY page.sort_key {order}, p.id"""
    wanting = "id IS NULL OR CAST($7 AS boolean) AND NOT fresh"
    listed = {
        "matches": json_list(json_columns((*ANSWERED, "student", "tutor"), "r"), page),
        "total": "(SELECT count(id) FROM pairs)",
        "limit": "CAST($5 AS bigint)",
        "offset": "CAST($6 AS bigint)",
    }
    return f"""
        WITH pairs AS MATERIALIZED ({pairs})
        SELECT CASE WHEN EXISTS (SELECT FROM pairs WHERE {wanting})
            THEN {json_object({"stale": f"(SELECT json_agg(other) FROM pairs WHERE {wanting})"})}
            ELSE {json_object(listed)} END::text
        FROM {who}s WHERE id = $1"""


def _objects(who: Who) -> str:
    """The objects of both people of a prediction `p`; that of the one whose list it is, is made once."""
    student = f"SELECT {json_object(json_columns(STUDENT, 's'))} AS student FROM students s"
    figures = json_object(json_columns(SCORES, "c"))
    tutor = json_columns(TUTOR, "t") | {"scores": f"CASE WHEN c.tutor_id IS NOT NULL THEN {figures} END"}
    tutor_row = f"SELECT {json_object(tutor)} AS tutor FROM tutors t LEFT JOIN tutor_scores c ON c.tutor_id = t.id"
    if who == "student":
        return f"""CROSS JOIN ({student} WHERE s.id = $1 OFFSET 0) s
            CROSS JOIN LATERAL ({tutor_row} WHERE t.id = p.tutor_id) t"""
    return f"""CROSS JOIN ({tutor_row} WHERE t.id = $1 OFFSET 0) t
        CROSS JOIN LATERAL ({student} WHERE s.id = p.student_id) s"""


_WHO: Final[tuple[Who, ...]] = ("student", "tutor")
_ORDERS: Final[tuple[Order, ...]] = ("asc", "desc")
_LISTS: Final = {choice: _list(*choice) for choice in product(_WHO, BEST_FIRST, _ORDERS)}
_STALE_PARTNERS: Final = {
    who: f"""
        SELECT p.{other}_id::text FROM match_predictions p
        JOIN students s ON s.id = p.student_id JOIN tutors t ON t.id = p.tutor_id
        WHERE p.{who}_id = :id AND t.is_active AND NOT ({FRESH_BY_TERMS}
            AND p.updated_at > greatest(s.inputs_changed_at, t.inputs_changed_at) + interval '{SETTLED_S} seconds')"""
    for who, other in (("student", "tutor"), ("tutor", "student"))
}
