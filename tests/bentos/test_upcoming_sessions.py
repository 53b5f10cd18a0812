"""The sessions ahead on the live service: listed, predicted one by one and in batches, acted upon."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import insert

from bentos.routers.interventions import InterventionList, RecordedIntervention
from bentos.routers.upcoming_sessions import PredictedSession, UpcomingList
from features.catalogue import names_of
from records.tables import sessions, tutors
from tests.bentos.calls import problem
from tests.bentos.conftest import Service
from tests.bentos.telling import rows

pytestmark = pytest.mark.xdist_group("service")
PATH = "/api/upcoming-sessions"
STARTS = {"soon": 3.5, "tomorrow": 30.5, "late": 24 * 20 + 0.5, "past": -5.0}  # hours from now


@dataclass
class Ahead:
    """A tutor of this test's own with sessions by name."""

    service: Service
    tutor: str
    ids: dict[str, str]
    now: datetime

    def path(self, session: str, action: str) -> str:
        return f"{PATH}/{self.ids[session]}/{action}"

    def list(self, client: httpx.Client, **query: Any) -> UpcomingList:
        answer = client.get(PATH, params={"tutor_id": self.tutor, **query})
        assert answer.status_code == 200, answer.text
        return UpcomingList.model_validate_json(answer.content, strict=True)


@pytest.fixture
def ahead(service: Service) -> Iterator[Ahead]:
    now, tutor = datetime.now(UTC), uuid.uuid4()
    ids = {name: str(uuid.uuid4()) for name in (*STARTS, "cancelled")}
    with service.engine.begin() as connection:
        connection.execute(insert(tutors).values(id=tutor, name="Ann", email="ann@example.org", source="api"))
        for name, key in ids.items():
            start = now + timedelta(hours=STARTS.get(name, 6))
            status = "rescheduled" if name == "cancelled" else "scheduled"
            values = {"id": key, "tutor_id": tutor, "student_id": f"student of {name}", "scheduled_time": start}
            connection.execute(insert(sessions).values(**values, status=status, source="api", duration_minutes=45))
    yield Ahead(service, str(tutor), ids, now)
    with service.engine.begin() as connection:
        connection.execute(sessions.delete().where(sessions.c.tutor_id == tutor))


def audit(ahead: Ahead, session: str) -> list[Any]:
    return rows(ahead.service, "SELECT actor, action FROM audit_log WHERE subject = :id", id=ahead.ids[session])


def test_the_list_before_and_after_predictions(ahead: Ahead, client: httpx.Client, admin: httpx.Client) -> None:
    [soon, tomorrow] = ahead.list(client).sessions
    assert (str(soon.id), str(tomorrow.id)) == (ahead.ids["soon"], ahead.ids["tomorrow"])
    assert soon.model_dump() == {
        "id": soon.id,
        "tutor_id": uuid.UUID(ahead.tutor),
        "tutor_name": "Ann",
        "student_id": "student of soon",
        "student_name": None,
        "scheduled_time": ahead.now + timedelta(hours=3.5),
        "status": "scheduled",
        "reschedule_probability": None,
        "risk_level": None,
        "model_version": None,
        "predicted_at": None,
    }
    admin.post(ahead.path("tomorrow", "refresh")).raise_for_status()

    listed = ahead.list(client, sort_by="reschedule_probability", limit=1)
    assert (listed.total, listed.limit, listed.offset) == (2, 1, 0)
    [first] = listed.sessions
    assert (str(first.id), first.reschedule_probability, first.risk_level) == (ahead.ids["tomorrow"], 0.1, "low")
    assert first.model_version == "rule"
    assert first.predicted_at is not None
    assert abs(first.predicted_at - ahead.now) < timedelta(minutes=1)
    assert ahead.list(client, risk_level="low").total == 1
    assert ahead.list(client, risk_level="").total == 2
    assert ahead.list(client, risk_level="high").sessions == []
    assert ahead.list(client, days_ahead=1).total == 1
    assert ahead.list(client, days_ahead=90).total == 3
    assert ahead.list(client, offset=2).total == 2


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"days_ahead": 0}, "days_ahead"),
        ({"days_ahead": 91}, "days_ahead"),
        ({"days_ahead": "NaN"}, "days_ahead"),
        ({"risk_level": "huge"}, "risk_level"),
        ({"tutor_id": "ann"}, "tutor_id"),
        ({"tutor_id": "\0"}, "tutor_id"),
        ({"sort_by": "scheduled_time; DROP TABLE sessions"}, "sort_by"),
        ({"sort_order": "sideways"}, "sort_order"),
        ({"limit": 501}, "limit"),
        ({"limit": 0}, "limit"),
        ({"offset": -1}, "offset"),
        ({"offset": 10**30}, "offset"),
    ],
)
def test_a_value_that_cannot_be_asked_for(client: httpx.Client, query: dict[str, Any], field: str) -> None:
    errors = problem(client.get(PATH, params=query), 400)["errors"]
    assert {error["field"] for error in errors} == {field}


