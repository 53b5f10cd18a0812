"""What a second file changes, column by column and version by version."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from records.importing import ImportResult, import_files, list_rejects

HEAD = "id,tutor_id,student_id,scheduled_time,status"


@pytest.fixture
def put(engine: Engine, tmp_path: Path):
    """Import the text as a file of that kind."""

    def put(kind: str, content: str) -> ImportResult:
        path = tmp_path / f"{kind}.csv"
        path.write_text(content)
        return import_files(engine, [path])[0]

    put("tutors", "id,name\nann,Ann\nbob,Bob\n")
    return put


def rows(engine: Engine, query: str) -> list:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def what(result: ImportResult) -> tuple[int, int, int, int]:
    return (result.inserted, result.updated, result.unchanged, result.rejected)


def at(day: int, hour: int = 0) -> dt.datetime:
    return dt.datetime(2026, 1, day, hour, tzinfo=dt.UTC)


ALWAYS = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def test_an_outcome_is_recorded_on_a_scheduled_session(engine: Engine, put) -> None:
    put("sessions", f"{HEAD}\ns1,ann,p,2026-01-05,scheduled\ns2,ann,p,2026-01-06,scheduled\n")
    result = put(
        "sessions",
        f"{HEAD},completed_time,initiator,cancelled_at\n"
        "s1,ann,p,2026-01-05,completed,2026-01-05 01:00,,\ns2,ann,p,2026-01-06,rescheduled,,student,2026-01-02\n",
    )
    assert what(result) == (0, 2, 0, 0)
    assert rows(engine, "SELECT status, completed_time FROM sessions ORDER BY scheduled_time") == [
        ("completed", at(5, 1)),
        ("rescheduled", None),
    ]
    assert rows(engine, "SELECT initiator, original_time, cancelled_at FROM reschedules") == [("student", at(6), at(2))]


def test_an_older_file_does_not_take_an_outcome_back(engine: Engine, put) -> None:
    old = f"{HEAD},completed_time\ns1,ann,p,2026-01-05,scheduled,\ns2,ann,p,2026-01-06,scheduled,\n"
    new = f"{HEAD},initiator\ns1,ann,p,2026-01-05,no_show,\ns2,ann,p,2026-01-06,rescheduled,tutor\n"
    put("sessions", old)
    put("sessions", new)
    assert what(put("sessions", old)) == (0, 0, 2, 0)
    assert rows(engine, "SELECT status FROM sessions ORDER BY 1") == [("no_show",), ("rescheduled",)]
    assert rows(engine, "SELECT count(*) FROM reschedules") == [(1,)]


def test_an_outcome_may_be_corrected(engine: Engine, put) -> None:
    put("sessions", f"{HEAD},initiator,completed_time\ns1,ann,p,2026-01-05,rescheduled,tutor,\n")
    assert what(put("sessions", f"{HEAD},completed_time\ns1,ann,p,2026-01-05,completed,2026-01-05 02:00\n")) == (
        0,
        1,
        0,
        0,
    )
    assert rows(engine, "SELECT count(*) FROM reschedules") == [(0,)]
    assert what(put("sessions", f"{HEAD}\ns1,ann,p,2026-01-05,no_show\n")) == (0, 1, 0, 0)
    assert rows(engine, "SELECT status, completed_time FROM sessions") == [("no_show", None)]


def test_a_change_of_the_reschedule_alone_is_an_update(engine: Engine, put) -> None:
    put("sessions", f"{HEAD},initiator,reason\ns1,ann,p,2026-01-05,rescheduled,tutor,ill\n")
    assert what(put("sessions", f"{HEAD},initiator,reason\ns1,ann,p,2026-01-05,rescheduled,tutor,late\n")) == (
        0,
        1,
        0,
        0,
    )
    assert what(put("sessions", f"{HEAD},initiator,reason\ns1,ann,p,2026-01-05,rescheduled,tutor,late\n")) == (
        0,
        0,
        1,
        0,
    )
    assert rows(engine, "SELECT reason FROM reschedules") == [("late",)]


def test_columns_that_a_file_lacks_keep_their_values_and_empty_ones_do_not(engine: Engine, put) -> None:
    put("sessions", f"{HEAD},subject,duration_minutes\ns1,ann,p,2026-01-05,scheduled,maths,45\n")
    assert what(put("sessions", f"{HEAD},subject\ns1,bob,p,2026-01-05,scheduled,\n")) == (0, 1, 0, 0)
    query = "SELECT t.name, s.subject, s.duration_minutes FROM sessions s JOIN tutors t ON t.id = s.tutor_id"
    assert rows(engine, query) == [("Bob", None, 45)]


def test_a_new_time_that_contradicts_a_known_one_is_rejected(engine: Engine, put) -> None:
    put(
        "sessions",
        f"{HEAD},booked_at,completed_time\ns1,ann,p,2026-01-05,completed,2026-01-03,2026-01-05\n"
        "s2,ann,p,2026-01-05,completed,2026-01-03,2026-01-05\n",
    )
    again = f"{HEAD}\ns1,ann,p,2026-01-01,completed\ns2,ann,p,2026-01-09,completed\ns3,ann,p,2026-01-09,completed\n"
    assert what(put("sessions", again)) == (1, 0, 0, 2)
    assert [(r.line, r.reason.split("  ")[0][:40]) for r in list_rejects(engine)] == [
        (2, "scheduled_time is before the known booke"),
        (3, "scheduled_time is after the known comple"),
    ]


def test_what_the_service_was_told_stays_known_when_it_was_told(engine: Engine, put) -> None:
    put("sessions", f"{HEAD}\ns1,ann,p,2026-01-05,scheduled\n")
    with engine.begin() as connection:
        connection.execute(text("UPDATE sessions SET source = 'api', recorded_at = '2026-01-02'"))
    assert what(put("sessions", f"{HEAD}\ns1,ann,p,2026-01-05,completed\n")) == (0, 1, 0, 0)
    assert rows(engine, "SELECT recorded_at, outcome_recorded_at, source FROM sessions") == [(at(2), None, "import")]


def test_a_first_profile_without_a_date_was_always_valid(engine: Engine, put) -> None:
    assert what(put("students", "id,name,age,urgency_level\npia,Pia,12,3\n")) == (1, 0, 0, 0)
    query = "SELECT valid_from, recorded_at, age, urgency_level FROM student_profiles"
    assert rows(engine, query) == [(ALWAYS, None, 12, 3)]


def test_a_changed_profile_without_a_date_is_a_version_from_now_on(engine: Engine, put) -> None:
    put("students", "id,name,age,urgency_level\npia,Pia,12,3\n")
    assert what(put("students", "id,name,age\npia,Pia,13\n")) == (0, 1, 0, 0)
    assert what(put("students", "id,name,age\npia,Pia,13\n")) == (0, 0, 1, 0)
    versions = rows(
        engine,
        "SELECT v.age, v.urgency_level, v.recorded_at, v.valid_from >= i.imported_at FROM student_profiles v, "
        "(SELECT imported_at FROM imports WHERE updated = 1 AND kind = 'students') i ORDER BY v.valid_from",
    )
    assert versions == [(12, 3, None, False), (13, 3, None, True)]
    assert rows(engine, "SELECT age, urgency_level FROM students") == [(13, 3)]


def test_a_name_alone_makes_no_version(engine: Engine, put) -> None:
    assert what(put("tutors", "id,name\nann,Anna\nbob,Bob\n")) == (0, 1, 1, 0)
    assert rows(engine, "SELECT name FROM tutors ORDER BY 1") == [("Anna",), ("Bob",)]
    assert rows(engine, "SELECT count(*) FROM tutor_profiles") == [(2,)]


def test_dated_versions_are_kept_apart_and_the_newest_shows(engine: Engine, put) -> None:
    content = (
        "id,name,age,valid_from\npia,Pia,11,\npia,Pia B,12,2025-06-01\npia,Pia,10,2024-06-01\npia,Pia C,20,2090-01-01\n"
    )
    assert what(put("students", content)) == (4, 0, 0, 0)
    assert what(put("students", content)) == (0, 0, 4, 0)
    assert rows(engine, "SELECT age FROM student_profiles ORDER BY valid_from") == [(11,), (10,), (12,), (20,)]
    assert rows(engine, "SELECT name, age FROM students") == [("Pia B", 12)]  # the one of 2090 is not valid yet


def test_a_dated_version_may_be_corrected(engine: Engine, put) -> None:
    put("students", "id,name,age,valid_from\npia,Pia,12,2025-06-01\npia,Pia,13,2025-09-01\n")
    assert what(put("students", "id,name,age,valid_from\npia,Pia,11,2025-06-01\n")) == (0, 1, 0, 0)
    assert rows(engine, "SELECT age FROM student_profiles ORDER BY valid_from") == [(11,), (13,)]
    assert rows(engine, "SELECT age FROM students") == [(13,)]
