"""Matching on the live service: one pair, lists, runs and the assignment. What is computed is tested in scoring."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from bentos.routers.assignment import MatchingAnswer
from bentos.routers.match_jobs import FinishedRun
from bentos.routers.match_predictions import MatchList, MatchPrediction
from tests.bentos.calls import problem
from tests.bentos.conftest import Service

NOBODY = "00000000-0000-4000-8000-000000000000"


@dataclass(frozen=True)
class People:
    """Ids of students and tutors of this test's own; the last tutor is not active."""

    students: list[str]
    tutors: list[str]
    left: str


@pytest.fixture
def people(service: Service) -> Iterator[People]:
    students, tutors = ([str(uuid.uuid4()) for _ in range(3)] for _ in range(2))
    with service.engine.begin() as connection:
        for who, ids in (("student", students), ("tutor", tutors)):
            for i, key in enumerate(ids):
                values = {"id": key, "name": f"{who} {i}", "pace": 1 + i, "age": 20 + 10 * i}
                connection.execute(
                    text(
                        f"INSERT INTO {who}s (id, name, source, age, preferred_pace) "
                        "VALUES (:id, :name, 'api', :age, :pace)"
                    ),
                    values,
                )
                connection.execute(
                    text(
                        f"INSERT INTO {who}_profiles ({who}_id, valid_from, age, preferred_pace) "
                        "VALUES (:id, 'epoch', :age, :pace)"
                    ),
                    values,
                )
        connection.execute(text("UPDATE tutors SET is_active = false WHERE id = :id"), {"id": tutors[2]})
    yield People(students, tutors[:2], tutors[2])
    with service.engine.begin() as connection:
        for who, ids in (("student", students), ("tutor", tutors)):
            connection.execute(text(f"DELETE FROM {who}s WHERE id = ANY(CAST(:ids AS uuid[]))"), {"ids": ids})


def predict(client: httpx.Client, student: str, tutor: str) -> MatchPrediction:
    answer = client.get(f"/api/matching/predict/{student}/{tutor}")
    assert answer.status_code == 200, answer.text
    return MatchPrediction.model_validate_json(answer.content)


def matches(client: httpx.Client, path: str, **query: Any) -> MatchList:
    answer = client.get(f"/api/matching/{path}/matches", params=query)
    assert answer.status_code == 200, answer.text
    return MatchList.model_validate_json(answer.content)


def test_a_pair_is_predicted_once_and_then_read(service: Service, people: People) -> None:
    student, tutor = people.students[0], people.tutors[1]

    def ask(_: int) -> MatchPrediction:
        with service.client as client:
            return predict(client, student, tutor)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ask, range(16)))
    assert len({one.id for one in found}) == 1
    assert (str(found[0].student_id), str(found[0].tutor_id)) == (student, tutor)
    assert (found[0].pace_mismatch, found[0].age_difference) == (1, 10)
    assert found[0].contributions is not None
    assert ask(0) == ask(1)
    with service.engine.connect() as connection:
        where = {"student": student, "tutor": tutor}
        query = "SELECT count(*) FROM match_predictions WHERE student_id = :student AND tutor_id = :tutor"
        assert connection.scalar(text(query), where) == 1


def test_a_change_of_preferences_shows_in_the_next_answer(
    admin: httpx.Client, client: httpx.Client, people: People
) -> None:
    student, tutor = people.students[0], people.tutors[0]
    before = predict(client, student, tutor)
    assert matches(client, f"students/{student}").total >= 2
    assert admin.patch(f"/api/matching/tutors/{tutor}", json={"preferred_pace": 5}).status_code == 200

    after = predict(client, student, tutor)

    assert (before.pace_mismatch, after.pace_mismatch) == (0, 4)
    assert (after.id, after.created_at) == (before.id, before.created_at)
    assert after.updated_at > before.updated_at
    listed = matches(client, f"students/{student}", limit=1000).matches
    assert {one.pace_mismatch for one in listed if str(one.tutor_id) == tutor} == {4}


def test_nobody_to_predict(client: httpx.Client, people: People) -> None:
    student, tutor = people.students[0], people.tutors[0]
    for path, words in (
        (f"{NOBODY}/{tutor}", f"There is no student {NOBODY}"),
        (f"{student}/{NOBODY}", f"There is no tutor {NOBODY}"),
        (f"{student}/{people.left}", "not active any more"),
    ):
        assert words in problem(client.get(f"/api/matching/predict/{path}"), 404)["detail"]
    assert problem(client.get(f"/api/matching/predict/ada/{tutor}"), 400)["errors"][0]["field"] == "student_id"


def test_the_list_of_a_student_holds_every_active_tutor_and_pages(client: httpx.Client, people: People) -> None:
    student = people.students[1]
    first = matches(client, f"students/{student}", limit=1000)
    mine = {str(one.tutor_id) for one in first.matches}
    assert set(people.tutors) <= mine
    assert people.left not in mine
    assert first.total == len(first.matches)
    assert [one.compatibility_score for one in first.matches] == sorted(
        (one.compatibility_score for one in first.matches), reverse=True
    )
    assert {one.student.name for one in first.matches} == {"student 1"}

    second = matches(client, f"students/{student}", limit=1, offset=1, sort_by="churn_probability", sort_order="desc")
    by_churn = sorted(first.matches, key=lambda one: (-one.churn_probability, str(one.id)))
    assert [one.id for one in second.matches] == [by_churn[1].id]
    assert (second.total, second.limit, second.offset) == (first.total, 1, 1)


def test_the_list_of_a_tutor(client: httpx.Client, people: People) -> None:
    found = matches(client, f"tutors/{people.tutors[0]}", sort_by="risk_level", limit=1000)
    assert set(people.students) <= {str(one.student_id) for one in found.matches}
    order = [("low", "medium", "high").index(one.risk_level) for one in found.matches]
    assert order == sorted(order)
    assert matches(client, f"tutors/{people.left}").total == 0


