"""The documented example of each model endpoint. Times are fixed by `as_of`, so they answer on any day."""

from __future__ import annotations

from typing import Any, Final

_STATISTICS: Final = {
    "reschedule_rate_7d": None,
    "reschedule_rate_30d": 25.0,
    "reschedule_rate_90d": 20.0,
    "total_sessions_7d": 0,
    "total_sessions_30d": 8,
    "total_sessions_90d": 20,
    "no_show_rate_90d": 5.0,
}

MATCH: Final[dict[str, Any]] = {
    "records": [
        {
            "student": {
                "age": 15,
                "preferred_pace": 4,
                "preferred_teaching_style": "interactive",
                "communication_style_preference": 3,
                "urgency_level": 4,
                "previous_tutoring_experience": 1,
                "previous_satisfaction": 4,
            },
            "tutor": {
                "age": 25,
                "experience_years": 3,
                "teaching_style": "interactive",
                "preferred_pace": 3,
                "communication_style": 4,
                "confidence_level": 4,
                "statistics": _STATISTICS,
            },
        }
    ],
    "contributions": True,
}

SESSION: Final[dict[str, Any]] = {
    "records": [
        {
            "scheduled_time": "2026-12-03T15:00:00Z",
            "as_of": "2026-12-01T08:00:00Z",
            "booked_at": "2026-11-24T10:00:00Z",
            "duration_minutes": 60,
            "tutor_statistics": _STATISTICS,
        }
    ],
    "contributions": True,
}

TUTOR: Final[dict[str, Any]] = {
    "records": [
        {
            "as_of": "2026-12-01T08:00:00Z",
            "sessions": [
                {"scheduled_time": "2026-11-28T15:00:00Z", "status": "completed", "duration_minutes": 60},
                {"scheduled_time": "2026-11-20T15:00:00Z", "status": "completed", "duration_minutes": 60},
                {"scheduled_time": "2026-11-10T15:00:00Z", "status": "no_show", "duration_minutes": 60},
                {
                    "scheduled_time": "2026-11-12T15:00:00Z",
                    "status": "rescheduled",
                    "initiator": "tutor",
                    "cancelled_at": "2026-11-11T09:00:00Z",
                },
            ],
        }
    ]
}
