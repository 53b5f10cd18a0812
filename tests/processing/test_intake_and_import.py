"""A session told over HTTP and the same one imported: whichever comes first, the second changes nothing."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from processing.agreement import StoredSession
from records.importing import ImportResult, import_files, list_rejects
from tests.processing.conftest import PIA, Desk, body, moved

COMPLETED = body(2, status="completed", completed_time="2026-03-11T13:30:00+01:00", student_id="pia")
MOVED = moved(3, {"new_time": "2026-03-12T09:00:00Z", "reason": "ill", "reason_code": "a"}, student_id=str(PIA).upper())
BARE = body(4, status="no_show", booked_at=None, duration_minutes=None, subject=None)
BLANK = body(5, subject=" ", student_id="CCCCCCCC-0000-4000-8000-00000000000C")
SESSIONS = [body(1), COMPLETED, MOVED, BARE, BLANK]
FACTS = """
    SELECT s.id, s.tutor_id, s.student_id, s.scheduled_time, s.booked_at, s.completed_time, s.duration_minutes,
        s.subject, s.status, s.recorded_at, s.outcome_recorded_at, s.source, s.updated_at, r.initiator,
        r.original_time, r.new_time, r.reason, r.reason_code, r.cancelled_at, r.updated_at
    FROM sessions s LEFT JOIN reschedules r ON r.session_id = s.id ORDER BY s.id"""


def put(desk: Desk, folder: Path, sessions: list[dict[str, Any]]) -> ImportResult:
    """Import the sessions as a file."""
    lines = []
    for session in sessions:
        line = {name: value for name, value in session.items() if name not in ("session_id", "reschedule_info")}
        lines.append({"id": session["session_id"], **line, **session.get("reschedule_info", {})})
    columns = sorted(set().union(*lines))
    path = folder / "sessions.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(lines)
    (result,) = import_files(desk.engine, [path])
    assert not list_rejects(desk.engine)
    return result


def test_told_and_then_imported(desk: Desk, tmp_path: Path) -> None:
    desk.tell(*SESSIONS)
    before = desk.rows(FACTS)
    result = put(desk, tmp_path, SESSIONS)
    assert desk.rows(FACTS) == before
    assert (result.inserted, result.updated, result.unchanged) == (0, 0, len(SESSIONS))


def test_imported_and_then_told(desk: Desk, tmp_path: Path) -> None:
    put(desk, tmp_path, SESSIONS)
    before = desk.everything()
    assert all(isinstance(answer, StoredSession) for answer in desk.tell(*SESSIONS))
    assert desk.everything() == before


def test_an_outcome_told_of_an_imported_session_is_that_of_the_next_import(desk: Desk, tmp_path: Path) -> None:
    booked = [body(number, student_id="pia") for number in (2, 3)]
    put(desk, tmp_path, booked)
    outcomes = [COMPLETED, {**MOVED, "student_id": "pia"}]
    assert all(isinstance(answer, StoredSession) for answer in desk.tell(*outcomes))
    before = desk.rows(FACTS)
    result = put(desk, tmp_path, outcomes)
    assert (desk.rows(FACTS), result.unchanged) == (before, 2)
    assert put(desk, tmp_path, booked).unchanged == 2
    assert (
        desk.rows("SELECT recorded_at, outcome_recorded_at > created_at, source FROM sessions")
        == [(None, True, "import")] * 2
    )


def test_a_world_is_not_a_worlds_own_once_something_was_told_of_it(desk: Desk) -> None:
    """Another world would write over what was told."""
    desk.tell(body(1), body(2))
    desk.execute("UPDATE sessions SET source = 'world'")
    desk.tell(body(1), body(2, status="no_show"))
    assert desk.rows("SELECT source FROM sessions ORDER BY id") == [("world",), ("api",)]
