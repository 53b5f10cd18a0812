"""The tutors of the list as a table that leaves the dashboards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from dashboards.csv_export import CsvTable
from scoring.shrinkage import RatePrior, likely_rates
from scoring.tutor_list import ListedTutor

TUTOR_HEADER: Final = (
    "tutor_id",
    "name",
    "email",
    "active",
    "high_risk",
    *(f"reschedule_rate_{days}d_percent" for days in (7, 30, 90)),
    *(f"sessions_{days}d" for days in (7, 30, 90)),
    "rescheduled_by_tutor_30d",
    "likely_rate_30d_percent",
    "likely_rate_low_percent",
    "likely_rate_high_percent",
    "trend_points",
    "calculated_at_utc",
)
"""Rates in percent 0-100 of the sessions beside them; empty where there was none. likely: as the page shows it, low and
high hold it in 9 of 10 cases. trend: rate of 7 days minus rate of 30 days in percentage points. active, high_risk: yes
or no."""


def tabulate_tutors(tutors: Sequence[ListedTutor], prior: RatePrior | None) -> CsvTable:
    """One row a tutor in this order, columns as TUTOR_HEADER has them."""
    likely = _find_likely(tutors, prior)
    rows = [
        (
            str(tutor.id),
            tutor.name,
            tutor.email,
            _say(tutor.is_active),
            _say(tutor.is_high_risk),
            *map(_round, (tutor.reschedule_rate_7d, tutor.reschedule_rate_30d, tutor.reschedule_rate_90d)),
            *(tutor.total_sessions_7d, tutor.total_sessions_30d, tutor.total_sessions_90d),
            tutor.tutor_reschedules_30d,
            *likely.get(number, (None, None, None)),
            _round(None if tutor.reschedule_trend is None else 100 * tutor.reschedule_trend),
            None if tutor.last_calculated_at is None else f"{tutor.last_calculated_at:%Y-%m-%dT%H:%M:%SZ}",
        )
        for number, tutor in enumerate(tutors)
    ]
    return CsvTable("tutors", TUTOR_HEADER, rows)


def _find_likely(tutors: Sequence[ListedTutor], prior: RatePrior | None) -> dict[int, tuple[float | None, ...]]:
    """Place in the list to the likely rate and its interval, in percent; none without a prior or a session."""
    known = [number for number, tutor in enumerate(tutors) if tutor.total_sessions_30d]
    if prior is None or not known:
        return {}
    rates = likely_rates(
        prior,
        [tutors[number].tutor_reschedules_30d or 0 for number in known],
        [tutors[number].total_sessions_30d or 0 for number in known],
    )
    table = zip(rates.rate, rates.low, rates.high, strict=True)
    return {number: tuple(_round(100 * float(rate)) for rate in row) for number, row in zip(known, table, strict=True)}


def _round(figure: float | None) -> float | None:
    return None if figure is None else round(figure, 2)


def _say(yes: bool) -> str:
    return "yes" if yes else "no"
