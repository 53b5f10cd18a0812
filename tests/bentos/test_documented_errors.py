"""Every error that the document names, of every route, provoked on the live service; none that it does not name.

What is peculiar to a route (why it says 409) is tested with it; here is what must hold for all of them alike.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from access.keys import create_key
from bentos.service import TutorQuality
from tests.bentos.calls import WEBHOOK, ask, body_of, operations, problem
from tests.bentos.conftest import Service
from tests.bentos.test_auth import FakeWorker, call, make_gate

pytestmark = pytest.mark.xdist_group("service")

HEALTH = "/api/health"
SOMEBODY = str(uuid.uuid4())
DOCUMENT = TutorQuality.openapi_spec.asdict()
ROUTES = [
    pytest.param(method, path, operation, id=f"{method} {path.replace(SOMEBODY, 'id')}")
    for method, path, operation in operations(DOCUMENT, SOMEBODY)
]
# Provoked elsewhere: by what is peculiar to a route, by many calls, by a database that is gone, and by a fault of ours;
# a body that comes too slowly in test_body, an answer that does in test_deadline.
ELSEWHERE = {"408", "409", "429", "500", "503", "504"}


@pytest.fixture(scope="module")
def other(service: Service) -> Iterator[httpx.Client]:
    """A client whose key may do nothing but tell sessions."""
    key = create_key(service.engine, "of documented errors", scopes=["ingest"])
    with httpx.Client(base_url=service.url, headers={"X-API-Key": key}, timeout=30) as client:
        yield client


@pytest.mark.parametrize(("method", "path", "operation"), ROUTES)
def test_all_that_is_documented_happens(
    service: Service, admin: httpx.Client, client: httpx.Client, other: httpx.Client,
    method: str, path: str, operation: dict[str, Any],
) -> None:  # fmt: skip
    documented = {status for status in operation["responses"] if status >= "400"}
    seen: set[int] = set()

    def expect(answer: httpx.Response, *statuses: int) -> None:
        assert answer.status_code in statuses, f"{method} {path}: {answer.status_code} {answer.text[:300]}"
        problem(answer, answer.status_code)
        seen.add(answer.status_code)

    expect(ask(admin, "PUT", path), 405)
    if path == WEBHOOK:
        expect(ask(admin, method, path, b"{}", **{"X-TQS-Signature": "0" * 64, "X-Forwarded-For": "198.18.7.1"}), 401)
    elif path != HEALTH:
        with httpx.Client(base_url=service.url, headers={"X-Forwarded-For": f"198.18.8.{len(path)}"}) as nobody:
            answer = nobody.request(method, path)
            expect(answer, 401)
            assert answer.headers["www-authenticate"] == "X-API-Key"
        expect(ask(client if "ingest" in operation["description"] else other, method, path), 403)
    if method != "GET":
        expect(ask(admin, method, path, b'{"a": NaN}'), 400)
        expect(ask(admin, method, path, b"{}", **{"Content-Type": "text/plain"}), 415)
        expect(ask(admin, method, path, b"[" + b" " * (17 * 2**20) + b"]"), 413)
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path":
            expect(ask(admin, method, path.replace(SOMEBODY, "nobody")), 400)
        elif parameter["in"] == "query" and parameter["name"] != "search":
            answer = ask(admin, method, f"{path}?{parameter['name']}=nonsense")
            expect(answer, 400)
            assert {one["field"] for one in answer.json()["errors"]} == {parameter["name"]}
    if "404" in documented:
        expect(ask(admin, method, path, body_of(method, path, SOMEBODY)), 404)

    assert {str(status) for status in seen} == documented - ELSEWHERE


def test_over_its_limit_a_key_is_refused_by_every_route() -> None:
    worker = FakeWorker(gate=make_gate(rate_limit="1/minute"))
    assert call("/api/models", worker=worker).status == 200
    for method, path, operation in operations(DOCUMENT, SOMEBODY):
        if path not in (HEALTH, WEBHOOK):
            answer = call(path, method=method, worker=worker)
            assert answer.status == 429, f"{method} {path}"
            assert int(answer.headers["retry-after"]) >= 1
            assert "429" in operation["responses"]
