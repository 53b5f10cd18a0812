"""Sessions to post: endless, each one new, as a company's own system would tell them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import Any
from uuid import uuid4

from benchmarks._load import Request


def post_sessions(tutors: Sequence[str], students: Sequence[str], path: str = "/api/sessions") -> Iterator[Request]:
    """Each with a session of its own."""
    for session in make_sessions(tutors, students):
        yield Request(path, "POST", json.dumps(session).encode())


def make_sessions(tutors: Sequence[str], students: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Completed sessions of the last month."""
    now = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    for number, (tutor, student) in enumerate(zip(cycle(tutors), cycle(students), strict=True)):
        scheduled = now - timedelta(hours=2 + number % 700)
        yield {
            "session_id": str(uuid4()),
            "tutor_id": tutor,
            "student_id": student,
            "scheduled_time": scheduled.isoformat(),
            "status": "completed",
            "booked_at": (scheduled - timedelta(days=5)).isoformat(),
            "completed_time": (scheduled + timedelta(hours=1)).isoformat(),
            "duration_minutes": 60,
            "subject": "Algebra",
        }
