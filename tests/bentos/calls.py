"""Calls that the tests of the running service make."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx

from bentos import examples
from tests.bentos.conftest import WEBHOOK_SECRETS, Service

MODEL_PATHS = ("/predict_match", "/predict_reschedule", "/predict_no_show", "/score_tutors")
WEBHOOK = "/api/webhooks/sessions"
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


def operations(document: dict[str, Any], nobody: str = "") -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, path with the id of `nobody` (each time another where not given), and what the document says of it."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), re.sub(r"\{[^}]*\}", nobody or str(uuid4()), path), operation


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """A webhook's signature, worked out as its sender would."""
    return hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()


def ask(client: httpx.Client, method: str, path: str, body: bytes = b"", **headers: str) -> httpx.Response:
    """Call any route with what it needs beside a key."""
    sent = {"Content-Type": "application/json"} if body else {}
    if path == WEBHOOK:
        now = str(int(time.time()))
        sent |= {"X-TQS-Timestamp": now, "X-TQS-Signature": sign(WEBHOOK_SECRETS[0], now, body)}
    return client.request(method, path, content=body or None, headers={**sent, **headers})


def body_of(method: str, path: str, nobody: str) -> bytes:
    """A body of the form that a route takes, about the id of nobody; empty where it takes none."""
    one = {
        "session_id": nobody, "tutor_id": nobody, "student_id": "x", "status": "scheduled",
        "scheduled_time": "2026-03-11T12:00:00Z",
    }  # fmt: skip
    bodies: dict[str, Any] = {
        "POST /api/sessions": one,
        "POST /api/sessions/batch": {"sessions": [one]},
        f"POST {WEBHOOK}": one,
        "POST /api/tutors": {"name": "Ada"},
        "POST /api/matching/students": {"name": "Mia"},
        f"PATCH /api/matching/students/{nobody}": {"preferred_pace": 3},
        f"PATCH /api/matching/tutors/{nobody}": {"preferred_pace": 3},
        "POST /api/matching/run-matching": {"student_ids": [nobody], "tutor_ids": [nobody]},
        "POST /api/upcoming-sessions/batch-predict": {"days_ahead": 1},
        f"POST /api/upcoming-sessions/{nobody}/interventions": {"kind": "note", "note": "called"},
    }
    found = bodies.get(f"{method} {path}")
    return b"" if found is None else json.dumps(found).encode()
