"""Scores of tutors whose sessions a caller brings along, by the formulas of the stored scores."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from features.catalogue_tutor import HIGH_RISK_PERCENT
from features.tutor import count_tutor_sessions, tutor_columns
from scoring.extraction import OTHER_YEARS, PastSessions, Refusals, microseconds, untimely
from scoring.forms import Refused, TutorRecord, TutorScore


def score_histories(records: Sequence[TutorRecord], now: datetime) -> tuple[list[TutorScore], dict[int, Refused]]:
    """A score for each record, and the refusals by place (whose scores say nothing)."""
    refusals = Refusals()
    as_of = microseconds([now if record.as_of is None else record.as_of for record in records])
    refusals.add_where(untimely(as_of), "as_of", OTHER_YEARS)
    past = PastSessions()
    for i, record in enumerate(records):
        n = len(record.sessions)
        past.add(i, "sessions", record.sessions, tutor=[i] * n, student=[i] * n)
    counts = count_tutor_sessions(past.read(refusals), np.arange(len(records)), as_of)
    columns = zip(
        records,
        counts.sessions.T.tolist(),
        counts.rescheduled.T.tolist(),
        counts.no_shows[2].tolist(),
        (tutor_columns(counts)["tutor_is_high_risk"] > 0).tolist(),
        strict=True,
    )
    return [_score(record.tutor_id, *row) for record, *row in columns], refusals.found


def _score(tutor_id: str | None, totals: list[int], moved: list[int], no_shows: int, high: bool) -> TutorScore:
    week, month, quarter = (100 * k / n if n else None for k, n in zip(moved, totals, strict=True))
    return TutorScore(
        tutor_id=tutor_id,
        reschedule_rate_7d=week,
        reschedule_rate_30d=month,
        reschedule_rate_90d=quarter,
        total_sessions_7d=totals[0],
        total_sessions_30d=totals[1],
        total_sessions_90d=totals[2],
        tutor_reschedules_7d=moved[0],
        tutor_reschedules_30d=moved[1],
        tutor_reschedules_90d=moved[2],
        no_shows_90d=no_shows,
        no_show_rate_90d=100 * no_shows / totals[2] if totals[2] else None,
        reschedule_trend=moved[0] / totals[0] - moved[1] / totals[1] if totals[0] and totals[1] else None,
        is_high_risk=high,
        risk_threshold=float(HIGH_RISK_PERCENT),
    )