def test_what_a_list_refuses(client: httpx.Client, people: People) -> None:
    for kind, one in (("students", people.students[0]), ("tutors", people.tutors[0])):
        path = f"/api/matching/{kind}/{one}/matches"
        for query, field in (
            ({"sort_by": "id; DROP TABLE tutors"}, "sort_by"),
            ({"sort_order": "up"}, "sort_order"),
            ({"limit": 0}, "limit"),
            ({"limit": 1001}, "limit"),
            ({"offset": -1}, "offset"),
        ):
            assert problem(client.get(path, params=query), 400)["errors"][0]["field"] == field
        assert NOBODY in problem(client.get(f"/api/matching/{kind}/{NOBODY}/matches"), 404)["detail"]
        assert problem(client.get(f"/api/matching/{kind}/ada/matches"), 400)


def test_runs_say_what_they_did(service: Service, admin: httpx.Client, client: httpx.Client, people: People) -> None:
    made = FinishedRun.model_validate_json(admin.post("/api/matching/generate-all").content)
    assert made.created >= 6
    assert made.created + made.existing == made.total
    again = FinishedRun.model_validate_json(admin.post("/api/matching/generate-all").content)
    assert (again.created, again.existing, again.total) == (0, made.total, made.total)
    whole = FinishedRun.model_validate_json(admin.post("/api/matching/refresh-all").content)
    assert (whole.created, whole.total) == (0, made.total)
    tutor = FinishedRun.model_validate_json(admin.post(f"/api/matching/refresh-tutor/{people.tutors[0]}").content)
    student = FinishedRun.model_validate_json(admin.post(f"/api/matching/refresh-student/{people.students[0]}").content)
    assert tutor.total * student.total == made.total
    told = audits(service, "all pairs")
    assert [row[:2] for row in told] == [("tests-admin", "generate all")]  # nothing was left to write for the others
    assert told[0][2]["created"] == made.created


def audits(service: Service, subject: str) -> list[Any]:
    query = "SELECT actor, action, details FROM audit_log WHERE subject = :subject ORDER BY id"
    with service.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query), {"subject": subject})]


def test_what_a_get_stores_is_in_the_audit_log(
    service: Service, admin: httpx.Client, client: httpx.Client, people: People
) -> None:
    student = admin.post("/api/matching/students", json={"name": "Nia", "age": 14}).json()["id"]
    tutor = people.tutors[0]
    for _ in range(2):
        predict(client, student, tutor)
        assert client.get(f"/api/matching/explain/{student}/{tutor}").status_code == 200
        others = matches(client, f"students/{student}").total - 1

    pair = [(actor, action) for actor, action, _ in audits(service, f"{student}/{tutor}")]
    assert pair == [("tests", "predict match"), ("tests", "explain match")]
    assert audits(service, student) == [
        ("tests-admin", "create student", None),
        ("tests", "predict student", {"created": others, "changed": 0}),
    ]


def test_whom_a_run_refuses(admin: httpx.Client, client: httpx.Client, people: People) -> None:
    for path in (f"refresh-tutor/{NOBODY}", f"refresh-tutor/{people.left}", f"refresh-student/{NOBODY}"):
        assert path.split("/")[1] in problem(admin.post(f"/api/matching/{path}"), 404)["detail"]
    problem(admin.post("/api/matching/refresh-tutor/ada"), 400)
    problem(client.post("/api/matching/generate-all"), 403)
    problem(client.get(f"/api/jobs/{NOBODY}"), 404)
    problem(client.get("/api/jobs/ada"), 400)


def test_the_assignment(admin: httpx.Client, client: httpx.Client, people: People) -> None:
    asked = {"student_ids": people.students, "tutor_ids": people.tutors}
    found = MatchingAnswer.model_validate_json(admin.post("/api/matching/run-matching", json=asked).content)
    assert len(found.matches) == 2
    assert len(found.unmatched) == 1
    assert found.total_churn_risk == pytest.approx(sum(one.churn_probability for one in found.matches))
    for one in found.matches:
        stored = predict(client, str(one.student_id), str(one.tutor_id))
        assert stored.churn_probability == one.churn_probability

    for capacity in (2, {people.tutors[0]: 3}):
        answer = admin.post("/api/matching/run-matching", json={**asked, "capacity": capacity})
        assert answer.status_code == 200, answer.text
        assert answer.json()["unmatched"] == []


def test_what_the_assignment_refuses(admin: httpx.Client, people: People) -> None:
    asked: dict[str, Any] = {"student_ids": people.students, "tutor_ids": people.tutors}
    for changes, status, words in (
        ({"student_ids": [*people.students, people.students[0]]}, 400, people.students[0]),
        ({"capacity": {NOBODY: 1}}, 400, NOBODY),
        ({"student_ids": [NOBODY]}, 404, NOBODY),
        ({"tutor_ids": [people.left]}, 404, people.left),
    ):
        answer = admin.post("/api/matching/run-matching", json={**asked, **changes})
        assert words in problem(answer, status)["detail"]
    for changes in (
        {"student_ids": []},
        {"tutor_ids": []},
        {"tutor_ids": ["ada"]},
        {"student_ids": people.students * 400},
        {"capacity": -1},
        {"capacity": 1.5},
        {"capacity": "2"},
        {"capacity": True},
        {"capacity": {people.tutors[0]: None}},
        {"capacity": {"ada": 1}},
        {"more": 1},
    ):
        problem(admin.post("/api/matching/run-matching", json={**asked, **changes}), 400)
    problem(admin.post("/api/matching/run-matching", json=[]), 400)
