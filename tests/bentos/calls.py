"""Calls that the tests of the running service make."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from bentos import examples
from tests.bentos.conftest import Service

MODEL_PATHS = ("/predict_match", "/predict_reschedule", "/predict_no_show", "/score_tutors")
AS_OF = "2026-12-01T08:00:00Z"
STATISTICS = examples.SESSION["records"][0]["tutor_statistics"]


def session(**changes: Any) -> dict[str, Any]:
    return {"scheduled_time": "2026-12-03T15:00:00Z", "as_of": AS_OF, "tutor_statistics": STATISTICS, **changes}


def post(client: httpx.Client, path: str, *records: Any, **more: Any) -> Any:
    answer = client.post(path, json={"records": list(records), **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["status"] == status
    assert {"type", "title", "detail"} <= document.keys()
    return document


def all_say(service: Service, path: str, status: int) -> bool:
    """Whether every answer has this status, asked at once on connections of their own: both workers take part."""

    def ask(_: int) -> int:
        return httpx.get(service.url + path, timeout=30).status_code

    with ThreadPoolExecutor(8) as pool:
        return set(pool.map(ask, range(16))) == {status}


def all_answer_by(service: Service, target: str, version: str) -> bool:
    """Whether both workers answer for `reschedule` or `no_show` by this version."""

    def ask(_: int) -> Any:
        with service.client as client:
            return post(client, f"/predict_{target}", session())[0]["model_version"]

    with ThreadPoolExecutor(8) as pool:
        return set(pool.map(ask, range(16))) == {version}


def connect_raw(service: Service, header: str) -> socket.socket:
    """A connection on which the head of a POST of JSON, with one more header, was sent."""
    host, port = service.url.removeprefix("http://").split(":")
    connection = socket.create_connection((host, int(port)), timeout=30)
    head = ["POST /predict_match HTTP/1.1", "Host: x", f"X-API-Key: {service.key}", "Content-Type: application/json"]
    connection.sendall("\r\n".join([*head, header, "", ""]).encode())
    return connection


HOSTILE = {
    "no JSON": b"records",
    "NaN": b'{"records": [{"student": {"age": NaN}, "tutor": {}}]}',
    "1e999": b'{"records": [{"student": {"age": 1e999}, "tutor": {}}]}',
    "NUL": b'{"records": [{"student": {"student_id": "a\\u0000"}, "tutor": {}}]}',
    "lone surrogate": b'{"records": [{"student": {"student_id": "\\ud800"}, "tutor": {}}]}',
    "5,000 digits": b'{"records": [{"student": {"age": ' + b"9" * 5_000 + b'}, "tutor": {}}]}',
    "deep": b'{"records": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "empty list": b'{"records": []}',
    "a list": b"[]",
    "nothing": b"",
    "unknown member": b'{"records": [{}], "model": "mine"}',
}
