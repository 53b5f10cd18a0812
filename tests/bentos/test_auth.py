"""The layer around everything, against an application that does what it is told."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from access.keys import hash_key
from access.ring import ApiKey, KeyRing
from bentos.auth import Guard
from bentos.gate import Gate
from bentos.paths import PathNames
from tests.loops import run_coroutine
from tqs.settings import Settings

GOOD, READER, INGESTER = "good-key", "reader-key", "ingester-key"
NEW = f"tqs_{'n' * 43}"
RING = KeyRing(
    {
        hash_key(GOOD): ApiKey(None, "good", frozenset({"admin"})),
        hash_key(READER): ApiKey(None, "reader", frozenset({"read"})),
        hash_key(INGESTER): ApiKey(None, "ingester", frozenset({"ingest"})),
    }
)


HOMES = TemporaryDirectory(prefix="tqs-gates-")
_numbers = itertools.count()


def make_gate(**settings: Any) -> Gate:
    """A gate that has counted nothing."""
    return Gate(Settings(home=Path(HOMES.name) / str(next(_numbers)), **settings))


@dataclass
class FakeWorker:
    keys: KeyRing | None = field(default_factory=lambda: RING)
    newer: KeyRing | None = None
    gate: Gate = field(default_factory=make_gate)

    async def newer_keys(self) -> KeyRing | None:
        return self.newer or self.keys


def open_worker() -> FakeWorker:
    """A worker of a service in development."""
    return FakeWorker(gate=make_gate(env="development"))


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        assert self.headers["content-type"] == "application/problem+json"
        assert int(self.headers["content-length"]) == len(self.body)
        found: dict[str, Any] = json.loads(self.body)
        assert found["status"] == self.status
        return found


App = Callable[[Any, Any, Any], Awaitable[None]]
NAMES = PathNames(["/api/models", "/api/sessions", "/api/tutors/{tutor_id}", "/predict_match"])


def guard(app: App, worker: FakeWorker) -> Guard:
    return Guard(app, lambda: worker, NAMES)


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the body and the name of the key."""
    body = (await receive()).get("body", b"") if scope["method"] == "POST" else b""
    key = scope.get("state", {}).get("api_key")
    headers = [(b"content-type", b"text/plain"), (b"server", b"secret"), (b"x-key", (key.name if key else "").encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def answering(status: int, body: bytes, *headers: tuple[bytes, bytes]) -> App:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": list(headers)})
        await send({"type": "http.response.body", "body": body[:3], "more_body": True})
        await send({"type": "http.response.body", "body": body[3:]})

    return app


def call(
    path: str,
    *,
    app: App = echo,
    worker: FakeWorker | None = None,
    method: str = "GET",
    body: bytes = b"",
    key: str | None = GOOD,
    client: str = "10.0.0.1",
    **headers: str,
) -> Answer:
    sent: list[dict[str, Any]] = []
    given = {**headers, **({} if key is None else {"x-api-key": key})}
    if body:
        given.setdefault("content_type", "application/json")
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "root_path": "",
        "query_string": b"",
        "scheme": "http",
        "http_version": "1.1",
        "server": ("127.0.0.1", 80),
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in given.items()],
        "client": (client, 50000),
    }

    arriving = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if not arriving:
            await asyncio.Event().wait()  # the client waits for its answer
        return arriving.pop()

    async def send(message: Any) -> None:
        sent.append(message)

    run_coroutine(guard(app, worker or FakeWorker())(scope, receive, send))
    start, *rest = sent
    assert start["type"] == "http.response.start"
    names = {name.decode(): value.decode() for name, value in start["headers"]}
    return Answer(start["status"], names, b"".join(message.get("body", b"") for message in rest))


def test_a_good_key_is_let_in_and_told_on() -> None:
    answer = call("/api/models")
    assert (answer.status, answer.headers["x-key"]) == (200, "good")


