"""Tutors with their scores, as the API and the dashboards show them: a page of the list, and the sum of it.

Filtering, sorting and paging happen in SQL. A tutor that was never scored is in the list with nulls and counts as not
flagged; one that was removed (`is_active` false) is not in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Engine, Select, and_, func, or_, select

from records.tables import tutor_scores, tutors
from tqs.errors import QueryError

RISK_STATUSES: Final = ("all", "high_risk", "low_risk")
SORTS: Final = ("reschedule_rate_30d", "total_sessions_30d", "name")
SORT_ORDERS: Final = ("asc", "desc")
MAX_LIMIT: Final = 1_000


@dataclass(frozen=True, slots=True)
class ListedTutor:
    """One line of the list: rates in percent 0-100, trend a difference of fractions, None where not known."""

    id: UUID
    name: str
    email: str | None
    reschedule_rate_7d: float | None
    reschedule_rate_30d: float | None
    reschedule_rate_90d: float | None
    total_sessions_7d: int | None
    total_sessions_30d: int | None
    total_sessions_90d: int | None
    tutor_reschedules_30d: int | None
    reschedule_trend: float | None
    is_high_risk: bool
    last_calculated_at: datetime | None


@dataclass(frozen=True, slots=True)
class TutorPage:
    """The tutors `offset` to `offset + limit` of all `total` that match."""

    tutors: list[ListedTutor]
    total: int


@dataclass(frozen=True, slots=True)
class TutorSummary:
    """All active tutors in figures.

    `rate_counts[i]` tutors have a 30-day rate in (i, i + 1] percent, those of rate 0 being in the first: so a bin lies
    wholly on one side of a threshold that is exceeded. The rates and the time are None where nothing is scored.
    """

    tutors: int
    scored: int
    high_risk: int
    sessions_30d: int
    tutor_reschedules_30d: int
    reschedule_rate_30d: float | None
    reschedule_rate_90d: float | None
    last_calculated_at: datetime | None
    rate_counts: list[int]


def list_tutors(
    engine: Engine,
    *,
    risk_status: str = "all",
    sort_by: str = "reschedule_rate_30d",
    sort_order: str = "desc",
    search: str = "",
    limit: int = 100,
    offset: int = 0,
) -> TutorPage:
    """A page of the active tutors with their scores.

    Nulls come last in either order, ties are broken by id, names compare by code point. `search` is looked for in
    name and e-mail whatever the case, and means itself: `%` and `_` are letters like any other.

    Raises
    ------
    QueryError
        a value that is not among the allowed ones, a limit outside 1-1,000, a negative offset, or a NUL in `search`.
    """
    _check_choice("risk_status", risk_status, RISK_STATUSES)
    _check_choice("sort_by", sort_by, SORTS)
    _check_choice("sort_order", sort_order, SORT_ORDERS)
    _check_range(limit, offset)
    wanted = and_(tutors.c.is_active, _risk(risk_status), _matches(search))
    column = tutors.c.name if sort_by == "name" else tutor_scores.c[sort_by]
    order = column.asc() if sort_order == "asc" else column.desc()
    page = _listed(wanted).order_by(order.nulls_last(), tutors.c.id).limit(limit).offset(offset)
    count = select(func.count()).select_from(_with_scores()).where(wanted)
    with engine.connect().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True) as connection:
        rows = connection.execute(page).all()
        return TutorPage([ListedTutor(**row._mapping) for row in rows], connection.scalars(count).one())


def find_tutor(engine: Engine, tutor_id: UUID) -> ListedTutor | None:
    """The line of one active tutor; None where there is none of that id."""
    with engine.connect() as connection:
        row = connection.execute(_listed(and_(tutors.c.is_active, tutors.c.id == tutor_id))).one_or_none()
    return None if row is None else ListedTutor(**row._mapping)


def summarise_tutors(engine: Engine) -> TutorSummary:
    """All active tutors in figures; rates are of the sessions of all of them together, not means of their rates."""
    scores = tutor_scores.c
    totals = (
        select(
            func.count().label("tutors"),
            func.count(scores.tutor_id).label("scored"),
            func.count().filter(scores.is_high_risk).label("high_risk"),
            *(func.coalesce(func.sum(scores[name]), 0).label(name) for name in _SUMMED),
            func.max(scores.last_calculated_at).label("last_calculated_at"),
        )
        .select_from(_with_scores())
        .where(tutors.c.is_active)
    )
    percent = func.greatest(func.ceil(scores.reschedule_rate_30d), 1) - 1
    histogram = (
        select(percent, func.count())
        .select_from(_with_scores())
        .where(tutors.c.is_active, scores.reschedule_rate_30d.is_not(None))
        .group_by(percent)
    )
    with engine.connect().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True) as connection:
        row = connection.execute(totals).one()._mapping
        counts = {int(low): count for low, count in connection.execute(histogram)}
    return TutorSummary(
        tutors=row["tutors"],
        scored=row["scored"],
        high_risk=row["high_risk"],
        sessions_30d=row["total_sessions_30d"],
        tutor_reschedules_30d=row["tutor_reschedules_30d"],
        reschedule_rate_30d=_percentage(row["tutor_reschedules_30d"], row["total_sessions_30d"]),
        reschedule_rate_90d=_percentage(row["tutor_reschedules_90d"], row["total_sessions_90d"]),
        last_calculated_at=row["last_calculated_at"],
        rate_counts=[counts.get(low, 0) for low in range(100)],
    )


_SUMMED: Final = ("total_sessions_30d", "tutor_reschedules_30d", "total_sessions_90d", "tutor_reschedules_90d")


def _listed(wanted: ColumnElement[bool]) -> Select[Any]:
    scores = tutor_scores.c
    return (
        select(
            tutors.c.id,
            tutors.c.name,
            tutors.c.email,
            scores.reschedule_rate_7d,
            scores.reschedule_rate_30d,
            scores.reschedule_rate_90d,
            scores.total_sessions_7d,
            scores.total_sessions_30d,
            scores.total_sessions_90d,
            scores.tutor_reschedules_30d,
            scores.reschedule_trend,
            _flagged().label("is_high_risk"),
            scores.last_calculated_at,
        )
        .select_from(_with_scores())
        .where(wanted)
    )


def _with_scores() -> Any:
    return tutors.outerjoin(tutor_scores, tutor_scores.c.tutor_id == tutors.c.id)


def _flagged() -> ColumnElement[bool]:
    return func.coalesce(tutor_scores.c.is_high_risk, False)


def _risk(risk_status: str) -> ColumnElement[bool]:
    return {"all": and_(True), "high_risk": _flagged(), "low_risk": ~_flagged()}[risk_status]


def _matches(search: str) -> ColumnElement[bool]:
    if not search:
        return and_(True)
    if "\0" in search:
        raise QueryError("search holds a NUL character, which no name can hold; leave it out")
    # Names are kept in the collation "C", whose upper and lower case are those of ASCII only.
    columns = (tutors.c.name.collate("default"), tutors.c.email)
    return or_(*(column.icontains(search, autoescape=True) for column in columns))


def _check_choice(name: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise QueryError(f"{name} is {value!r}; it can be {', '.join(allowed)}")


def _check_range(limit: int, offset: int) -> None:
    if not 1 <= limit <= MAX_LIMIT:
        raise QueryError(f"limit is {limit}; it can be 1 to {MAX_LIMIT:,}")
    if offset < 0:
        raise QueryError(f"offset is {offset}; it can be 0 or more")


def _percentage(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None
