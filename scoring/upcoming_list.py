"""The list of the sessions ahead with their stored predictions, as SQL that gives its JSON. Nothing is computed.

A session that was not predicted yet, or was moved since, is in the list with nulls, as is the name of a student who is
known by a text only. All that a page is filtered, sorted and counted by is in two indexes that hold the sessions ahead
side by side, so past ones cost nothing, however many there are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from modelling.risk import RISK_LEVELS, risk_level_sql
from records.json_sql import json_columns, json_list, json_object
from tqs.errors import QueryError

SORTS: Final = ("scheduled_time", "reschedule_probability", "tutor_name", "student_id", "student_name")
SORT_ORDERS: Final = ("asc", "desc")
MAX_DAYS: Final = 90
MAX_LIMIT: Final = 500


@dataclass(frozen=True, slots=True)
class UpcomingQuery:
    """The sessions `offset` to `offset + limit` of those still scheduled within (now, now + days_ahead].

    risk_level, tutor_id: only those; None for all. Nulls come last in either order, ties are broken by id, names and
    students' ids compare by code point.

    Raises
    ------
    QueryError
        a value that is not among the allowed ones, days outside 1-90, a limit outside 1-500, or a negative offset.
    """

    days_ahead: int = 7
    risk_level: str | None = None
    tutor_id: UUID | None = None
    sort_by: str = "scheduled_time"
    sort_order: str = "asc"
    limit: int = 50
    offset: int = 0

    def __post_init__(self) -> None:
        if self.risk_level is not None:
            _check_choice("risk_level", self.risk_level, RISK_LEVELS)
        _check_choice("sort_by", self.sort_by, SORTS)
        _check_choice("sort_order", self.sort_order, SORT_ORDERS)
        if not 1 <= self.days_ahead <= MAX_DAYS:
            raise QueryError(f"days_ahead is {self.days_ahead}; it can be 1 to {MAX_DAYS}")
        if not 1 <= self.limit <= MAX_LIMIT:
            raise QueryError(f"limit is {self.limit}; it can be 1 to {MAX_LIMIT}")
        if self.offset < 0:
            raise QueryError(f"offset is {self.offset}; it can be 0 or more")


def answer_upcoming(query: UpcomingQuery, thresholds: tuple[float, float]) -> tuple[str, tuple[Any, ...]]:
    """The statement that gives the list as JSON with `sessions`, total, limit and offset, and its parameters $1, $2, …

    It depends on the time of the database. Risk levels are those of the `thresholds`, whatever was stored with the
    probability.
    """
    values: list[Any] = [query.days_ahead, query.limit, query.offset, *thresholds]
    where = f"s.status = 'scheduled' AND {_AHEAD.format('s')}"
    if query.tutor_id is not None:
        values.append(query.tutor_id)
        where += f" AND s.tutor_id = ${len(values)}"
    if query.risk_level is not None:
        values.append(query.risk_level)
        where += f" AND {_LEVEL} = ${len(values)}"
    key, table = _KEYS[query.sort_by]
    tables = {table, "p"} if query.risk_level is not None else {table}
    at_once = query.tutor_id is None
    found = f"SELECT s.id, {key} AS key FROM sessions s {_join(tables, at_once)} WHERE {where}"
    # Where the index is in the order asked for, a page is read from it; else what was found is counted and sorted.
    ordered = tables == {"s"} and query.sort_by == "scheduled_time"
    order = f"key {query.sort_order}{'' if ordered else ' NULLS LAST'}, id"
    page = f"SELECT id, key FROM found ORDER BY {order} LIMIT $2 OFFSET $3"
    answer = {
        "sessions": json_list(json_columns(_COLUMNS, "r"), f"{_LISTED} FROM ({page}) page {_DETAILS} ORDER BY {order}"),
        "total": "(SELECT count(*) FROM found)",
        "limit": "CAST($2 AS bigint)",
        "offset": "CAST($3 AS bigint)",
    }
    kept = "NOT MATERIALIZED" if ordered else "MATERIALIZED"
    return f"WITH found AS {kept} ({found}) SELECT {json_object(answer)}::text", tuple(values)


def _join(tables: Iterable[str], at_once: bool) -> str:
    """at_once: that the other side is read as a whole. The planner takes the sessions ahead for far fewer than they are
    and would look up each by itself, which takes three times as long; and to compare texts takes a tenth of the time
    that it takes to see of each whether it is an id.
    """
    known = _JOINS | (_ALL_STUDENTS if at_once else {})
    joins = " ".join(join for name, join in known.items() if name in tables)
    return joins.format(fence="OFFSET 0" if at_once else "", student=_STUDENT)


_LEVEL: Final = risk_level_sql("p.probability", "$4", "$5")
_COLUMNS: Final = {
    "id": "page.id",
    "tutor_id": "s.tutor_id",
    "tutor_name": "t.name",
    "student_id": "s.student_id",
    "student_name": "u.name",
    "scheduled_time": "s.scheduled_time",
    "status": "s.status",
    "reschedule_probability": "p.probability",
    "risk_level": _LEVEL,
    "model_version": "p.model_version",
    "predicted_at": "p.predicted_at",
}
_LISTED: Final = "SELECT " + ", ".join(f"{column} AS {name}" for name, column in _COLUMNS.items())
# The id of the student; null of one who is known by a text only. A cast of u.id instead could use no index.
_STUDENT: Final = (
    "CASE WHEN s.student_id ~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' "
    "THEN s.student_id::uuid END"
)
_DETAILS: Final = f"""
    JOIN sessions s ON s.id = page.id
    JOIN tutors t ON t.id = s.tutor_id LEFT JOIN students u ON u.id = {_STUDENT}
    LEFT JOIN session_reschedule_predictions p
        ON p.session_id = s.id AND p.scheduled_time = s.scheduled_time AND p.target = 'reschedule'"""
_KEYS: Final = {  # what to sort by, and whose column it is
    "scheduled_time": ("s.scheduled_time", "s"),
    "reschedule_probability": ("p.probability", "p"),
    "tutor_name": ("t.name", "t"),
    "student_id": ('s.student_id COLLATE "C"', "s"),
    "student_name": ("u.name", "u"),
}
_AHEAD: Final = "{0}.scheduled_time > now() AND {0}.scheduled_time <= now() + CAST($1 AS integer) * interval '24 hours'"
_JOINS: Final = {
    "p": f"""LEFT JOIN (
        SELECT session_id, scheduled_time, probability FROM session_reschedule_predictions a
        WHERE target = 'reschedule' AND {_AHEAD.format("a")} {{fence}}
    ) p ON p.session_id = s.id AND p.scheduled_time = s.scheduled_time""",
    "t": "JOIN (SELECT id, name FROM tutors {fence}) t ON t.id = s.tutor_id",
    "u": "LEFT JOIN students u ON u.id = {student}",
}
_ALL_STUDENTS: Final = {"u": "LEFT JOIN (SELECT id::text AS id, name FROM students {fence}) u ON u.id = s.student_id"}


def _check_choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise QueryError(f"{name} is {value!r}; it can be {', '.join(allowed)}")