@pytest.mark.parametrize("key", [None, "", "wrong", GOOD.upper(), GOOD + " "])
def test_a_missing_or_wrong_key_is_refused(key: str | None) -> None:
    answer = call("/api/models", key=key)
    assert answer.document["title"] == "Unauthorized"
    assert answer.headers["www-authenticate"] == "X-API-Key"


@pytest.mark.parametrize("path", ["/api/health", "/livez", "/readyz", "/healthz"])
def test_probes_need_no_key(path: str) -> None:
    assert call(path, key=None).status == 200


@pytest.mark.parametrize(
    "path",
    ["/", "/docs.json", "/metrics", "/static_content/swagger-ui.css", "/schema.json", "/predict_match", "/nothing",
     "//api/health", "/api/health/", "/API/HEALTH", "/api/health/../models", "/livez/x", "/api/health%2e"],
)  # fmt: skip
def test_everything_else_needs_one(path: str) -> None:
    assert call(path, key=None).status == 401


@pytest.mark.parametrize("path", ["/", "/docs.json", "/metrics", "/static_content/swagger-ui.css"])
def test_docs_and_metrics_are_open_in_development(path: str) -> None:
    assert call(path, key=None, worker=open_worker()).status == 200


@pytest.mark.parametrize("path", ["/schema.json", "/predict_match", "/api/models", "/static_content"])
def test_nothing_else_is_open_in_development(path: str) -> None:
    assert call(path, key=None, worker=open_worker()).status == 401


def test_a_key_that_was_just_made_is_let_in() -> None:
    worker = FakeWorker(keys=KeyRing({}), newer=KeyRing({hash_key(NEW): ApiKey(None, "new", frozenset({"read"}))}))
    assert {call("/api/models", key=NEW, worker=worker).status for _ in range(100)} == {200}
    assert [call("/api/models", key="wrong", worker=worker).status for _ in range(61)] == [401] * 60 + [429]
    assert call("/api/models", key=NEW, worker=worker).status == 200


def test_a_key_that_cannot_be_looked_for_is_refused_for_now_and_not_counted() -> None:
    class Slow(FakeWorker):
        async def newer_keys(self) -> None:
            return None

    worker = Slow()
    assert {call("/api/models", key=NEW, worker=worker).status for _ in range(100)} == {503}
    assert [call("/api/models", key="wrong", worker=worker).status for _ in range(61)] == [401] * 60 + [429]


def test_keys_that_could_never_be_read_are_our_fault() -> None:
    answer = call("/api/models", worker=FakeWorker(keys=None))
    assert answer.document["status"] == 503
    assert answer.headers["retry-after"] == "2"


def test_refused_keys_are_throttled_and_good_ones_never() -> None:
    worker = FakeWorker()
    assert [call("/api/models", key="wrong", worker=worker).status for _ in range(61)] == [401] * 60 + [429]
    answer = call("/api/models", key="wrong", worker=worker)
    assert 1 <= int(answer.headers["retry-after"]) <= 64
    assert "Retry-After" in answer.document["detail"]
    assert call("/api/models", worker=worker).status == 200
    assert call("/api/models", key="wrong", worker=worker, client="10.0.0.2").status == 401


def test_scopes() -> None:
    assert call("/api/models", key=READER).status == 200
    assert call("/predict_match", key=READER, method="POST", body=b"{}").status == 200
    assert call("/api/sessions", key=INGESTER, method="POST", body=b"{}").status == 200
    assert call("/api/models", key=INGESTER).document["detail"].startswith("This call needs a key with the scope read")
    assert call("/api/models", key=READER, method="DELETE").document["status"] == 403
    assert call("/api/sessions", key=READER, method="POST", body=b"{}").document["status"] == 403
    assert call("/api/sessions/", key=INGESTER, method="POST", body=b"{}").document["status"] == 403


def test_two_keys_are_none() -> None:
    async def run() -> int:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        headers = [(b"x-api-key", GOOD.encode()), (b"x-api-key", GOOD.encode())]
        scope = {"type": "http", "method": "GET", "path": "/api/models", "headers": headers, "client": None}
        await guard(echo, FakeWorker())(scope, None, send)  # type: ignore[arg-type]
        return int(sent[0]["status"])

    assert run_coroutine(run()) == 401


