"""Sessions that the tests of the running service tell, and what has become of them in its database."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import text

from tests.bentos.conftest import Service

FIELDS = {
    "id", "tutor_id", "student_id", "scheduled_time", "booked_at", "completed_time", "duration_minutes", "subject",
    "status", "created_at", "updated_at",
}  # fmt: skip


@contextmanager
def busy_tutor(service: Service) -> Iterator[str]:
    """A tutor; what is promised about the tutor's sessions is taken back, for other tests look at the queue too."""
    tutor = str(uuid.uuid4())
    with service.engine.begin() as connection:
        connection.execute(text("INSERT INTO tutors (id, name, source) VALUES (:id, 'Ann', 'import')"), {"id": tutor})
    yield tutor
    with service.engine.begin() as connection:
        connection.execute(
            text("DELETE FROM work_items w USING sessions s WHERE s.id = w.session_id AND s.tutor_id = :tutor"),
            {"tutor": tutor},
        )


def told(tutor: str, **changes: Any) -> dict[str, Any]:
    return {
        "session_id": str(uuid.uuid4()), "tutor_id": tutor, "student_id": "somebody", "status": "scheduled",
        "scheduled_time": "2026-03-11T12:00:00+01:00", "duration_minutes": 60, "subject": "maths", **changes,
    }  # fmt: skip


def moved(tutor: str, **changes: Any) -> dict[str, Any]:
    info = {
        "initiator": "tutor", "original_time": "2026-03-11T11:00:00Z", "new_time": None, "reason": "ill",
        "reason_code": "illness", "cancelled_at": "2026-03-10T11:00:00Z",
    }  # fmt: skip
    return told(tutor, status="rescheduled", reschedule_info=info, **changes)


def rows(service: Service, query: str, **parameters: Any) -> list[Any]:
    with service.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query), parameters)]


def promises(service: Service, *ids: str) -> int:
    query = "SELECT count(*) FROM work_items WHERE session_id = ANY(CAST(:ids AS uuid[]))"
    return int(rows(service, query, ids=list(ids))[0][0])
