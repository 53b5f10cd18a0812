from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import Engine

from scoring.match_people import (
    find_current_tutor,
    find_lesson,
    find_students,
    find_tutors,
    list_students,
    search_tutors,
)
from scoring.pair_people import read_clock
from scoring.tutors import score_tutors
from tests.scoring.conftest import Records, uid
from tqs.errors import QueryError


def rename(records: Records, table: str, number: int, name: str) -> None:
    key = uid(table.removesuffix("s"), number)
    records.execute(f"UPDATE {table} SET name = '{name}' WHERE id = '{key}'")


def test_students_by_name_in_pages(engine: Engine, records: Records) -> None:
    for number, name in enumerate(("Zoe", "Ánna", "anna b", "50%% Off", "Anna")):
        records.student(number, age=10 + number, preferred_pace=2, preferred_teaching_style="modern")
        rename(records, "students", number, name)

    page = list_students(engine, limit=2, offset=1)
    assert ([one.name for one in page.students], page.total) == (["Anna", "Zoe"], 5)  # names compare by code point
    assert (page.students[1].age, page.students[1].preferred_pace) == (10, 2)
    assert (page.students[1].preferred_teaching_style, page.students[1].urgency_level) == ("modern", None)
    found = list_students(engine, "ANNA")
    assert ([one.name for one in found.students], found.total) == (["Anna", "anna b"], 2)
    assert [one.name for one in list_students(engine, "%").students] == ["50% Off"]
    assert [one.name for one in list_students(engine, "án").students] == ["Ánna"]
    assert list_students(engine, "nobody\0").total == 0
    for limit, offset in ((0, 0), (501, 0), (1, -1)):
        with pytest.raises(QueryError, match=r"^(limit|offset) is "):
            list_students(engine, limit=limit, offset=offset)


def test_students_without_a_session_ahead(engine: Engine, records: Records) -> None:
    now = datetime.now(UTC)
    tutor = records.tutor(1)
    ahead, over, moved, never = (records.student(number) for number in range(4))
    records.session(tutor, now + timedelta(days=3), "scheduled", student=ahead, booked_at=now)
    records.session(tutor, now - timedelta(days=3), "completed", student=over)
    records.session(tutor, now + timedelta(days=3), "rescheduled", student=moved, booked_at=now, cancelled_at=now)
    records.session(tutor, now - timedelta(hours=1), "scheduled", student=over)

    page = list_students(engine, only_unmatched=True)
    assert ({one.id for one in page.students}, page.total) == ({UUID(over), UUID(moved), UUID(never)}, 3)
    assert list_students(engine, "student 0", only_unmatched=True).total == 0


def test_people_by_their_ids_in_order(engine: Engine, records: Records) -> None:
    first, second = records.tutor(1, experience_years=4, teaching_style="modern"), records.tutor(2)
    gone = records.tutor(3, active=False)
    records.session(first, read_clock(engine) - timedelta(days=2), "rescheduled")
    records.session(first, read_clock(engine) - timedelta(days=3))
    score_tutors(engine, read_clock(engine), tutors=[first])

    tutors = find_tutors(engine, [UUID(second), uid("nobody", 1), UUID(gone), UUID(first)])
    assert [one.id for one in tutors] == [UUID(second), UUID(first)]
    assert (tutors[0].is_high_risk, tutors[0].total_sessions_30d) == (None, None)
    assert (tutors[1].is_high_risk, tutors[1].reschedule_rate_30d, tutors[1].total_sessions_30d) == (True, 50.0, 2)
    assert (tutors[1].experience_years, tutors[1].teaching_style) == (4, "modern")
    one, other = UUID(records.student(1)), UUID(records.student(2))
    assert [student.id for student in find_students(engine, [other, uid("nobody", 1), one])] == [other, one]
    assert find_students(engine, []) == []


def test_tutors_by_a_part_of_their_name(engine: Engine, records: Records) -> None:
    ids = [UUID(records.tutor(number, active=number < 12)) for number in range(10, 13)]
    assert search_tutors(engine, "TUTOR 1") == {ids[0], ids[1]}
    assert search_tutors(engine, "tutor 11") == {ids[1]}
    assert search_tutors(engine, "_") == frozenset()


def test_who_teaches_a_student(engine: Engine, records: Records) -> None:
    now = datetime.now(UTC)
    early, late, ahead, removed = (records.tutor(number, active=number != 4) for number in range(1, 5))
    student = records.student(1)
    assert find_current_tutor(engine, UUID(student)) is None
    records.session(early, now - timedelta(days=30), student=student)
    records.session(late, now - timedelta(days=2), "no_show", student=student)
    records.session(early, now - timedelta(days=1), "rescheduled", student=student)  # called off, as is the next one
    records.session(ahead, now + timedelta(days=1), "rescheduled", student=student, booked_at=now, cancelled_at=now)
    records.session(removed, now - timedelta(days=1), student=student)
    assert find_current_tutor(engine, UUID(student)) == UUID(late)
    records.session(early, now + timedelta(days=9), "scheduled", student=student, booked_at=now)
    records.session(ahead, now + timedelta(days=5), "scheduled", student=student, booked_at=now)
    records.session(late, now - timedelta(hours=1), "scheduled", student=student)
    assert find_current_tutor(engine, UUID(student)) == UUID(ahead)


def test_the_session_that_somebody_is_to_be_found_for(engine: Engine, records: Records) -> None:
    now = datetime.now(UTC)
    tutor, student = records.tutor(1), records.student(1)
    session = UUID(records.session(tutor, now + timedelta(days=1), "scheduled", student=student, booked_at=now))
    other = UUID(records.session(tutor, now - timedelta(days=1), student="somebody"))

    lesson = find_lesson(engine, session)
    assert lesson is not None
    assert (lesson.tutor_id, lesson.tutor_name, lesson.status) == (UUID(tutor), "tutor 1", "scheduled")
    assert (lesson.student_id, lesson.student_name) == (UUID(student), "student 1")
    assert lesson.scheduled_time == now + timedelta(days=1)
    unknown = find_lesson(engine, other)
    assert unknown is not None
    assert (unknown.student_id, unknown.student_name) == (None, None)
    assert find_lesson(engine, uid("nobody", 1)) is None
