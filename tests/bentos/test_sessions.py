"""Sessions told over HTTP: the shapes, each error, and many at once."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from access.keys import create_key
from tests.bentos.calls import problem
from tests.bentos.conftest import Service
from tests.bentos.telling import FIELDS, busy_tutor, moved, promises, rows, told

pytestmark = pytest.mark.xdist_group("service")


@pytest.fixture(scope="module")
def tutor(service: Service) -> Iterator[str]:
    with busy_tutor(service) as tutor:
        yield tutor


@pytest.fixture
def ingest(service: Service) -> Iterator[httpx.Client]:
    """A client with a key that may tell sessions and nothing else; the key's name is its own."""
    key = create_key(service.engine, f"rails {uuid.uuid4()}", scopes=["ingest"])
    with httpx.Client(base_url=service.url, headers={"X-API-Key": key}, timeout=60) as client:
        yield client


def test_a_session(service: Service, ingest: httpx.Client, tutor: str) -> None:
    body = told(tutor)
    before = datetime.now(UTC) - timedelta(seconds=1)
    answer = ingest.post("/api/sessions", json=body)
    assert answer.status_code == 202
    session = answer.json()
    assert session.keys() == FIELDS
    assert (session["id"], session["tutor_id"]) == (body["session_id"], tutor)
    assert (session["student_id"], session["status"], session["subject"]) == ("somebody", "scheduled", "maths")
    assert session["scheduled_time"] == "2026-03-11T11:00:00Z"
    assert (session["booked_at"], session["completed_time"], session["duration_minutes"]) == (None, None, 60)
    assert session["created_at"].endswith("Z")
    assert before < datetime.fromisoformat(session["created_at"]) < datetime.now(UTC) + timedelta(seconds=1)
    assert promises(service, session["id"]) == 1

    assert ingest.post("/api/sessions", json=body).json() == session
    done = ingest.post("/api/sessions", json={**body, "status": "completed", "completed_time": "2026-03-11T12:00:00Z"})
    assert done.status_code == 202
    assert done.json() == session | {
        "status": "completed", "completed_time": "2026-03-11T12:00:00Z", "updated_at": done.json()["updated_at"],
    }  # fmt: skip
    assert promises(service, session["id"]) == 2
    query = "SELECT left(actor, 6), action, details FROM audit_log WHERE subject = :id ORDER BY id"
    assert rows(service, query, id=session["id"]) == [
        ("rails ", "post sessions", {"new": 1, "outcomes": 0}),
        ("rails ", "post sessions", {"new": 0, "outcomes": 1}),
    ]


def test_a_session_that_was_rescheduled(service: Service, ingest: httpx.Client, tutor: str) -> None:
    session = ingest.post("/api/sessions", json=moved(tutor)).json()
    assert session.keys() == FIELDS
    query = "SELECT initiator, new_time, reason, reason_code FROM reschedules WHERE session_id = :id"
    assert rows(service, query, id=session["id"]) == [("tutor", None, "ill", "illness")]


def test_a_session_that_is_stored_otherwise(ingest: httpx.Client, tutor: str) -> None:
    body = told(tutor)
    assert ingest.post("/api/sessions", json=body).status_code == 202
    conflict = problem(ingest.post("/api/sessions", json={**body, "duration_minutes": 45}), 409)
    assert "another duration_minutes, so nothing was changed" in conflict["detail"]


