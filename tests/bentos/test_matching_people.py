"""The routes of the students and tutors that matching knows, on the live service."""

from __future__ import annotations

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from bentos.people import ListedMatchingTutor, MatchingTutor, Student, StudentList
from tests.bentos.calls import problem
from tests.bentos.conftest import Service
from tests.bentos.test_tutors import PROFILE as TUTOR
from tests.bentos.test_tutors import audit
from tests.bentos.test_tutors import create as create_tutor

STUDENT = {
    "age": 15,
    "sex": None,
    "preferred_pace": 4,
    "preferred_teaching_style": "structured",
    "communication_style_preference": 2,
    "urgency_level": 5,
    "learning_goals": "the exam in May",
    "previous_tutoring_experience": 3,
    "previous_satisfaction": 1,
    "preferences_json": {"evenings": True},
}
PREFERENCES = {"students": STUDENT, "tutors": TUTOR}
both = pytest.mark.parametrize("kind", ["students", "tutors"])


def create(admin: httpx.Client, kind: str, **values: Any) -> str:
    if kind == "tutors":
        return str(create_tutor(admin, **values)["id"])
    answer = admin.post("/api/matching/students", json={"name": "Ada", **values})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def versions(service: Service, kind: str, person: str) -> list[dict[str, Any]]:
    one = kind.removesuffix("s")
    with service.engine.connect() as connection:
        rows = connection.execute(
            text(f"SELECT * FROM {one}_profiles WHERE {one}_id = :id ORDER BY valid_from"), {"id": person}
        )
        return [dict(row) for row in rows.mappings()]


def changed_at(service: Service, kind: str, person: str) -> Any:
    with service.engine.connect() as connection:
        return connection.scalar(text(f"SELECT inputs_changed_at FROM {kind} WHERE id = :id"), {"id": person})


def test_a_new_student_is_answered_whole(service: Service, admin: httpx.Client, client: httpx.Client) -> None:
    answer = admin.post("/api/matching/students", json={"name": "Zoë", **STUDENT})

    assert answer.status_code == 201
    made = Student.model_validate_json(answer.content, strict=True)
    assert made.model_dump() == {"id": made.id, "name": "Zoë", **STUDENT}
    assert answer.headers["location"] == f"/api/matching/students/{made.id}"
    assert client.get(answer.headers["location"]).json() == answer.json()
    assert audit(service, str(made.id)) == [("tests-admin", "create student")]
    assert len(versions(service, "students", str(made.id))) == 1


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": ""}, "name"),
        ({"email": "a@b.org"}, "email"),
        ({"age": 121}, "age"),
        ({"sex": "unknown"}, "sex"),
        ({"preferred_pace": 6}, "preferred_pace"),
        ({"preferred_teaching_style": "strict"}, "preferred_teaching_style"),
        ({"communication_style_preference": 0}, "communication_style_preference"),
        ({"urgency_level": 2.5}, "urgency_level"),
        ({"learning_goals": "x" * 501}, "learning_goals"),
        ({"previous_tutoring_experience": -1}, "previous_tutoring_experience"),
        ({"previous_tutoring_experience": 2**31}, "previous_tutoring_experience"),
        ({"previous_satisfaction": 6}, "previous_satisfaction"),
        ({"preferences_json": 1}, "preferences_json"),
    ],
)
def test_a_student_that_cannot_be_is_not_made(admin: httpx.Client, wrong: dict[str, Any], field: str) -> None:
    errors = problem(admin.post("/api/matching/students", json={"name": "Ada", **wrong}), 400)["errors"]

    assert {error["field"] for error in errors} == {field}


def test_students_are_listed_by_name(admin: httpx.Client, client: httpx.Client) -> None:
    mine = {create(admin, "students", name=f"\U0001f600 {name}", age=9) for name in ("b", "a")}

    answer = client.get("/api/matching/students?limit=1000")

    page = StudentList.model_validate_json(answer.content, strict=True)
    found = [(student.name, student.id) for student in page.students]
    assert found == sorted(found)
    assert page.total == len(found)
    assert mine <= {str(student.id) for student in page.students}
    assert set(answer.json()["students"][0]) == {"id", "name", "age", "preferred_pace", "preferred_teaching_style"}
    last = client.get("/api/matching/students", params={"limit": 1, "offset": page.total - 1}).json()
    assert last["students"] == [answer.json()["students"][-1]]
    assert (last["limit"], last["offset"]) == (1, page.total - 1)


def test_tutors_are_listed_without_an_envelope(admin: httpx.Client, client: httpx.Client) -> None:
    mine, removed = create(admin, "tutors", **TUTOR), create(admin, "tutors")
    admin.delete(f"/api/tutors/{removed}")

    rows = client.get("/api/matching/tutors?limit=1000").json()

    tutors = [ListedMatchingTutor.model_validate_json(json.dumps(row), strict=True) for row in rows]
    found = [(tutor.name, tutor.id) for tutor in tutors]
    assert found == sorted(found)
    assert removed not in {str(tutor.id) for tutor in tutors}
    (row,) = (row for row in rows if row["id"] == mine)
    assert row == {"id": mine, "name": "Ada", "email": None} | {
        k: v for k, v in TUTOR.items() if k != "preferences_json"
    }
    assert client.get("/api/matching/tutors?limit=1&offset=1").json() == rows[1:2]


@both
@pytest.mark.parametrize("query", ["limit=0", "limit=1001", "offset=-1", "limit=x"])
def test_what_a_list_cannot_answer_is_said(client: httpx.Client, kind: str, query: str) -> None:
    (error,) = problem(client.get(f"/api/matching/{kind}?{query}"), 400)["errors"]

    assert error["field"] == query.split("=", maxsplit=1)[0]