def test_the_allowed_values_are_named(client: httpx.Client) -> None:
    [error] = problem(client.get(PATH, params={"sort_by": "price"}), 400)["errors"]
    for name in ("scheduled_time", "reschedule_probability", "tutor_name", "student_id", "student_name"):
        assert f"'{name}'" in error["message"]


@pytest.mark.parametrize("method", ["refresh", "predict"])
def test_one_session_is_predicted_now(ahead: Ahead, client: httpx.Client, admin: httpx.Client, method: str) -> None:
    path = ahead.path("tomorrow", method)
    answer = admin.post(path) if method == "refresh" else client.get(path)
    assert answer.status_code == 200, answer.text
    found = PredictedSession.model_validate_json(answer.content, strict=True)
    assert str(found.session_id) == ahead.ids["tomorrow"]
    assert (found.reschedule_probability, found.risk_level, found.model_version) == (0.1, "low", "rule")
    assert list(found.features) == list(names_of("reschedule"))
    left = ahead.now + timedelta(hours=30.5) - found.predicted_at
    assert found.features["hours_until_session"] == left / timedelta(hours=1)
    assert found.features["session_duration_minutes"] == 45
    query = (
        "SELECT target, probability, predicted_at FROM session_reschedule_predictions WHERE session_id = :id ORDER BY 1"
    )
    assert rows(ahead.service, query, id=ahead.ids["tomorrow"]) == [
        ("no_show", 0.03, found.predicted_at),
        ("reschedule", 0.1, found.predicted_at),
    ]
    who = "tests-admin" if method == "refresh" else "tests"
    assert audit(ahead, "tomorrow") == [(who, "predict session")]


def test_what_cannot_be_predicted(ahead: Ahead, admin: httpx.Client, client: httpx.Client) -> None:
    stranger = uuid.uuid4()
    for method, action in (("POST", "refresh"), ("GET", "predict")):
        past = problem(admin.request(method, ahead.path("past", action)), 400)
        assert past["detail"].startswith(f"Session {ahead.ids['past']} is past, it was to start at ")
        over = problem(admin.request(method, ahead.path("cancelled", action)), 400)
        assert over["detail"].startswith(f"Session {ahead.ids['cancelled']} is rescheduled and not scheduled any more")
        unknown = problem(admin.request(method, f"{PATH}/{stranger}/{action}"), 404)
        assert unknown["detail"] == f"There is no session {stranger}."
        problem(admin.request(method, f"{PATH}/no-uuid/{action}"), 400)
    problem(client.post(ahead.path("soon", "refresh")), 403)


def test_a_batch_of_ids(ahead: Ahead, admin: httpx.Client, client: httpx.Client) -> None:
    ids = [ahead.ids[name] for name in ("soon", "past", "cancelled", "late", "soon")]
    answer = admin.post(f"{PATH}/batch-predict", json={"session_ids": [*ids, str(uuid.uuid4())]})
    assert (answer.status_code, answer.json()) == (200, {"predicted": 2, "errors": 3, "total": 5})
    listed = ahead.list(client, days_ahead=90, sort_by="reschedule_probability", sort_order="desc").sessions
    assert {str(one.id): one.reschedule_probability for one in listed} == {
        ahead.ids["soon"]: 0.1,
        ahead.ids["late"]: 0.1,
        ahead.ids["tomorrow"]: None,
    }


def test_a_batch_of_days(ahead: Ahead, admin: httpx.Client, client: httpx.Client) -> None:
    answer = admin.post(f"{PATH}/batch-predict", json={"days_ahead": 2})
    assert answer.status_code == 200
    found = answer.json()
    assert found["predicted"] == found["total"] >= 2
    assert found["errors"] == 0
    listed = ahead.list(client, days_ahead=90).sessions
    assert [one.reschedule_probability is None for one in listed] == [False, False, True]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"session_ids": [str(uuid.uuid4())], "days_ahead": 7},
        {"session_ids": []},
        {"session_ids": ["no-uuid"]},
        {"session_ids": [5]},
        {"session_ids": None},
        {"session_ids": str(uuid.uuid4())},
        {"session_ids": [str(uuid.uuid4()) for _ in range(1_001)]},
        {"days_ahead": 0},
        {"days_ahead": 91},
        {"days_ahead": "7"},
        {"days_ahead": 7.0},
        {"days_ahead": True},
        {"days_ahead": None},
        {"days_ahead": 7, "target": "reschedule"},
        {"sessions": []},
        [],
    ],
)
def test_a_batch_that_cannot_be_read(admin: httpx.Client, body: Any) -> None:
    problem(admin.post(f"{PATH}/batch-predict", json=body), 400)


