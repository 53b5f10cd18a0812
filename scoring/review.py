"""How things have gone lately: flags that changed, the trend of the rates, and what reminders are worth."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from scoring.flag_changes import FlagChanges, read_flag_changes
from scoring.rate_trend import RateTrend, read_rate_trend
from scoring.reminder_report import ReminderReport, report_reminders


@dataclass(frozen=True, slots=True)
class Review:
    """As of one moment."""

    flags: FlagChanges
    trend: RateTrend
    reminders: ReminderReport


def read_review(engine: Engine, now: datetime) -> Review:
    """Read all of it: a second at a million sessions, so not while somebody waits."""
    return Review(read_flag_changes(engine, now), read_rate_trend(engine, now), report_reminders(engine, now))
