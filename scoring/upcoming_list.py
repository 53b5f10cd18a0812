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
from scoring.session_deeds import HANDLES
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
    tutor_search: only sessions of tutors in whose name it is found whatever the case; it means itself, `%` included.
    handled: only those that were handled (True) or were not (False), as `scoring.session_deeds` has it.

    Raises
    ------
    QueryError
        a value that is not among the allowed ones, days outside 1-90, a limit outside 1-500, a negative offset, or a
        NUL in `tutor_search`.
    """

    days_ahead: int = 7
    risk_level: str | None = None
    tutor_id: UUID | None = None
    sort_by: str = "scheduled_time"
    sort_order: str = "asc"
    limit: int = 50
    offset: int = 0
    tutor_search: str = ""
    handled: bool | None = None

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
        if "\0" in self.tutor_search:
            raise QueryError("tutor_search holds a NUL character, which no name can hold; leave it out")


def answer_upcoming(query: UpcomingQuery, thresholds: tuple[float, float]) -> tuple[str, tuple[Any, ...]]:
    """The statement that gives the list as JSON with `sessions`, total, limit and offset, and its parameters $1, $2, …

    It depends on the time of the database. Risk levels are those of the `thresholds`, whatever was stored with the
    probability.
    """
    key, table = _KEYS[query.sort_by]
    tables = {table, "p"} if query.risk_level is not None else {table}
    found, values = _find(query, thresholds, tables, f"s.id, {key} AS key")
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
    return f"WITH found AS {kept} ({found}) SELECT {json_object(answer)}::text", values


def locate_upcoming(
    query: UpcomingQuery, thresholds: tuple[float, float], session_id: UUID
) -> tuple[str, tuple[Any, ...]]:
    """The statement that gives `before`: how many sessions of all that match come before this one; no row where it is
    none of them. Parameters as of `answer_upcoming`.
    """
    listed, values = _number(query, thresholds)
    statement = f"WITH listed AS ({listed}) SELECT before FROM listed WHERE id = CAST(${len(values) + 1} AS uuid)"
    return statement, (*values, session_id)


def next_unhandled(
    query: UpcomingQuery, thresholds: tuple[float, float], after: UUID | None
) -> tuple[str, tuple[Any, ...]]:
    """The statement that gives the `id` of the session of the list that follows `after` and was not handled.

    After the last one it begins anew; no row where there is none but `after` itself.
    """
    listed, values = _number(query, thresholds, {"h"}, ", h.session_id IS NULL AS unhandled")
    own = f"CAST(${len(values) + 1} AS uuid)"
    return (
        f"""
        WITH listed AS MATERIALIZED ({listed})
        SELECT id FROM listed WHERE unhandled AND id IS DISTINCT FROM {own}
        ORDER BY before < coalesce((SELECT before FROM listed WHERE id = {own}), 0), before LIMIT 1""",
        (*values, after),
    )


def select_probabilities(query: UpcomingQuery, thresholds: tuple[float, float]) -> tuple[str, tuple[Any, ...]]:
    """The statement that gives the `id` and `probability` of all that match, in no order; null where not predicted."""
    return _find(query, thresholds, {"p"}, "s.id, p.probability")


def _number(
    query: UpcomingQuery, thresholds: tuple[float, float], others: Iterable[str] = (), columns: str = ""
) -> tuple[str, tuple[Any, ...]]:
    """SQL of each session's `id` and how many are `before` it, of all that match; `columns` of other tables besides."""
    key, table = _KEYS[query.sort_by]
    tables = {table, *others} | ({"p"} if query.risk_level is not None else set())
    order = f"{key} {query.sort_order} NULLS LAST, s.id"
    return _find(query, thresholds, tables, f"s.id, row_number() OVER (ORDER BY {order}) - 1 AS before{columns}")