def test_an_unknown_tutor(service: Service, ingest: httpx.Client) -> None:
    body = told(str(uuid.uuid4()))
    assert body["tutor_id"] in problem(ingest.post("/api/sessions", json=body), 404)["detail"]
    assert rows(service, "SELECT count(*) FROM sessions WHERE id = :id", id=body["session_id"]) == [(0,)]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"status": "rescheduled"}, "reschedule_info"),
        ({"reschedule_info": {"initiator": "tutor"}}, "reschedule_info"),
        ({"completed_time": "2026-03-11T12:00:00Z"}, "completed_time"),
        ({"status": "completed", "completed_time": "2026-03-11T10:59:59Z"}, "completed_time"),
        ({"status": "done"}, "status"),
        ({"session_id": "7"}, "session_id"),
        ({"tutor_id": None}, "tutor_id"),
        ({"student_id": ""}, "student_id"),
        ({"student_id": "x" * 256}, "student_id"),
        ({"scheduled_time": "2999-01-01T00:00:00Z"}, "scheduled_time"),
        ({"scheduled_time": "1999-12-31T23:59:59Z"}, "scheduled_time"),
        ({"duration_minutes": 301}, "duration_minutes"),
        ({"duration_minutes": "60"}, "duration_minutes"),
        ({"subject": "x" * 256}, "subject"),
        ({"booked_at": "2026-03-11T11:00:01Z"}, "booked_at"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_what_is_wrong_is_named(service: Service, ingest: httpx.Client, tutor: str, changes: Any, field: str) -> None:
    body = told(tutor, **changes)
    errors = problem(ingest.post("/api/sessions", json=body), 400)["errors"]
    assert [error["field"] for error in errors] == [field]
    query = "SELECT count(*) FROM sessions WHERE id::text = :id"
    assert rows(service, query, id=body["session_id"]) == [(0,)]


HOSTILE = {
    "nothing": b"",
    "no JSON": b"session",
    "a list": b"[]",
    "NaN": b'{"duration_minutes": NaN}',
    "1e999": b'{"duration_minutes": 1e999}',
    "5,000 digits": b'{"duration_minutes": ' + b"9" * 5_000 + b"}",
    "NUL": b'{"student_id": "a\\u0000"}',
    "lone surrogate": b'{"student_id": "\\ud800"}',
    "deep": b'{"student_id": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "no sessions": b'{"sessions": []}',
    "sessions and more": b'{"sessions": [1], "more": 1}',
}


@pytest.mark.parametrize("path", ["/api/sessions", "/api/sessions/batch"])
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_bodies(ingest: httpx.Client, path: str, name: str) -> None:
    problem(ingest.post(path, content=HOSTILE[name], headers={"Content-Type": "application/json"}), 400)


def test_who_may_tell(service: Service, client: httpx.Client, tutor: str) -> None:
    for path, body in (("/api/sessions", told(tutor)), ("/api/sessions/batch", {"sessions": [told(tutor)]})):
        problem(client.post(path, json=body), 403)  # a key that may only read
        headers = {"X-Forwarded-For": "192.0.2.77"}
        problem(httpx.post(service.url + path, json=body, headers=headers), 401)


def test_a_batch(service: Service, ingest: httpx.Client, tutor: str) -> None:
    good, other, twice = told(tutor), moved(tutor), told(tutor)
    sessions: list[Any] = [
        good, told(str(uuid.uuid4())), 5, other, {**good, "subject": "physics"}, told(tutor, colour="red"), twice,
        twice, {**twice, "status": "no_show"},
    ]  # fmt: skip
    answer = ingest.post("/api/sessions/batch", json={"sessions": sessions})
    assert answer.status_code == 202
    taken = answer.json()
    assert taken.keys() == {"accepted", "refused"}
    assert taken["accepted"] == 3
    assert [(one["index"], one["status"]) for one in taken["refused"]] == [(1, 404), (2, 400), (4, 409), (5, 400)]
    assert all(one.keys() == {"index", "status", "detail"} and one["detail"] for one in taken["refused"])
    ids = [one["session_id"] for one in (good, other, twice)]
    assert promises(service, *ids) == 4  # one with its outcome
    query = "SELECT status FROM sessions WHERE id = :id"
    assert [rows(service, query, id=one) for one in ids] == [[("scheduled",)], [("rescheduled",)], [("no_show",)]]

    again = ingest.post("/api/sessions/batch", json={"sessions": [other, twice]}).json()
    assert again["accepted"] == 1
    assert [(one["index"], one["status"]) for one in again["refused"]] == [(1, 409)]


def test_a_thousand_and_not_one_more(service: Service, ingest: httpx.Client, tutor: str) -> None:
    sessions = [told(tutor) for _ in range(1_001)]
    errors = problem(ingest.post("/api/sessions/batch", json={"sessions": sessions}), 400)["errors"]
    assert [error["field"] for error in errors] == ["sessions"]
    answer = ingest.post("/api/sessions/batch", json={"sessions": sessions[:1_000]})
    assert answer.json() == {"accepted": 1_000, "refused": []}
    assert promises(service, *(session["session_id"] for session in sessions)) == 1_000


def test_a_batch_may_be_of_5_mib_and_a_session_of_one(ingest: httpx.Client, tutor: str) -> None:
    reason = {"initiator": "tutor", "reason": "x" * 2**20}
    large = moved(tutor) | {"reschedule_info": reason}
    problem(ingest.post("/api/sessions", json=large), 413)
    assert ingest.post("/api/sessions/batch", json={"sessions": [large] * 4}).json() == {"accepted": 1, "refused": []}
    problem(ingest.post("/api/sessions/batch", json={"sessions": [large] * 5}), 413)


def test_fifty_posts_of_one_session_at_once(service: Service, ingest: httpx.Client, tutor: str) -> None:
    """Over both workers: a connection each."""
    body = told(tutor)
    outcome = {**body, "status": "no_show"}

    def post(session: dict[str, Any]) -> httpx.Response:
        return httpx.post(f"{service.url}/api/sessions", json=session, headers=dict(ingest.headers), timeout=60)

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(post, [body] * 50))
        assert {answer.status_code for answer in answers} == {202}
        assert len({answer.text for answer in answers}) == 1
        assert promises(service, body["session_id"]) == 1
        answers = list(pool.map(post, [outcome] * 50))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.text for answer in answers}) == 1
    assert promises(service, body["session_id"]) == 2


def test_the_document_tells_of_sessions(client: httpx.Client) -> None:
    paths = client.get("/docs.json").json()["paths"]
    assert {"202", "400", "404", "409"} <= paths["/api/sessions"]["post"]["responses"].keys()
    assert {"202", "400"} <= paths["/api/sessions/batch"]["post"]["responses"].keys()
    webhook = paths["/api/webhooks/sessions"]["post"]
    assert {"202", "400", "401", "404", "409"} <= webhook["responses"].keys()
    assert webhook["security"] == []
    assert [parameter["name"] for parameter in webhook["parameters"]] == ["X-TQS-Timestamp", "X-TQS-Signature"]
    assert len(webhook["requestBody"]["content"]["application/json"]["schema"]["oneOf"]) == 2
