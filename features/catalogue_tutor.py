"""Features of a tutor's recent sessions that several targets share."""

from __future__ import annotations

from typing import Final

from features.feature import Feature, count_feature

WINDOW_DAYS: Final = (7, 30, 90)
HIGH_RISK_PERCENT: Final = 15
"""A tutor is high risk where the reschedule rate of 30 days lies above so many percent."""


def tutor_rate(days: int) -> Feature:
    """The share of sessions that the tutor rescheduled, of a window of so many days."""
    return Feature(
        f"tutor_reschedule_rate_{days}d",
        "fraction 0–1",
        f"sessions that the tutor rescheduled, of the tutor's sessions of the last {days} days",
        "tutor history",
        f"the tutor rescheduled {{value:.0%}} of the sessions of the last {days} days",
        high=1.0,
        phrases={0.0: f"the tutor rescheduled no session in the last {days} days"},
    )


def tutor_sessions(days: int) -> Feature:
    """The number of sessions of the tutor in a window of so many days."""
    return count_feature(
        f"tutor_total_sessions_{days}d",
        f"the tutor's sessions of the last {days} days whose outcome is known",
        "tutor history",
        subject="the tutor had",
        noun="session",
        when=f"in the last {days} days",
    )


HIGH_RISK = Feature(
    "tutor_is_high_risk",
    "0 or 1",
    "1 where the tutor's reschedule rate of 30 days is above 15 %",
    "tutor history",
    "the tutor is flagged as high risk ({value:.0f})",
    high=1.0,
    phrases={
        0.0: "the tutor rescheduled at most 15% of the sessions of the last 30 days",
        1.0: "the tutor rescheduled more than 15% of the sessions of the last 30 days",
    },
)
