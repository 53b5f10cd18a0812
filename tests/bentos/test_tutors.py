"""The routes of tutors on the live service."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import insert, text

from bentos.routers.tutors import TutorDetail, TutorHistory, TutorList, WholeTutor
from records.tables import reschedules, sessions, tutors
from scoring.tutors import score_tutors
from tests.bentos.calls import problem
from tests.bentos.conftest import Service

PROFILE = {
    "age": 41,
    "sex": "female",
    "experience_years": 7,
    "teaching_style": "modern",
    "preferred_pace": 4,
    "communication_style": 2,
    "confidence_level": 5,
    "preferred_student_level": "beginner",
    "preferences_json": {"days": ["Mon", None], "note": "é\U0001f600"},
}

NOBODY = uuid.UUID("00000000-0000-4000-8000-00000000dead")


def create(admin: httpx.Client, **values: Any) -> dict[str, Any]:
    answer = admin.post("/api/tutors", json={"name": "Ada", **values})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def audit(service: Service, subject: str) -> list[tuple[str, str]]:
    with service.engine.connect() as connection:
        rows = connection.execute(
            text("SELECT actor, action FROM audit_log WHERE subject = :subject ORDER BY id"), {"subject": subject}
        )
        return [tuple(row) for row in rows]


@pytest.fixture
def taught(service: Service) -> dict[str, str]:
    """A tutor with three past sessions, one of them rescheduled by the tutor five hours ahead; with scores."""
    tutor, session = uuid.uuid4(), uuid.uuid4()
    now = datetime.now(UTC)
    with service.engine.begin() as connection:
        connection.execute(insert(tutors).values(id=tutor, name=f"Zoë {tutor}", email=f"{tutor}@x.org", source="api"))
        for key, days in ((session, 2), (uuid.uuid4(), 3), (uuid.uuid4(), 4)):
            connection.execute(
                insert(sessions).values(
                    id=key,
                    tutor_id=tutor,
                    student_id="somebody",
                    scheduled_time=now - timedelta(days=days),
                    status="rescheduled" if key == session else "completed",
                    source="import",
                )
            )
        connection.execute(
            insert(reschedules).values(
                session_id=session,
                initiator="tutor",
                original_time=now - timedelta(days=2),
                cancelled_at=now - timedelta(days=2, hours=5),
            )
        )
    score_tutors(service.engine, datetime.now(UTC), tutors=[str(tutor)])
    return {"tutor": str(tutor), "session": str(session)}


def test_a_tutor_is_found_in_the_list(client: httpx.Client, taught: dict[str, str]) -> None:
    answer = client.get(
        "/api/tutors", params={"search": taught["tutor"].upper(), "risk_status": "high_risk", "limit": 7}
    )

    page = TutorList.model_validate_json(answer.content, strict=True)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert (page.total, page.limit, page.offset) == (1, 7, 0)
    (tutor,) = page.tutors
    assert (str(tutor.id), tutor.is_high_risk, tutor.total_sessions_30d) == (taught["tutor"], True, 3)
    assert tutor.reschedule_rate_30d == pytest.approx(100 / 3)
    assert set(answer.json()["tutors"][0]) == {
        "id",
        "name",
        "reschedule_rate_30d",
        "reschedule_rate_90d",
        "is_high_risk",
        "total_sessions_30d",
        "tutor_reschedules_30d",
        "last_calculated_at",
    }


def test_the_list_in_its_default_order(client: httpx.Client, admin: httpx.Client, taught: dict[str, str]) -> None:
    unscored = create(admin)["id"]

    tutors = TutorList.model_validate_json(client.get("/api/tutors?limit=1000").content, strict=True).tutors

    rates = [tutor.reschedule_rate_30d for tutor in tutors]
    known = [rate for rate in rates if rate is not None]
    assert known == sorted(known, reverse=True)
    assert rates == known + [None] * (len(rates) - len(known))
    assert {taught["tutor"], unscored} <= {str(tutor.id) for tutor in tutors}


@pytest.mark.parametrize(
    ("query", "field", "named"),
    [
        ("risk_status=medium", "risk_status", "'all', 'high_risk' or 'low_risk'"),
        ("sort_by=name;DROP TABLE tutors", "sort_by", "'reschedule_rate_30d', 'total_sessions_30d' or 'name'"),
        ("sort_order=DESC", "sort_order", "'asc' or 'desc'"),
        ("limit=0", "limit", "greater than or equal to 1"),
        ("limit=1001", "limit", "less than or equal to 1000"),
        ("limit=ten", "limit", "integer"),
        ("offset=-1", "offset", "greater than or equal to 0"),
        ("offset=99999999999999999999", "offset", "less than or equal to"),
        ("search=a%00b", "search", "NUL"),
    ],
)
def test_what_the_list_cannot_answer_is_said(client: httpx.Client, query: str, field: str, named: str) -> None:
    (error,) = problem(client.get(f"/api/tutors?{query}"), 400)["errors"]

    assert error["field"] == field
    assert named in error["message"]


@pytest.mark.parametrize("search", ["%", "_", "\\", "'; --", "{limit}", "$1", "ﬀ\U0001f600"])
def test_a_search_means_itself(client: httpx.Client, search: str) -> None:
    assert client.get("/api/tutors", params={"search": search}).json()["tutors"] == []


def test_one_tutor_with_scores(client: httpx.Client, taught: dict[str, str]) -> None:
    tutor = TutorDetail.model_validate_json(client.get(f"/api/tutors/{taught['tutor']}").content, strict=True)

    assert tutor.scores is not None
    assert tutor.scores.reschedule_rate_7d == tutor.statistics.reschedule_rate_7d == pytest.approx(100 / 3)
    assert (tutor.email, tutor.is_active) == (f"{taught['tutor']}@x.org", True)
    assert (datetime.now(UTC) - tutor.created_at) < timedelta(minutes=10)


def test_one_tutors_history(client: httpx.Client, taught: dict[str, str]) -> None:
    answer = client.get(f"/api/tutors/{taught['tutor']}/history?days=30&limit=5")

    history = TutorHistory.model_validate_json(answer.content, strict=True)
    (event,) = history.reschedules
    assert (str(event.session_id), event.hours_before_session) == (taught["session"], 5.0)
    days = [datetime.now(UTC).date() - timedelta(days=days) for days in (2, 3, 4)]
    mondays = [day - timedelta(days=day.weekday()) for day in days]
    assert {week.week: week.rate for week in history.trend.reschedule_rate_by_week} == {
        monday: pytest.approx(100 * (mondays[0] == monday) / mondays.count(monday)) for monday in mondays
    }


@pytest.mark.parametrize("query", ["days=0", "days=366", "limit=0", "limit=1001", "days=NaN", "days=1e2"])
def test_what_a_history_cannot_answer_is_said(client: httpx.Client, taught: dict[str, str], query: str) -> None:
    (error,) = problem(client.get(f"/api/tutors/{taught['tutor']}/history?{query}"), 400)["errors"]

    assert error["field"] == query.split("=", maxsplit=1)[0]


@pytest.mark.parametrize("path", ["", "/history"])
def test_who_is_not_there(client: httpx.Client, path: str) -> None:
    assert "no tutor" in problem(client.get(f"/api/tutors/{uuid.uuid4()}{path}"), 404)["detail"]
    (error,) = problem(client.get(f"/api/tutors/ada{path}"), 400)["errors"]
    assert error["field"] == "tutor_id"


def test_a_new_tutor_is_answered_whole(service: Service, admin: httpx.Client, client: httpx.Client) -> None:
    answer = admin.post("/api/tutors", json={"name": "Zoë", "email": "zoe@example.org", **PROFILE})

    assert answer.status_code == 201
    made = WholeTutor.model_validate_json(answer.content, strict=True)
    assert made.model_dump(include=set(PROFILE)) == PROFILE
    assert (made.name, made.email, made.is_active, made.scores) == ("Zoë", "zoe@example.org", True, None)
    assert answer.headers["location"] == f"/api/tutors/{made.id}"
    detail = client.get(answer.headers["location"]).json()
    assert answer.json() == {**detail, **PROFILE}
    assert audit(service, str(made.id)) == [("tests-admin", "create tutor")]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": ""}, "name"),
        ({"name": " \n"}, "name"),
        ({"name": "a" * 256}, "name"),
        ({"name": None}, "name"),
        ({"name": 5}, "name"),
        ({"name": "Ada", "id": str(NOBODY)}, "id"),
        ({"name": "Ada", "is_active": False}, "is_active"),
        ({"name": "Ada", "email": "ada"}, "email"),
        ({"name": "Ada", "email": "ada@localhost"}, "email"),
        ({"name": "Ada", "email": "ada@x.org\nBcc: all@x.org"}, "email"),
        ({"name": "Ada", "email": "a@b@x.org"}, "email"),
        ({"name": "Ada", "email": f"{'a' * 315}@x.org"}, "email"),
        ({"name": "Ada", "age": 121}, "age"),
        ({"name": "Ada", "age": -1}, "age"),
        ({"name": "Ada", "age": 30.5}, "age"),
        ({"name": "Ada", "age": "30"}, "age"),
        ({"name": "Ada", "age": True}, "age"),
        ({"name": "Ada", "preferred_pace": 0}, "preferred_pace"),
        ({"name": "Ada", "sex": "f"}, "sex"),
        ({"name": "Ada", "teaching_style": "Modern"}, "teaching_style"),
        ({"name": "Ada", "experience_years": 101}, "experience_years"),
        ({"name": "Ada", "preferred_student_level": "x" * 101}, "preferred_student_level"),
        ({"name": "Ada", "preferences_json": []}, "preferences_json"),
        ({"name": "Ada", "preferences_json": "{}"}, "preferences_json"),
    ],
)
def test_a_tutor_that_cannot_be_is_not_made(admin: httpx.Client, body: dict[str, Any], field: str) -> None:
    errors = problem(admin.post("/api/tutors", json=body), 400)["errors"]

    assert {error["field"] for error in errors} == {field}


@pytest.mark.parametrize(
    "body",
    [
        b'{"name": "a\\u0000"}',
        b'{"name": "\\ud800"}',
        b'{"name": "Ada", "preferences_json": {"a": "\\u0000"}}',
        b'{"name": "Ada", "preferences_json": {"\\u0000": 1}}',
        b'{"name": "Ada", "preferences_json": {"a": "\\udfff"}}',
        b'{"name": "Ada", "preferences_json": {"a": NaN}}',
        b'{"name": "Ada", "preferences_json": {"a": 1e999}}',
        b'{"name": "Ada", "preferences_json": {"a": ' + b"[" * 5_000 + b"]" * 5_000 + b"}}",
        b"[]",
        b"null",
        b"",
    ],
)
def test_hostile_bodies_are_refused(admin: httpx.Client, body: bytes) -> None:
    problem(admin.post("/api/tutors", content=body, headers={"content-type": "application/json"}), 400)


@pytest.mark.parametrize(
    "preferences",
    [{"n": 10**300}, {"n": 2.5e-300}, {"deep": [[[[[[[[{"a": [1.5, None, True]}]]]]]]]]}, {"": "", "é": "\U0001f600"}],
)
def test_preferences_may_be_any_object(admin: httpx.Client, preferences: dict[str, Any]) -> None:
    assert create(admin, preferences_json=preferences)["preferences_json"] == preferences


@pytest.mark.parametrize(
    "email", ["a@b.co", "o'neil+x@mail.example.org", "zoë@exämple.org", "a!#$%&*/=?^_`{|}~-@x.museum"]
)
def test_addresses_that_can_be(admin: httpx.Client, email: str) -> None:
    assert create(admin, email=email)["email"] == email


def test_a_tutor_is_removed_but_not_forgotten(service: Service, admin: httpx.Client, taught: dict[str, str]) -> None:
    path = f"/api/tutors/{taught['tutor']}"

    answers = [admin.delete(path) for _ in range(2)]

    assert [(answer.status_code, answer.content) for answer in answers] == [(204, b""), (204, b"")]
    assert admin.get(path).json()["is_active"] is False
    assert len(admin.get(f"{path}/history").json()["reschedules"]) == 1
    assert admin.get("/api/tutors", params={"search": taught["tutor"]}).json()["total"] == 0
    assert audit(service, taught["tutor"]) == [("tests-admin", "delete tutor")]
    problem(admin.delete(f"/api/tutors/{uuid.uuid4()}"), 404)
    problem(admin.delete("/api/tutors/1"), 400)


def test_writing_needs_more_than_reading(client: httpx.Client, taught: dict[str, str]) -> None:
    problem(client.post("/api/tutors", json={"name": "Ada"}), 403)
    problem(client.delete(f"/api/tutors/{taught['tutor']}"), 403)
    assert client.get(f"/api/tutors/{taught['tutor']}").json()["is_active"] is True


@pytest.mark.parametrize("path", ["/api/tutors", f"/api/tutors/{NOBODY}", f"/api/tutors/{NOBODY}/history"])
def test_nothing_without_a_key(service: Service, path: str) -> None:
    problem(httpx.get(service.url + path), 401)


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/api/tutors", "GET, POST"),
        (f"/api/tutors/{NOBODY}", "GET, DELETE"),
        (f"/api/tutors/{NOBODY}/history", "GET"),
    ],
)
def test_another_method_is_told_which_there_are(admin: httpx.Client, path: str, methods: str) -> None:
    answer = admin.put(path, json={})

    problem(answer, 405)
    assert answer.headers["allow"] == methods
