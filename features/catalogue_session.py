"""The 24 features of a booked session, in the order of the model's columns; reschedule and no_show share them."""

from __future__ import annotations

from typing import Final

from features.catalogue_tutor import HIGH_RISK, WINDOW_DAYS, tutor_rate, tutor_sessions
from features.feature import Feature, count_feature

_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_TIMES_OF_DAY: Final = ("in the morning", "in the afternoon", "in the evening", "at night")
_IN_90_DAYS: Final = "in the last 90 days"

SESSION_FEATURES: Final = (
    *(tutor_rate(days) for days in WINDOW_DAYS),
    *(tutor_sessions(days) for days in WINDOW_DAYS),
    HIGH_RISK,
    Feature(
        "tutor_reschedule_trend",
        "fraction −1–1",
        "the tutor's reschedule rate of 7 days minus that of 30 days",
        "tutor history",
        "the tutor's reschedule rate of the last 7 days differs by {value:+.0%} from that of the last 30",
        low=-1.0,
        high=1.0,
        phrases={0.0: "the tutor's reschedule rate of the last 7 days is that of the last 30"},
    ),
    Feature(
        "tutor_no_show_rate_90d",
        "fraction 0–1",
        "no-shows, of the tutor's sessions of the last 90 days",
        "tutor history",
        "{value:.0%} of the tutor's sessions of the last 90 days were no-shows",
        high=1.0,
        phrases={0.0: "none of the tutor's sessions of the last 90 days was a no-show"},
    ),
    Feature(
        "day_of_week",
        "0 = Monday … 6",
        "local weekday of the session",
        "time",
        "the session is on day {value:.0f} of the week",
        high=6.0,
        phrases={float(i): f"the session is on a {day}" for i, day in enumerate(_DAYS)},
    ),
    Feature(
        "hour_of_day",
        "hour 0–23",
        "local hour of the start",
        "time",
        "the session starts after {value:02.0f}:00",
        high=23.0,
    ),
    Feature(
        "time_of_day_category",
        "0 morning, 1 afternoon, 2 evening, 3 night",
        "local part of the day: from 5, 12, 17 and 22 o'clock",
        "time",
        "the session is in part {value:.0f} of the day",
        high=3.0,
        phrases={float(i): f"the session is {time}" for i, time in enumerate(_TIMES_OF_DAY)},
    ),
    Feature(
        "is_weekend",
        "0 or 1",
        "1 on a local Saturday or Sunday",
        "time",
        "the session is on a weekend ({value:.0f})",
        high=1.0,
        phrases={0.0: "the session is not on a weekend", 1.0: "the session is on a weekend"},
    ),
    Feature(
        "days_until_session", "days", "time left until the start", "lead time", "the session is {value:.1f} days ahead"
    ),
    Feature(
        "hours_until_session",
        "hours",
        "time left until the start",
        "lead time",
        "the session is {value:.1f} hours ahead",
    ),
    Feature(
        "session_duration_minutes",
        "minutes",
        "booked length of the session",
        "session",
        "the session is booked for {value:.0f} minutes",
        default=60.0,
        unknown="the length of the session is not known",
    ),
    Feature(
        "hours_since_booked",
        "hours, −1 where unknown",
        "time since the booking was made",
        "lead time",
        "the session was booked {value:.1f} hours ago",
        default=-1.0,
        low=-1.0,
        phrases={-1.0: "nobody told when the session was booked"},
    ),
    Feature(
        "student_reschedule_rate_90d",
        "fraction 0–1",
        "sessions rescheduled by anyone, of the student's sessions of the last 90 days",
        "student history",
        "{value:.0%} of the student's sessions of the last 90 days were rescheduled",
        high=1.0,
        phrases={0.0: "none of the student's sessions of the last 90 days was rescheduled"},
    ),
    Feature(
        "student_no_show_rate_90d",
        "fraction 0–1",
        "no-shows, of the student's sessions of the last 90 days",
        "student history",
        "{value:.0%} of the student's sessions of the last 90 days were no-shows",
        high=1.0,
        phrases={0.0: "none of the student's sessions of the last 90 days was a no-show"},
    ),
    count_feature(
        "student_reschedules_90d",
        "the student's sessions of the last 90 days that were rescheduled by anyone",
        "student history",
        subject="the student had",
        noun="rescheduled session",
        when=_IN_90_DAYS,
    ),
    count_feature(
        "student_no_shows_90d",
        "no-shows among the student's sessions of the last 90 days",
        "student history",
        subject="the student had",
        noun="no-show",
        when=_IN_90_DAYS,
    ),
    count_feature(
        "student_total_sessions_90d",
        "the student's sessions of the last 90 days whose outcome is known",
        "student history",
        subject="the student had",
        noun="session",
        when=_IN_90_DAYS,
    ),
    Feature(
        "student_is_known",
        "0 or 1",
        "1 where the student had a session in the last 90 days",
        "student history",
        "the student is known ({value:.0f})",
        high=1.0,
        phrases={
            0.0: f"the student had no session {_IN_90_DAYS}",
            1.0: f"the student had sessions {_IN_90_DAYS}",
        },
    ),
    count_feature(
        "pair_sessions_so_far",
        "sessions of this student with this tutor so far whose outcome is known",
        "pair history",
        subject="the two had",
        noun="session",
        when="together so far",
    ),
)
