"""Records as callers of the stateless endpoints have them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from features.catalogue import names_of
from scoring.forms import (
    MatchStudent,
    MatchTutor,
    SessionRecord,
    TutorStatistics,
)
from scoring.session_records import record_features
from tests.scoring.conftest import NOW

FEATURES = names_of("reschedule")


def statistics(**changes: Any) -> TutorStatistics:
    values = {
        "reschedule_rate_7d": None, "reschedule_rate_30d": 25.0, "reschedule_rate_90d": 100 / 3,
        "total_sessions_7d": 0, "total_sessions_30d": 8, "total_sessions_90d": 12,
    }  # fmt: skip
    return TutorStatistics(**values | changes)


def ahead(**changes: Any) -> SessionRecord:
    values = {"scheduled_time": NOW + timedelta(hours=30), "tutor_statistics": statistics()}
    return SessionRecord(**values | changes)


def features_row(record: SessionRecord, timezone: str = "UTC") -> dict[str, float]:
    X, refused = record_features([record], NOW, timezone)
    assert refused == {}
    return dict(zip(FEATURES, X[0].tolist(), strict=True))


MIA = MatchStudent(age=16, preferred_pace=2, preferred_teaching_style="modern", communication_style_preference=5)
ADA = MatchTutor(age=30, preferred_pace=5, teaching_style="flexible", communication_style=3, statistics=statistics())