def test_which_of_the_two_is_said(admin: httpx.Client) -> None:
    [error] = problem(admin.post(f"{PATH}/batch-predict", json={}), 400)["errors"]
    assert error["message"] == "either session_ids or days_ahead is needed: neither is there"


def test_interventions(ahead: Ahead, admin: httpx.Client, client: httpx.Client) -> None:
    path = ahead.path("soon", "interventions")
    assert client.get(path).json() == {"interventions": [], "total": 0, "limit": 50, "offset": 0}
    for body in ({"kind": "reminder"}, {"kind": "call", "note": "Ännchen — will come"}):
        answer = admin.post(path, json=body)
        assert answer.status_code == 201, answer.text
        made = RecordedIntervention.model_validate_json(answer.content, strict=True)
        assert made.model_dump() == {
            "id": made.id,
            "session_id": uuid.UUID(ahead.ids["soon"]),
            "tutor_id": uuid.UUID(ahead.tutor),
            "note": None,
            **body,
            "actor": "tests-admin",
            "created_at": made.created_at,
        }
    listed = InterventionList.model_validate_json(client.get(path).content, strict=True)
    assert [(one.kind, one.outcome) for one in listed.interventions] == [("call", None), ("reminder", None)]
    assert InterventionList.model_validate_json(client.get(path, params={"limit": 1, "offset": 1}).content).model_dump(
        include={"total", "limit", "offset"}
    ) == {"total": 2, "limit": 1, "offset": 1}
    mail = "SELECT kind, recipient, state FROM email_reports WHERE session_id = :id"
    assert rows(ahead.service, mail, id=ahead.ids["soon"]) == [("reminder", "ann@example.org", "pending")]
    assert audit(ahead, "soon") == [("tests-admin", "intervene")] * 2
    again = problem(admin.post(path, json={"kind": "reminder"}), 409)
    assert again["detail"].endswith("another one can follow after an hour.")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"kind": "fire"},
        {"kind": None},
        {"kind": "note", "note": "a\0b"},
        {"kind": "note", "note": ""},
        {"kind": "note", "note": "x" * 2_001},
        {"kind": "note", "note": 5},
        {"kind": "note", "actor": "someone else"},
        {"note": "no kind"},
        [],
    ],
)
def test_an_intervention_that_cannot_be_read(ahead: Ahead, admin: httpx.Client, body: Any) -> None:
    problem(admin.post(ahead.path("soon", "interventions"), json=body), 400)
    lone = b'{"kind": "note", "note": "\\ud800"}'
    headers = {"content-type": "application/json"}
    problem(admin.post(ahead.path("soon", "interventions"), content=lone, headers=headers), 400)
    query = "SELECT count(*) FROM interventions WHERE session_id = :id"
    assert rows(ahead.service, query, id=ahead.ids["soon"]) == [(0,)]


def test_interventions_about_sessions_that_are_not_ahead(ahead: Ahead, admin: httpx.Client) -> None:
    stranger = f"{PATH}/{uuid.uuid4()}/interventions"
    problem(admin.get(stranger), 404)
    for kind, past in (("reminder", 400), ("reassign", 400), ("call", 201), ("note", 201)):
        assert admin.post(ahead.path("past", "interventions"), json={"kind": kind}).status_code == past
        problem(admin.post(stranger, json={"kind": kind}), 404)
    path = ahead.path("cancelled", "interventions")
    assert admin.post(path, json={"kind": "call"}).status_code == 201
    [listed] = InterventionList.model_validate_json(admin.get(path).content, strict=True).interventions
    assert listed.outcome is not None
    assert listed.outcome.model_dump() == {"status": "rescheduled", "tutor_rescheduled": False}  # nobody said by whom


def test_every_route_needs_a_key_with_its_scope(service: Service, ahead: Ahead, client: httpx.Client) -> None:
    routes = [
        ("GET", PATH),
        ("POST", f"{PATH}/batch-predict"),
        ("POST", ahead.path("soon", "refresh")),
        ("GET", ahead.path("soon", "predict")),
        ("GET", ahead.path("soon", "interventions")),
        ("POST", ahead.path("soon", "interventions")),
    ]
    for method, path in routes:
        problem(httpx.request(method, service.url + path), 401)
        if method == "POST":
            problem(client.request(method, path, json={}), 403)
