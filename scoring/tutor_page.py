"""The list of tutors with their scores, in SQL: which ones, in which order, which part of them, how many.

One text serves the dashboard and, as JSON, the API. A tutor that was never scored is in the list with nulls and counts
as not flagged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final
from uuid import UUID

from records.json_sql import json_columns, json_list, json_object
from scoring.shrinkage import RatePrior
from tqs.errors import QueryError

RISK_STATUSES: Final = ("all", "high_risk", "low_risk")
SORTS: Final = ("reschedule_rate_30d", "total_sessions_30d", "name")
LIKELY: Final = "likely_rate_30d"  # what to sort by besides, where the prior of the rates is given
SORT_ORDERS: Final = ("asc", "desc")
STANDINGS: Final = ("active", "former", "all")
MAX_LIMIT: Final = 1_000
ANSWERED: Final = (
    "id",
    "name",
    "reschedule_rate_30d",
    "reschedule_rate_90d",
    "is_high_risk",
    "total_sessions_30d",
    "tutor_reschedules_30d",
    "last_calculated_at",
)


@dataclass(frozen=True, slots=True)
class Taught:
    """Sessions of `subject` that were scheduled after `since` and not after `until`, whatever became of them."""

    subject: str
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class TutorQuery:
    """The tutors `offset` to `offset + limit` of those asked for.

    Nulls come last in either order, ties are broken by id, names compare by code point. `search` is looked for in
    name and e-mail whatever the case, and means itself: `%` and `_` are letters like any other. With a `prior` they can
    be sorted by the rate of 30 days as it is likely to be (`scoring.shrinkage`). `standing` lists those who were
    removed instead, or as well. `taught` leaves those who had sessions of a subject, `among` those of these ids.

    Raises
    ------
    QueryError
        a value that is not among the allowed ones, a limit outside 1-1,000, a negative offset, or a NUL in `search`.
    """

    OWN: ClassVar = ("id", "name", "email", "is_active")  # columns of the tutor; all others are of the scores

    risk_status: str = "all"
    sort_by: str = "reschedule_rate_30d"
    sort_order: str = "desc"
    search: str = ""
    limit: int = 100
    offset: int = 0
    prior: RatePrior | None = None
    standing: str = "active"
    taught: Taught | None = None
    among: Sequence[UUID] | None = None

    def __post_init__(self) -> None:
        _check_choice("risk_status", self.risk_status, RISK_STATUSES)
        _check_choice("sort_by", self.sort_by, SORTS if self.prior is None else (*SORTS, LIKELY))
        _check_choice("sort_order", self.sort_order, SORT_ORDERS)
        _check_choice("standing", self.standing, STANDINGS)
        if not 1 <= self.limit <= MAX_LIMIT:
            raise QueryError(f"limit is {self.limit}; it can be 1 to {MAX_LIMIT:,}")
        if self.offset < 0:
            raise QueryError(f"offset is {self.offset}; it can be 0 or more")
        if "\0" in self.search:
            raise QueryError("search holds a NUL character, which no name can hold; leave it out")


def answer_tutors(query: TutorQuery) -> tuple[str, tuple[Any, ...]]:
    """The statement that gives the list as JSON with `tutors`, total, limit and offset, and its parameters $1, $2, …"""
    binds = {"limit": "CAST($1 AS bigint)", "offset": "CAST($2 AS bigint)", "search": "$3"}
    fields = {
        "tutors": json_list(json_columns(ANSWERED, "r"), select_tutors(query, ANSWERED).format(**binds)),
        "total": f"({count_tutors(query)})".format(**binds),
        "limit": binds["limit"],
        "offset": binds["offset"],
    }
    values: tuple[Any, ...] = (query.limit, query.offset)
    return f"SELECT {json_object(fields)}::text", (*values, query.search) if query.search else values


def select_tutors(query: TutorQuery, columns: Sequence[str]) -> str:
    """SQL of the page's rows with these columns, in order; {limit}, {offset} and {search} stand for its parameters.

    {prior_reschedules} and {prior_sessions} do where it is sorted by LIKELY; {subject}, {since} and {until} where it is
    filtered by what they taught, and {among} where by who they are.
    """
    filtered = query.search or query.taught or query.among is not None or query.standing != "active"
    page = _sorted_ids(query) if filtered or query.sort_by in ("name", LIKELY) else _walked_ids(query)
    return f"""
        SELECT {_list(columns)} FROM ({page}) page
        JOIN tutors t ON t.id = page.id LEFT JOIN tutor_scores s ON s.tutor_id = t.id
        ORDER BY {_order(query)}"""


def count_tutors(query: TutorQuery) -> str:
    """SQL of how many there are in all; {search} and the others of what it is filtered by stand for its parameters."""
    return f"SELECT count(*) FROM {_TUTORS} WHERE {_match(query)}"


def locate_tutor(query: TutorQuery) -> str:
    """SQL of how many of all that match come before the tutor :id, no row where it is none; {search} as above."""
    return f"""
        SELECT before FROM (
            SELECT t.id, row_number() OVER (ORDER BY {_order(query)}) - 1 AS before
            FROM {_TUTORS} WHERE {_match(query)}
        ) listed WHERE id = :id"""


def select_tutor(columns: Sequence[str], *, former: bool = False) -> str:
    """SQL of the row of one tutor, who may be a `former` one, with these columns; :id stands for its parameter."""
    active = "" if former else "t.is_active AND "
    return f"SELECT {_list(columns)} FROM {_TUTORS} WHERE {active}t.id = :id"


_TUTORS: Final = "tutors t LEFT JOIN tutor_scores s ON s.tutor_id = t.id"
# The posterior mean of `scoring.shrinkage.likely_rates`; null without a session.
_LIKELY_RATE: Final = """(s.tutor_reschedules_30d + CAST({prior_reschedules} AS float8))
            / (nullif(s.total_sessions_30d, 0) + CAST({prior_sessions} AS float8))"""
_NAMES: Final = ('t.name COLLATE "default"', "t.email")  # the collation of names, "C", knows no case but that of ASCII


def _sorted_ids(query: TutorQuery) -> str:
    """By name, whose index holds the active ones; or by whatever where each of them is looked at in any case."""
    return f"""
        SELECT t.id FROM {_TUTORS} WHERE {_match(query)}
        ORDER BY {_order(query)} LIMIT {{limit}} OFFSET {{offset}}"""


def _walked_ids(query: TutorQuery) -> str:
    """Those that have the score, by walking its index, then the others by id: nobody before the page is looked up."""
    key = f"s.{query.sort_by}"
    rated = f"""tutor_scores s WHERE {key} IS NOT NULL{_risk(query)}
            AND s.tutor_id NOT IN (SELECT t.id FROM tutors t WHERE NOT t.is_active)"""
    # Read backwards, the index gives nulls first; there are none here.
    nulls = "LAST" if query.sort_order == "desc" else "FIRST"
    return f"""
        WITH rated AS MATERIALIZED (
            SELECT s.tutor_id AS id FROM {rated}
            ORDER BY {key} {query.sort_order} NULLS {nulls}, s.tutor_id LIMIT {{limit}} OFFSET {{offset}}
        ), others AS MATERIALIZED (
            SELECT t.id FROM {_TUTORS} WHERE t.is_active AND {key} IS NULL{_risk(query)} ORDER BY t.id
            LIMIT {{limit}} - (SELECT count(*) FROM rated)
            OFFSET CASE WHEN (SELECT count(*) FROM rated) < {{limit}}
                THEN greatest({{offset}} - (SELECT count(*) FROM {rated}), 0) END
        )
        SELECT id FROM rated UNION ALL SELECT id FROM others"""


def _order(query: TutorQuery) -> str:
    if query.sort_by == "name":
        return f"t.name {query.sort_order}, t.id"
    if query.sort_by == LIKELY:
        return f"{_LIKELY_RATE} {query.sort_order} NULLS LAST, t.id"
    return f"s.{query.sort_by} {query.sort_order} NULLS LAST, t.id"


def _match(query: TutorQuery) -> str:
    standing = {"active": "t.is_active", "former": "NOT t.is_active", "all": "TRUE"}[query.standing]
    return f"{standing}{_risk(query)}{_search(query)}{_taught(query)}{_among(query)}"


def _taught(query: TutorQuery) -> str:
    if query.taught is None:
        return ""
    return """ AND t.id IN (SELECT tutor_id FROM sessions
            WHERE subject = {subject} AND scheduled_time > {since} AND scheduled_time <= {until})"""


def _among(query: TutorQuery) -> str:
    return "" if query.among is None else " AND t.id = ANY(CAST({among} AS uuid[]))"


def _risk(query: TutorQuery) -> str:
    flag = {"all": "", "high_risk": " AND s.is_high_risk IS TRUE", "low_risk": " AND s.is_high_risk IS NOT TRUE"}
    return flag[query.risk_status]


def _search(query: TutorQuery) -> str:
    found = " OR ".join(f"strpos(lower({name}), lower(CAST({{search}} AS text))) > 0" for name in _NAMES)
    return f" AND ({found})" if query.search else ""


def _list(columns: Sequence[str]) -> str:
    return ", ".join(_column(name) for name in columns)


def _column(name: str) -> str:
    if name == "is_high_risk":
        return "coalesce(s.is_high_risk, false) AS is_high_risk"
    return f"t.{name}" if name in TutorQuery.OWN else f"s.{name}"


def _check_choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise QueryError(f"{name} is {value!r}; it can be {', '.join(allowed)}")
