"""What happened to one tutor besides sessions: the flag of high risk raised or lifted, and the profile changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from itertools import pairwise
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Engine, text

from records.tables.people import PROFILE_COLUMNS

TOLD: Final = tuple(name for name in PROFILE_COLUMNS["tutors"] if name != "sex")


@dataclass(frozen=True, slots=True)
class TutorFlagChange:
    """The flag as the last scores of `day` (UTC) have it, where those of the day before them in the history differ.

    rate: the 30-day rate of that day in percent; None without a session.
    """

    day: date
    raised: bool
    rate: float | None


@dataclass(frozen=True, slots=True)
class ProfileChange:
    """A new version of the profile: what was and what is, by column; of sex nothing is told."""

    moment: datetime
    changes: dict[str, tuple[Any, Any]]


def list_flag_changes(engine: Engine, tutor_id: UUID, since: datetime) -> list[TutorFlagChange]:
    """The days from `since` on at which the flag changed, the first one first."""
    with engine.connect() as connection:
        rows = connection.execute(_FLAGS, {"tutor": tutor_id, "since": since}).all()
    return [TutorFlagChange(**row._mapping) for row in rows]


def list_profile_changes(engine: Engine, tutor_id: UUID, since: datetime) -> list[ProfileChange]:
    """The versions valid from a moment after `since` that differ from those before them, the first one first."""
    with engine.connect() as connection:
        versions = connection.execute(_VERSIONS, {"tutor": tutor_id}).mappings().all()
    found = [
        ProfileChange(new["valid_from"], {name: (old[name], new[name]) for name in TOLD if old[name] != new[name]})
        for old, new in pairwise(versions)
    ]
    return [one for one in found if one.changes and one.moment > since]


_FLAGS: Final = text(
    """
    SELECT day, is_high_risk AS raised, reschedule_rate_30d AS rate
    FROM (
        SELECT day, is_high_risk, reschedule_rate_30d, lag(is_high_risk) OVER (ORDER BY day) AS before
        FROM tutor_score_history WHERE tutor_id = :tutor
    ) history
    WHERE is_high_risk <> before AND day >= (CAST(:since AS timestamptz) AT TIME ZONE 'UTC')::date
    ORDER BY day
    """
)
_VERSIONS: Final = text(
    f"SELECT valid_from, {', '.join(TOLD)} FROM tutor_profiles WHERE tutor_id = :tutor ORDER BY valid_from"
)