@both
def test_who_is_not_there(admin: httpx.Client, kind: str) -> None:
    somebody = f"/api/matching/{kind}/{uuid.uuid4()}"
    for answer in (admin.get(somebody), admin.patch(somebody, json={"age": 30})):
        assert "there is no" in problem(answer, 404)["detail"].lower()
    for answer in (admin.get(f"/api/matching/{kind}/ada"), admin.patch(f"/api/matching/{kind}/ada", json={"age": 30})):
        assert len(problem(answer, 400)["errors"]) == 1


def test_one_tutor_with_preferences(admin: httpx.Client, client: httpx.Client) -> None:
    mine = create(admin, "tutors", email="ada@example.org", **TUTOR)

    tutor = MatchingTutor.model_validate_json(client.get(f"/api/matching/tutors/{mine}").content, strict=True)

    assert tutor.model_dump() == {"id": uuid.UUID(mine), "name": "Ada", "email": "ada@example.org", **TUTOR}


@both
def test_a_change_changes_what_it_names(service: Service, admin: httpx.Client, kind: str) -> None:
    mine = create(admin, kind, **PREFERENCES[kind])
    path, before = f"/api/matching/{kind}/{mine}", changed_at(service, kind, mine)

    answer = admin.patch(path, json={"preferred_pace": 2, "age": None, "preferences_json": {}})

    assert answer.status_code == 200
    changed = PREFERENCES[kind] | {"preferred_pace": 2, "age": None, "preferences_json": {}}
    assert {name: answer.json()[name] for name in changed} == changed
    assert admin.get(path).json() == answer.json()
    kept = versions(service, kind, mine)
    assert [{name: row[name] for name in changed} for row in kept] == [PREFERENCES[kind], changed]
    assert before < changed_at(service, kind, mine) == kept[1]["valid_from"] == kept[1]["recorded_at"]
    one = kind.removesuffix("s")
    assert audit(service, mine) == [("tests-admin", f"create {one}"), ("tests-admin", f"change {one}")]


@both
def test_a_change_of_nothing_is_answered_and_not_written(service: Service, admin: httpx.Client, kind: str) -> None:
    mine = create(admin, kind, **PREFERENCES[kind])
    before = changed_at(service, kind, mine)

    answer = admin.patch(f"/api/matching/{kind}/{mine}", json=PREFERENCES[kind])

    assert (answer.status_code, answer.json()["age"]) == (200, PREFERENCES[kind]["age"])
    assert changed_at(service, kind, mine) == before
    assert len(versions(service, kind, mine)) == len(audit(service, mine)) == 1


@both
@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[]",
        b"null",
        b"",
        b'{"age": 30, "id": "5f0c7a2e-0000-4000-8000-000000000000"}',
        b'{"age": 30, "name": "Eve"}',
        b'{"age": 30, "is_active": false}',
        b'{"age": 30, "inputs_changed_at": "2020-01-01T00:00:00Z"}',
        b'{"age": 30, "preferred_pace": 99}',
        b'{"age": 30, "preferred_pace": "4"}',
        b'{"age": 30, "preferred_pace": 4.0}',
        b'{"age": 30, "preferred_pace": true}',
        b'{"age": 1e999}',
        b'{"age": NaN}',
        b'{"age": ' + b"9" * 5_000 + b"}",
        b'{"age": 30, "sex": "\\u0000"}',
        b'{"age": 30, "preferences_json": {"a": "\\u0000"}}',
        b'{"age": 30, "preferences_json": {"\\ud800": 1}}',
    ],
)
def test_what_cannot_be_changed_changes_nothing(service: Service, admin: httpx.Client, kind: str, body: bytes) -> None:
    mine = create(admin, kind, **PREFERENCES[kind])
    path = f"/api/matching/{kind}/{mine}"
    before = admin.get(path).json()

    problem(admin.patch(path, content=body, headers={"content-type": "application/json"}), 400)

    assert admin.get(path).json() == before
    assert len(versions(service, kind, mine)) == len(audit(service, mine)) == 1


def test_an_unknown_member_is_named(admin: httpx.Client) -> None:
    mine = create(admin, "tutors")

    errors = problem(admin.patch(f"/api/matching/tutors/{mine}", json={"pace": 4, "preferred_pace": 99}), 400)["errors"]

    assert {error["field"] for error in errors} == {"pace", "preferred_pace"}


@both
def test_simultaneous_changes_each_count(service: Service, admin: httpx.Client, kind: str) -> None:
    mine = create(admin, kind)

    def change(i: int) -> int:
        with service.admin as own:
            return own.patch(f"/api/matching/{kind}/{mine}", json={"preferences_json": {"turn": i}}).status_code

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(change, range(24))) == {200}
    kept = versions(service, kind, mine)
    assert len({row["valid_from"] for row in kept}) == len(kept) == 25
    assert admin.get(f"/api/matching/{kind}/{mine}").json()["preferences_json"] == kept[-1]["preferences_json"]


def test_changing_needs_more_than_reading(admin: httpx.Client, client: httpx.Client) -> None:
    mine = create(admin, "tutors")

    problem(client.patch(f"/api/matching/tutors/{mine}", json={"age": 30}), 403)
    problem(client.post("/api/matching/students", json={"name": "Ada"}), 403)
    assert client.get(f"/api/matching/tutors/{mine}").json()["age"] is None


@both
def test_nothing_without_a_key(service: Service, kind: str) -> None:
    for path in (f"/api/matching/{kind}", f"/api/matching/{kind}/{uuid.uuid4()}"):
        problem(httpx.get(service.url + path), 401)
