"""Any sequence of posts, alone or in batches, against a small model of the rules."""

from __future__ import annotations

import uuid
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from processing.intake import Refusal
from tests.processing.conftest import ANN, BOB, Desk

BOOKED = {"scheduled_time": "2026-03-11T12:00:00Z", "student_id": "somebody"}
NOBODY = uuid.UUID(int=0xDEAD)
_LATER = ["2026-03-11T13:00:00Z", "2026-03-11T14:00:00Z"]


@st.composite
def bodies(draw: st.DrawFn) -> dict[str, Any]:
    told = {
        "session_id": draw(st.sampled_from([1, 2, 3])),
        "tutor_id": str(draw(st.sampled_from([ANN] * 8 + [BOB, NOBODY]))),
        "subject": draw(st.sampled_from(["maths"] * 6 + [None, "physics"])),
        "duration_minutes": draw(st.sampled_from([60] * 6 + [None, 45])),
        "status": draw(st.sampled_from(["scheduled", "scheduled", "completed", "rescheduled", "no_show"])),
        **BOOKED,
    }
    if told["status"] == "completed":
        told["completed_time"] = draw(st.sampled_from([None, *_LATER]))
    if told["status"] == "rescheduled":
        told["reschedule_info"] = {
            "initiator": draw(st.sampled_from(["tutor", "tutor", "student"])),
            "new_time": draw(st.sampled_from([None, *_LATER])),
            "reason": draw(st.sampled_from([None, "ill"])),
        }
    return told


class Model:
    """What is stored, by id, and how many promises were given."""

    def __init__(self) -> None:
        self.stored: dict[int, dict[str, Any]] = {}
        self.promised = 0

    def post(self, batch: list[dict[str, Any]]) -> list[int]:
        return [self._tell(told) for told in batch]

    def _tell(self, told: dict[str, Any]) -> int:
        key, told = told["session_id"], {name: value for name, value in told.items() if name != "session_id"}
        if told["tutor_id"] == str(NOBODY):
            return 404
        if key not in self.stored:
            self.stored[key] = told
            self.promised += 1
            return 202
        stored = self.stored[key]
        outcome = ("status", "completed_time", "reschedule_info")
        if any(told[name] not in (None, stored[name]) for name in told if name not in outcome):
            return 409
        if stored["status"] == "scheduled" != told["status"]:
            self.stored[key] = stored | {name: told[name] for name in outcome if name in told}
            self.promised += 1
            return 202
        return 202 if self._same_outcome(stored, told) else 409

    @staticmethod
    def _same_outcome(stored: dict[str, Any], told: dict[str, Any]) -> bool:
        if told["status"] != stored["status"]:
            return False
        if told["status"] == "completed":
            return told["completed_time"] in (None, stored["completed_time"])
        if told["status"] in ("scheduled", "no_show"):
            return True
        one, other = told["reschedule_info"], stored["reschedule_info"]
        return (
            one["initiator"] == other["initiator"]
            and one["new_time"] == other["new_time"]
            and one["reason"] in (None, other["reason"])
        )


@given(st.lists(st.lists(bodies(), min_size=1, max_size=6), min_size=1, max_size=6))
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_sequence_of_posts(desk: Desk, batches: list[list[dict[str, Any]]]) -> None:
    model, space = Model(), uuid.uuid4()

    def key_of(number: int) -> str:
        return str(uuid.uuid5(space, str(number)))

    for batch in batches:
        answers = desk.tell(*({**told, "session_id": key_of(told["session_id"])} for told in batch))
        statuses = [answer.status if isinstance(answer, Refusal) else 202 for answer in answers]
        assert statuses == model.post(batch)

    keys = {key_of(number): number for number in (1, 2, 3)}
    assert {keys[row["session_id"]]: row for row in read(desk.engine, list(keys))} == {
        number: with_defaults(told, key_of(number)) for number, told in model.stored.items()
    }
    promised = desk.rows(f"SELECT count(*) FROM work_items WHERE session_id::text IN ({quoted(keys)})")
    assert promised == [(model.promised,)]


def with_defaults(told: dict[str, Any], key: str) -> dict[str, Any]:
    info = told.get("reschedule_info")
    return {
        **told,
        "session_id": key,
        "completed_time": told.get("completed_time"),
        "reschedule_info": None if info is None else {**info, "original_time": told["scheduled_time"]},
    }


def read(engine: Engine, keys: list[str]) -> list[dict[str, Any]]:
    """The stored sessions in the form in which they are told."""
    found = Desk(engine).rows(f"""
        SELECT jsonb_build_object('session_id', s.id, 'tutor_id', s.tutor_id, 'subject', s.subject,
            'duration_minutes', s.duration_minutes, 'status', s.status, 'scheduled_time', {iso("s.scheduled_time")},
            'student_id', s.student_id, 'completed_time', {iso("s.completed_time")},
            'reschedule_info', CASE WHEN r.id IS NOT NULL THEN jsonb_build_object('initiator', r.initiator,
                'new_time', {iso("r.new_time")}, 'reason', r.reason, 'original_time', {iso("r.original_time")}) END)
        FROM sessions s LEFT JOIN reschedules r ON r.session_id = s.id WHERE s.id::text IN ({quoted(keys)})
    """)
    return [row for (row,) in found]


def iso(time: str) -> str:
    return f"""to_char({time}, 'YYYY-MM-DD"T"HH24\\:MI\\:SS"Z"')"""


def quoted(keys: Any) -> str:
    return ", ".join(f"'{key}'" for key in keys)
