"""Whatever an error below looked like, what leaves is a problem document that says no more than it may."""

from __future__ import annotations

import json
from typing import Any, Literal
from uuid import UUID

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import ValidationError

from bentos.problems import Problem, translate_error
from bentos.routers.assignment import MatchingRequest


def document(problem: Problem) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(problem.to_json())
    return found


def test_a_problem_has_the_members_of_rfc_9457() -> None:
    assert document(Problem(404)) == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "There is nothing at this address; GET /docs.json lists the addresses there are.",
    }


def test_validation_errors_name_their_field_and_not_their_input() -> None:
    body = {
        "error": "1 validation error for SessionBatch",
        "detail": [{"type": "missing", "loc": ["records"], "msg": "Field required", "input": {"name": "Mia"}}],
    }
    found = document(translate_error(400, json.dumps(body).encode()))
    assert found["errors"] == [{"field": "records", "message": "Field required"}]
    assert "Mia" not in json.dumps(found)


def test_fastapis_422_leaves_as_400() -> None:
    body = {"detail": [{"loc": ["query", "days_ahead"], "msg": "Value error, must be 1 to 90", "input": "900"}]}
    found = document(translate_error(422, json.dumps(body).encode()))
    assert (found["status"], found["title"]) == (400, "Bad Request")
    assert found["errors"] == [{"field": "days_ahead", "message": "must be 1 to 90"}]


def test_the_sentence_of_a_route_is_kept() -> None:
    found = document(translate_error(404, b'{"detail": "There is no tutor 12."}'))
    assert found["detail"] == "There is no tutor 12."


@pytest.mark.parametrize("status", [500, 502, 507])
def test_nothing_of_a_fault_of_ours_leaves(status: int) -> None:
    found = document(translate_error(status, b'{"detail": "psycopg2.OperationalError: password=hunter2"}'))
    assert found["status"] == 500
    assert "hunter2" not in json.dumps(found)


@pytest.mark.parametrize("body", [b"", b"Not Found", b"[1]", b'{"detail": 5}', b"\xff\x00", b'{"detail": [1, null]}'])
def test_any_body_can_be_translated(body: bytes) -> None:
    assert document(translate_error(404, body))["status"] == 404


def test_not_more_than_a_hundred_errors_are_told() -> None:
    body = {"detail": [{"loc": ["body", i], "msg": "no"} for i in range(500)]}
    assert len(document(translate_error(422, json.dumps(body).encode()))["errors"]) == 100


@pytest.mark.parametrize("tutor_id", ["ann", "1"])
def test_a_field_of_several_kinds_is_named_without_them(tutor_id: str) -> None:
    app = FastAPI()

    @app.get("/")
    def read(tutor_id: UUID | Literal[""] = "") -> str:
        return str(tutor_id)

    answer = TestClient(app).get("/", params={"tutor_id": tutor_id})
    errors = document(translate_error(422, answer.content))["errors"]
    assert {error["field"] for error in errors} == {"tutor_id"}


@pytest.mark.parametrize("capacity", [-1, 1.5, "2", True, None, {"ada": 1}, {"ada": -1}, []])
def test_a_capacity_of_any_wrong_kind_is_named_capacity(capacity: object) -> None:
    with pytest.raises(ValidationError) as caught:
        MatchingRequest.model_validate({"capacity": capacity, "student_ids": [], "tutor_ids": []})
    body = json.dumps({"detail": caught.value.errors(include_url=False, include_context=False)}, default=str)
    fields = {error["field"] for error in document(translate_error(422, body.encode()))["errors"]}
    assert fields - {"student_ids", "tutor_ids"} == {"capacity"}