def test_a_body_reaches_the_application_whole() -> None:
    assert call("/predict_match", method="POST", body=b'{"records": []}').body == b'{"records": []}'
    assert call("/api/sessions", method="POST", body=b"").body == b""


def test_bodies_have_a_limit_that_depends_on_the_path() -> None:
    answer = call("/api/x", method="POST", body=b"[" + b" " * 1024**2 + b"]")
    assert answer.document["detail"] == "The body is larger than 1 MiB; send it in parts."
    assert call("/predict_match", method="POST", body=b"[" + b" " * 1024**2 + b"]").status == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content_type": "application/json"}, 200),
        ({"content_type": "Application/JSON; charset=UTF-8"}, 200),
        ({"content_type": "application/json; charset=latin-1"}, 415),
        ({"content_type": "text/plain"}, 415),
        ({"content_type": "application/x-www-form-urlencoded"}, 415),
        ({"content_type": "multipart/form-data; boundary=x"}, 415),
        ({"content_type": "application/vnd.bentoml+pickle"}, 415),
        ({"content_encoding": "gzip"}, 415),
        ({"content_length": "99999999999"}, 413),
    ],
)
def test_kinds_of_bodies(headers: dict[str, str], status: int) -> None:
    assert call("/predict_match", method="POST", body=b"{}", **headers).status == status


def test_hostile_json_never_reaches_the_application() -> None:
    async def never(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError

    answer = call("/predict_match", app=never, method="POST", body=b'{"records": [NaN]}')
    assert answer.document["detail"].startswith("The body is no JSON")


def test_errors_of_the_application_become_problem_documents() -> None:
    app = answering(422, b'{"detail": [{"loc": ["query", "limit"], "msg": "too large"}]}', (b"content-type", b"a/json"))
    answer = call("/api/models", app=app)
    assert answer.status == 400
    assert answer.document["errors"] == [{"field": "limit", "message": "too large"}]


def test_headers_that_matter_stay_with_an_error() -> None:
    answer = call("/api/models", app=answering(405, b"Method Not Allowed", (b"Allow", b"GET"), (b"x-inner", b"1")))
    assert answer.headers["allow"] == "GET"
    assert "x-inner" not in answer.headers


def test_a_dependency_that_is_down_says_when_to_come_back() -> None:
    assert call("/api/models", app=answering(503, b"not ready")).headers["retry-after"] == "2"


def test_a_problem_document_and_the_health_report_leave_as_they_are() -> None:
    own = b'{"type": "about:blank", "title": "Conflict", "status": 409, "detail": "mine"}'
    answer = call("/api/x", app=answering(409, own, (b"content-type", b"application/problem+json")))
    assert answer.body == own
    report = b'{"status": "unhealthy"}'
    assert call("/api/health", app=answering(503, report, (b"content-type", b"application/json"))).body == report


def test_an_exception_is_a_500_that_tells_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        raise RuntimeError("secret")

    answer = call("/api/models", app=broken)
    assert answer.document["status"] == 500
    assert b"secret" not in answer.body


def test_an_exception_after_the_500_of_the_application_sends_nothing_more() -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 500, "headers": []})
        await send({"type": "http.response.body", "body": b"Internal Server Error"})
        raise RuntimeError

    assert call("/api/models", app=broken).document["status"] == 500


@pytest.mark.parametrize("path", ["/api/models", "/nothing", "/api/health"])
@pytest.mark.parametrize("key", [GOOD, "wrong"])
def test_every_answer_carries_the_security_headers(path: str, key: str) -> None:
    headers = call(path, key=key).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert headers["content-security-policy"].startswith("default-src 'none'")
    assert "server" not in headers


def test_websockets_are_closed() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    run_coroutine(guard(echo, FakeWorker())({"type": "websocket", "path": "/"}, None, send))  # type: ignore[arg-type]
    assert sent == [{"type": "websocket.close", "code": 1008}]
