"""Drift findings in our own database: written for a day, read back, and what followed from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from typing import Any, Final

from sqlalchemy import Engine, delete, func, literal, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from modelling.drift import OVERALL, Finding
from records.engine import explain_outage
from records.tables import drift_reports

KEY: Final = ("target", "day", "subject")
RETRAINED, HELD_BACK = "retrained", "held back"


def store_findings(
    engine: Engine,
    target: str,
    day: date,
    findings: Sequence[Finding],
    *,
    model_version: str | None = None,
    page: str | None = None,
    new_rows: int | None = None,
    trained_rows: int | None = None,
) -> int:
    """Store what was found of a day; the number of rows that were new or changed.

    findings: with `overall`, whose row also says how many rows are new since the champion was trained, which learned
    from trained_rows. Those of the day that are not made any more go; what followed from the day (`retraining`) stays.
    Raises RecordsError where the database cannot be reached or written.
    """
    common = {"target": target, "day": day, "model_version": model_version, "page": page}
    sizes = {"new_rows": new_rows, "trained_rows": trained_rows}
    of_others = dict.fromkeys(sizes)
    rows = [asdict(one) | common | (sizes if one.subject == OVERALL else of_others) for one in findings]
    new = insert(drift_reports).values(rows)
    names = [name for name in rows[0] if name not in KEY]
    stored = tuple_(*(drift_reports.c[name] for name in names))
    told = tuple_(*(new.excluded[name] for name in names))
    upsert = new.on_conflict_do_update(
        index_elements=KEY,
        set_={name: new.excluded[name] for name in names} | {"updated_at": func.now()},
        where=stored.is_distinct_from(told),
    )
    gone = delete(drift_reports).where(
        drift_reports.c.target == target,
        drift_reports.c.day == day,
        drift_reports.c.subject.not_in([finding.subject for finding in findings]),
    )
    with explain_outage(engine), engine.begin() as connection:
        connection.execute(gone)
        return connection.execute(upsert).rowcount


def store_retraining(engine: Engine, target: str, day: date, retraining: str, reason: str) -> None:
    """Write to the day's overall row what followed: `retrained` or `held back`, and why.

    A retraining that a day has led to stays, whatever holds a later one back.
    """
    with explain_outage(engine), engine.begin() as connection:
        connection.execute(
            update(drift_reports)
            .where(drift_reports.c.target == target, drift_reports.c.day == day, drift_reports.c.subject == OVERALL)
            .where(or_(drift_reports.c.retraining.is_distinct_from(RETRAINED), literal(retraining) == RETRAINED))
            .values(retraining=retraining, retraining_reason=reason, updated_at=func.now())
        )


def read_newest_findings(engine: Engine, target: str) -> list[dict[str, Any]]:
    """As `read_findings` of the newest day that was watched; empty where none was."""
    with engine.connect() as connection:
        newest = connection.scalar(select(func.max(drift_reports.c.day)).where(drift_reports.c.target == target))
    return [] if newest is None else read_findings(engine, target, newest)


def read_findings(engine: Engine, target: str, day: date) -> list[dict[str, Any]]:
    """The stored rows of a day, `overall` first, then drift before all else, furthest beyond its threshold first.

    Empty where the day was not watched.
    """
    query = (
        select(drift_reports)
        .where(drift_reports.c.target == target, drift_reports.c.day == day)
        .order_by(
            drift_reports.c.subject != OVERALL,
            drift_reports.c.verdict != "drift",
            (func.abs(drift_reports.c.statistic) / func.nullif(drift_reports.c.threshold, 0)).desc().nulls_last(),
            drift_reports.c.subject,
        )
    )
    with engine.connect() as connection:
        return [dict(row._mapping) for row in connection.execute(query)]
