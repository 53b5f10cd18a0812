"""The document and the page that shows it, without a server: the service's own application, never started."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from bentos.auth import App
from bentos.paths import MODEL_PATHS
from bentos.service import TutorQuality
from tests.bentos.test_auth import call, open_worker

SCOPES = {"/predict_match": "read", "/api/sessions": "ingest", "/api/tutors": "admin"}


# Clients were written against these.
CONTRACT = """\
GET /api/health
GET /api/models
POST /api/sessions
POST /api/sessions/batch
POST /api/webhooks/sessions
GET /api/tutors
POST /api/tutors
GET /api/tutors/{tutor_id}
DELETE /api/tutors/{tutor_id}
GET /api/tutors/{tutor_id}/history
GET /api/matching/students
POST /api/matching/students
GET /api/matching/students/{student_id}
PATCH /api/matching/students/{student_id}
GET /api/matching/tutors
GET /api/matching/tutors/{tutor_id}
PATCH /api/matching/tutors/{tutor_id}
GET /api/matching/predict/{student_id}/{tutor_id}
POST /api/matching/generate-all
GET /api/jobs/{job_id}
POST /api/matching/refresh-all
POST /api/matching/refresh-tutor/{tutor_id}
POST /api/matching/refresh-student/{student_id}
GET /api/matching/students/{student_id}/matches
GET /api/matching/tutors/{tutor_id}/matches
GET /api/matching/explain/{student_id}/{tutor_id}
POST /api/matching/run-matching
GET /api/upcoming-sessions
POST /api/upcoming-sessions/batch-predict
POST /api/upcoming-sessions/{session_id}/refresh
GET /api/upcoming-sessions/{session_id}/predict
POST /api/upcoming-sessions/{session_id}/interventions
GET /api/upcoming-sessions/{session_id}/interventions"""


@pytest.fixture(scope="module")
def application() -> App:
    """BentoML's application without the guard, which `call` puts around it."""
    app: App = TutorQuality.to_open_asgi()
    return app


def references(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*(references(value) for value in node.values()))
    return set().union(*(references(value) for value in node)) if isinstance(node, list) else set()


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_the_page_is_open_in_development_and_loads_nothing_from_elsewhere(application: App, path: str) -> None:
    page = call(path, app=application, worker=open_worker(), key=None)
    assert page.status == 200
    assert page.headers["content-type"].startswith("text/html")
    policy = dict(part.strip().split(" ", 1) for part in page.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == policy["script-src"] == "'self'"
    loaded = re.findall(rb'(?:src|href)="([^"]*)"', page.body)
    assert len(loaded) == 6
    for file in loaded:
        assert call(file.decode(), app=application, worker=open_worker(), key=None).status == 200


def test_the_document_that_is_served_is_complete(application: App) -> None:
    answer = call("/docs.json", app=application, worker=open_worker(), key=None)
    document = json.loads(answer.body)
    assert {*MODEL_PATHS, "/api/health", "/api/models"} <= document["paths"].keys()
    schemas = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert references(document) <= schemas
    assert document["security"] == [{"key": []}, {"token": []}]
    assert document["components"]["securitySchemes"]["token"]["scheme"] == "bearer"
    assert document["components"]["securitySchemes"]["key"]["name"] == "X-API-Key"
    assert document["paths"]["/api/health"]["get"]["security"] == []
    told = {path: document["paths"][path]["post"]["description"].rsplit("\n", 1)[1] for path in SCOPES}
    assert told == {path: f"Needs a key with the scope `{scope}`." for path, scope in SCOPES.items()}


def test_the_document_holds_the_contract_and_nothing_else() -> None:
    paths = TutorQuality.openapi_spec.asdict()["paths"]
    documented = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    assert documented == {*CONTRACT.split("\n"), *(f"POST {path}" for path in MODEL_PATHS)}


def test_native_endpoints_are_those_of_the_service() -> None:
    assert {f"/{name}" for name in TutorQuality.apis} == MODEL_PATHS


def test_answers_may_be_scored_or_not() -> None:
    document = TutorQuality.openapi_spec.asdict()
    answers = document["components"]["schemas"]["Predictions"]["items"]["anyOf"]
    assert [answer["$ref"].rsplit("/", 1)[1] for answer in answers] == ["Prediction", "Unscored"]


def test_a_body_is_an_object_or_the_bare_list_of_its_records() -> None:
    document = TutorQuality.openapi_spec.asdict()
    content = document["paths"]["/predict_match"]["post"]["requestBody"]["content"]["application/json"]
    whole, bare = content["schema"]["oneOf"]
    assert whole == {"$ref": "#/components/schemas/MatchBatch"}
    assert (bare["type"], bare["minItems"], bare["maxItems"]) == ("array", 1, 10_000)
    assert bare["items"] == {"$ref": "#/components/schemas/MatchRecord"}
    assert content["example"].keys() == {"records", "contributions"}


def test_records_are_closed_and_counted() -> None:
    schemas = TutorQuality.openapi_spec.asdict()["components"]["schemas"]
    assert schemas["SessionBatch"]["properties"]["records"]["maxItems"] == 10_000
    assert schemas["SessionRecord"]["additionalProperties"] is False
    assert schemas["PastSession"]["additionalProperties"] is False


def test_the_deadline_is_ours(application: Any) -> None:
    layers = [layer.cls.__name__ for layer in application.user_middleware]
    assert layers.count("Deadline") == 1
    assert "TimeoutMiddleware" not in layers
    assert (
        layers.index("RealPath") > layers.index("AccessLogMiddleware") > layers.index("RunnerTrafficMetricsMiddleware")
    )


def test_what_comes_too_late_is_documented_everywhere() -> None:
    """An answer of every operation, and the body of every one that takes one."""
    for path, operations in TutorQuality.openapi_spec.asdict()["paths"].items():
        for method, operation in operations.items():
            assert "504" in operation["responses"], path
            assert ("408" in operation["responses"]) == (method != "get"), path
