from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import URL, Engine, text

from bentos.people import ListedMatchingTutor, MatchingTutor, Student, StudentList
from records.engine import create_app_engine
from records.people import Kind, create_person, deactivate_tutor
from records.people_answers import STUDENT_LIST, TUTOR_ARRAY, person_by_id
from tests.answers import fetch_answer
from tests.conftest import temporary_database
from tests.records.test_people import PEOPLE

NAMES = ["Ada", "ada", "Bob", "Émile", "Zoë", "\U0001f600"]


@pytest.fixture(scope="module")
def world(template_url: URL) -> Iterator[Engine]:
    with temporary_database(template_url, template=template_url.database) as url:
        engine = create_app_engine(url)
        yield engine
        engine.dispose()


def store(engine: Engine, people: list[tuple[str, bool]]) -> list[tuple[str, uuid.UUID]]:
    """Students and tutors of these names, tutors partly removed; (name, id) of the tutors left, in order."""
    left = []
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE tutors, students CASCADE"))
        for name, active in people:
            create_person(connection, "students", {"name": name})
            made = create_person(connection, "tutors", {"name": name})
            if active:
                left.append((name, made))
            else:
                deactivate_tutor(connection, made)
    return sorted(left)  # Python compares by code point, and UUIDs as PostgreSQL does


def students(engine: Engine, limit: int, offset: int) -> StudentList:
    return StudentList.model_validate_json(fetch_answer(engine, STUDENT_LIST, limit, offset) or b"", strict=True)


def tutors(engine: Engine, limit: int, offset: int) -> list[ListedMatchingTutor]:
    rows = json.loads(fetch_answer(engine, TUTOR_ARRAY, limit, offset) or b"")
    return [ListedMatchingTutor.model_validate_json(json.dumps(row), strict=True) for row in rows]


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(NAMES), st.booleans()), max_size=12), st.integers(1, 5))
def test_pages_join_to_the_whole_by_name_then_id(world: Engine, people: list[tuple[str, bool]], limit: int) -> None:
    active = store(world, people)
    offsets = range(0, len(people) + limit, limit)

    pages = [students(world, limit, offset) for offset in offsets]
    found = [(student.name, student.id) for page in pages for student in page.students]
    assert found == sorted(found)
    assert len(set(found)) == len(people)
    assert {(page.total, page.limit) for page in pages} == {(len(people), limit)}
    assert [page.offset for page in pages] == list(offsets)
    listed = [(tutor.name, tutor.id) for offset in offsets for tutor in tutors(world, limit, offset)]
    assert listed == active


@pytest.mark.parametrize(("kind", "profile"), PEOPLE, ids=["tutors", "students"])
def test_a_person_is_answered_as_stored(engine: Engine, kind: Kind, profile: dict[str, Any]) -> None:
    own = {"name": "Zoë \U0001f600 \"'"} | ({"email": "zoe@example.org"} if kind == "tutors" else {})
    with engine.begin() as connection:
        made = create_person(connection, kind, {**own, **profile})

    body = fetch_answer(engine, person_by_id(kind), made) or b""

    form = MatchingTutor if kind == "tutors" else Student
    assert form.model_validate_json(body, strict=True).model_dump() == {"id": made, **own, **profile}
    assert set(json.loads(body)) == set(form.model_fields)
    assert fetch_answer(engine, person_by_id(kind), uuid.uuid4()) is None


def test_a_list_shows_what_is_known(engine: Engine) -> None:
    with engine.begin() as connection:
        create_person(connection, "students", {"name": "Ada", "age": 9, "preferred_pace": 2, "urgency_level": 5})
        create_person(connection, "tutors", {"name": "Bob", "email": "b@example.org", "experience_years": 3})

    (student,), (tutor,) = students(engine, 10, 0).students, tutors(engine, 10, 0)

    assert student.model_dump(exclude={"id"}) == {
        "name": "Ada",
        "age": 9,
        "preferred_pace": 2,
        "preferred_teaching_style": None,
    }
    assert tutor.model_dump(exclude={"id"}, exclude_none=True) == {
        "name": "Bob",
        "email": "b@example.org",
        "experience_years": 3,
    }


def test_nobody_is_an_empty_list(engine: Engine) -> None:
    assert students(engine, 7, 9).model_dump() == {"students": [], "total": 0, "limit": 7, "offset": 9}
    assert tutors(engine, 7, 9) == []
