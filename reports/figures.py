"""A tutor's figures as a report tells them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final, Self

from records.tables.scoring import WINDOWS


@dataclass(frozen=True, slots=True)
class Window:
    """The sessions of the last `days` days, those that the tutor rescheduled, and the rate in percent or None."""

    days: int
    sessions: int
    rescheduled: int
    rate: float | None


@dataclass(frozen=True, slots=True)
class TutorFigures:
    """A row of `tutor_scores`. Rates are percentages 0-100, None where the window holds no session."""

    reschedule_rate_7d: float | None
    reschedule_rate_30d: float | None
    reschedule_rate_90d: float | None
    total_sessions_7d: int
    total_sessions_30d: int
    total_sessions_90d: int
    tutor_reschedules_7d: int
    tutor_reschedules_30d: int
    tutor_reschedules_90d: int
    no_shows_90d: int
    is_high_risk: bool
    risk_threshold: float

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """Of what `to_json` gave, or of any mapping that has the columns of `tutor_scores`."""
        return cls(**{name: values[name] for name in FIGURES})

    def to_json(self) -> dict[str, Any]:
        """As it is kept with a mail."""
        return {name: getattr(self, name) for name in FIGURES}

    def window(self, days: int) -> Window:
        """Of 7, 30 or 90 days."""
        return Window(
            days,
            getattr(self, f"total_sessions_{days}d"),
            getattr(self, f"tutor_reschedules_{days}d"),
            getattr(self, f"reschedule_rate_{days}d"),
        )

    @property
    def windows(self) -> list[Window]:
        """The shortest first."""
        return [self.window(days) for days in WINDOWS]


FIGURES: Final = tuple(one.name for one in fields(TutorFigures))
"""The columns of `tutor_scores` that reports tell."""
