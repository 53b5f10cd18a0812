"""Tutors with their scores, as the dashboards show them: a page of the list, one line of it, and the sum of it.

A tutor that was never scored is in the list with nulls and counts as not flagged; one that was removed (`is_active`
false) is in it where that is asked for.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Engine, func, select, text

from records.tables import tutor_scores, tutors
from scoring.tutor_page import TutorQuery, count_tutors, locate_tutor, select_tutor, select_tutors

MOST_SUBJECTS: Final = 500


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
    is_active: bool = True


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


def list_tutors(engine: Engine, query: TutorQuery) -> TutorPage:
    """The page of the tutors that is asked for, with their scores."""
    page, count = (text(sql.format(**_BINDS)) for sql in (select_tutors(query, _COLUMNS), count_tutors(query)))
    values = {"limit": query.limit, "offset": query.offset, **_values(query)}
    with engine.connect().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True) as connection:
        rows = connection.execute(page, values).all()
        total = connection.execute(count, values).scalar_one()
    return TutorPage([ListedTutor(**row._mapping) for row in rows], total)


def find_tutor(engine: Engine, tutor_id: UUID, *, former: bool = False) -> ListedTutor | None:
    """The line of one tutor, who may be a `former` one; None where there is none of that id."""
    with engine.connect() as connection:
        row = connection.execute(text(select_tutor(_COLUMNS, former=former)), {"id": tutor_id}).one_or_none()
    return None if row is None else ListedTutor(**row._mapping)


def find_place(engine: Engine, query: TutorQuery, tutor_id: UUID) -> int | None:
    """How many tutors come before this one among all that match, whatever the limit; None where it does not match."""
    place = text(locate_tutor(query).format(**_BINDS))
    with engine.connect() as connection:
        before: int | None = connection.scalar(place, {"id": tutor_id, **_values(query)})
    return before


def read_tutors(engine: Engine, query: TutorQuery) -> list[ListedTutor]:
    """All tutors that match, in order, whatever the limit and the offset."""
    statement = text(select_tutors(query, _COLUMNS).format(**_BINDS | {"limit": "NULL", "offset": "0"}))
    with engine.connect() as connection:
        rows = connection.execute(statement, _values(query)).all()
    return [ListedTutor(**row._mapping) for row in rows]


def list_subjects(engine: Engine) -> list[str]:
    """The subjects that sessions were ever booked in, by code point; the first MOST_SUBJECTS of them.

    However many sessions there are, an index is asked once a subject.
    """
    with engine.connect() as connection:
        return list(connection.scalars(_SUBJECTS, {"limit": MOST_SUBJECTS}))


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


_COLUMNS: Final = tuple(field.name for field in fields(ListedTutor))
_BINDS: Final = {
    name: f":{name}"
    for name in (
        *("limit", "offset", "search", "prior_reschedules", "prior_sessions"),
        *("subject", "since", "until", "among"),
    )
}
_SUBJECTS: Final = text(
    """
    WITH RECURSIVE known AS (
        (SELECT subject FROM sessions WHERE subject IS NOT NULL ORDER BY subject LIMIT 1)
        UNION ALL
        SELECT (SELECT subject FROM sessions WHERE subject > known.subject ORDER BY subject LIMIT 1)
        FROM known WHERE known.subject IS NOT NULL
    )
    SELECT subject FROM known WHERE subject IS NOT NULL LIMIT :limit
    """
)
_SUMMED: Final = ("total_sessions_30d", "tutor_reschedules_30d", "total_sessions_90d", "tutor_reschedules_90d")


def _values(query: TutorQuery) -> dict[str, Any]:
    values: dict[str, Any] = {"search": query.search}
    if query.prior is not None:
        values |= {"prior_reschedules": query.prior.reschedules, "prior_sessions": query.prior.sessions}
    if query.taught is not None:
        values |= asdict(query.taught)
    if query.among is not None:
        values["among"] = list(map(str, query.among))
    return values


def _with_scores() -> Any:
    return tutors.outerjoin(tutor_scores, tutor_scores.c.tutor_id == tutors.c.id)


def _percentage(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None