def _find(
    query: UpcomingQuery, thresholds: tuple[float, float], tables: Iterable[str], columns: str
) -> tuple[str, tuple[Any, ...]]:
    """SQL of `columns` of all that match, over `tables` of _JOINS, and its parameters."""
    values: list[Any] = [query.days_ahead, query.limit, query.offset, *thresholds]
    where = f"s.status = 'scheduled' AND {_AHEAD.format('s')}"
    if query.tutor_id is not None:
        values.append(query.tutor_id)
        where += f" AND s.tutor_id = ${len(values)}"
    if query.risk_level is not None:
        values.append(query.risk_level)
        where += f" AND {_LEVEL} = ${len(values)}"
    if query.tutor_search:
        values.append(query.tutor_search)
        where += f" AND s.tutor_id IN ({_NAMED.format(f'${len(values)}')})"
    if query.handled is not None:
        where += f" AND h.session_id IS {'NOT NULL' if query.handled else 'NULL'}"
        tables = {*tables, "h"}
    return f"SELECT {columns} FROM sessions s {_join(tables, query.tutor_id is None)} WHERE {where}", tuple(values)


def _join(tables: Iterable[str], at_once: bool) -> str:
    """at_once: that the other side is read as a whole. The planner takes the sessions ahead for far fewer than they are
    and would look up each by itself, which takes three times as long; and to compare texts takes a tenth of the time
    that it takes to see of each whether it is an id.
    """
    known = _JOINS | (_ALL_STUDENTS if at_once else {})
    joins = " ".join(join for name, join in known.items() if name in tables)
    return joins.format(fence="OFFSET 0" if at_once else "", student=STUDENT_KEY)


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
# The id of the student of `s`; null of one who is known by a text only. A cast of u.id instead could use no index.
STUDENT_KEY: Final = (
    "CASE WHEN s.student_id ~ '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' "
    "THEN s.student_id::uuid END"
)
_DETAILS: Final = f"""
    JOIN sessions s ON s.id = page.id
    JOIN tutors t ON t.id = s.tutor_id LEFT JOIN students u ON u.id = {STUDENT_KEY}
    LEFT JOIN session_reschedule_predictions p
        ON p.session_id = s.id AND p.scheduled_time = s.scheduled_time AND p.target = 'reschedule'"""
_KEYS: Final = {  # what to sort by, and whose column it is
    "scheduled_time": ("s.scheduled_time", "s"),
    "reschedule_probability": ("p.probability", "p"),
    "tutor_name": ("t.name", "t"),
    "student_id": ('s.student_id COLLATE "C"', "s"),
    "student_name": ("u.name", "u"),
}
# The collation of names, "C", knows no case but that of ASCII.
_NAMED: Final = """SELECT id FROM tutors WHERE strpos(lower(name COLLATE "default"), lower(CAST({} AS text))) > 0"""
_HANDLED: Final = f"""
    SELECT DISTINCT i.session_id FROM interventions i WHERE i.session_id IS NOT NULL AND {HANDLES}"""
_AHEAD: Final = "{0}.scheduled_time > now() AND {0}.scheduled_time <= now() + CAST($1 AS integer) * interval '24 hours'"
_JOINS: Final = {
    "p": f"""LEFT JOIN (
        SELECT session_id, scheduled_time, probability FROM session_reschedule_predictions a
        WHERE target = 'reschedule' AND {_AHEAD.format("a")} {{fence}}
    ) p ON p.session_id = s.id AND p.scheduled_time = s.scheduled_time""",
    "h": f"LEFT JOIN ({_HANDLED} OFFSET 0) h ON h.session_id = s.id",  # read as a whole: most have nothing
    "t": "JOIN (SELECT id, name FROM tutors {fence}) t ON t.id = s.tutor_id",
    "u": "LEFT JOIN students u ON u.id = {student}",
}
_ALL_STUDENTS: Final = {"u": "LEFT JOIN (SELECT id::text AS id, name FROM students {fence}) u ON u.id = s.student_id"}


def _check_choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise QueryError(f"{name} is {value!r}; it can be {', '.join(allowed)}")
