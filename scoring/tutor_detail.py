"""One tutor as the API answers it: who it is, and the figures of the last scoring."""

from __future__ import annotations

from typing import Final

from features.catalogue_tutor import HIGH_RISK_PERCENT
from records.json_sql import json_columns, json_object
from records.tables.people import PROFILE_COLUMNS
from records.tables.scoring import WINDOWS

_RATES: Final = [f"reschedule_rate_{days}d" for days in WINDOWS]
_COUNTS: Final = [f"{name}_{days}d" for name in ("total_sessions", "tutor_reschedules") for days in WINDOWS]
_OTHERS: Final = ("is_high_risk", "risk_threshold", "last_calculated_at")

_SCORES: Final = json_object(json_columns((*_RATES, *_COUNTS, *_OTHERS), "s"))
# The same figures where there is no score: no session counted, so no rate and no flag.
_STATISTICS: Final = json_object(
    json_columns(_RATES, "s")
    | {name: f"coalesce(s.{name}, 0)" for name in _COUNTS}
    | {
        "is_high_risk": "coalesce(s.is_high_risk, false)",
        "risk_threshold": f"coalesce(s.risk_threshold, {HIGH_RISK_PERCENT})",
        "last_calculated_at": "s.last_calculated_at",
    }
)
_FIGURES: Final = {
    "scores": f"CASE WHEN s.tutor_id IS NOT NULL THEN {_SCORES} END",
    "statistics": _STATISTICS,
}
_IDENTITY: Final = json_columns(("id", "name", "email", "is_active", "created_at"), "t")
_TUTOR: Final = "FROM tutors t LEFT JOIN tutor_scores s ON s.tutor_id = t.id WHERE t.id = "

TUTOR_DETAIL: Final = f"SELECT {json_object(_IDENTITY | _FIGURES)}::text {_TUTOR}$1"
"""Of the tutor $1, active or not; no row where there is none."""


def whole_tutor(parameter: str = "$1") -> str:
    """As TUTOR_DETAIL, with the preferences, of the tutor whose id is bound there."""
    profile = json_columns(PROFILE_COLUMNS["tutors"], "t")
    return f"SELECT {json_object(_IDENTITY | profile | _FIGURES)}::text {_TUTOR}{parameter}"
