"""Requests as no client writes them, over bare sockets: never a 5xx, nothing without a key, no word of them logged."""

from __future__ import annotations

import gzip
import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.bentos.calls import HOSTILE, MODEL_PATHS, operations, problem, sign
from tests.bentos.conftest import WEBHOOK_SECRETS, Service

pytestmark = pytest.mark.xdist_group("service")

SENTINEL = "Mia-Meyer"
OPEN = {"/api/health"}
SIGNED = {"/api/webhooks/sessions"}


def send_raw(service: Service, *lines: bytes | str, body: bytes = b"") -> tuple[int, bytes]:
    """Status and whole answer for these lines of a head; 0 where the server only closed the connection."""
    host, port = service.url.removeprefix("http://").split(":")
    closing = () if any("Upgrade" in str(line) for line in lines) else ("Connection: close",)
    head = b"\r\n".join(line.encode() if isinstance(line, str) else line for line in (*lines, *closing))
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        answer = b""
        try:
            connection.sendall(head + b"\r\n\r\n" + body)
            while chunk := connection.recv(65_536):
                answer += chunk
        except ConnectionError:  # it closed before it had read all
            pass
    return int(answer[9:12]) if answer else 0, answer


def good(service: Service) -> str:
    return f"X-API-Key: {service.admin_key}"


def forwarded(number: int) -> str:
    """An address of one's own, so that the refusals of these tests throttle no other test."""
    return f"X-Forwarded-For: 203.0.113.{number}"


@pytest.fixture(scope="module")
def document(service: Service) -> dict[str, Any]:
    with service.client as client:
        found: dict[str, Any] = client.get("/docs.json").json()
    return found


@pytest.mark.parametrize(
    "path",
    [
        "//api/models",
        "/api//models",
        "/%61pi/models",
        "/api%2fmodels",
        "/api%2Fmodels",
        "/api/models%2e",
        "/api/./models",
        "/api/%2e/models",
        "/api/health/../models",
        "/api/health%2f..%2fmodels",
        "/api/health/%2e%2e/models",
        "/api/models/",
        "/api/models;x=1",
        "/API/models",
        "/api/models%00",
        "/api/models%0d%0aX-API-Key:%20x",
        "/livez/../api/models",
        "/static_content/../api/models",
        "/docs/../docs.json",
        "/api/health?/../models",
        "/%6cive",
        "/api/models%ff",
    ],
)
def test_no_spelling_of_a_path_does_without_a_key(service: Service, path: str) -> None:
    status, answer = send_raw(service, f"GET {path} HTTP/1.1", "Host: x", forwarded(1))
    if path == "/api/health?/../models":
        assert status == 200
        assert b'"status"' in answer
    else:
        assert status in (400, 401)
        assert b"champion" not in answer


@pytest.mark.parametrize("path", ["/predict_match/", "/predict_match%2f", "//predict_match", "/api/models/", "/docs/"])
def test_no_path_leads_to_where_the_header_host_says(service: Service, path: str) -> None:
    status, answer = send_raw(
        service, f"POST {path} HTTP/1.1", "Host: evil.example", good(service), "Content-Length: 0"
    )
    assert status in (404, 405)
    assert b"location" not in answer.lower()
    assert b"evil" not in answer


@pytest.mark.parametrize(
    "lines",
    [
        ["Host: evil.example"],
        ["Host: x", "Host: y"],
        ["Host: "],
        ["Host: 127.0.0.1:99999@evil.example/"],
        ["Host: x", "X-Forwarded-Host: evil.example"],
        ["Host: x", "X-Original-URL: /api/health", "X-Rewrite-URL: /livez"],
        ["Host: x", "X-HTTP-Method-Override: GET"],
        ["Host: x", "Forwarded: for=127.0.0.1;host=evil.example"],
        [],
    ],
)
def test_no_header_stands_for_a_key_or_is_echoed(service: Service, lines: list[str]) -> None:
    status, answer = send_raw(service, "GET /api/models HTTP/1.1", *lines, forwarded(2))
    assert status in (400, 401)
    assert b"evil" not in answer
    status, answer = send_raw(service, "GET /api/models HTTP/1.1", *lines, good(service))
    assert status in (200, 400)
    assert b"evil" not in answer


@pytest.mark.parametrize("target", ["http://evil.example/api/models", "*", "evil.example:80", "", "api/models", "?x"])
@pytest.mark.parametrize("method", ["GET", "CONNECT", "OPTIONS"])
def test_other_forms_of_a_target_reach_nothing(service: Service, method: str, target: str) -> None:
    status, _ = send_raw(service, f"{method} {target} HTTP/1.1", "Host: x", forwarded(3))
    assert status in (400, 401)


@pytest.mark.parametrize(
    "method", ["TRACE", "PROPFIND", "PURGE", "FOO", "get", "HEAD", "PRI", "M-SEARCH", "SOURCE", "QUERY"]
)
def test_unknown_methods(service: Service, method: str) -> None:
    status, _ = send_raw(service, f"{method} /api/models HTTP/1.1", "Host: x", forwarded(4))
    assert status in (400, 401)
    status, _ = send_raw(service, f"{method} /api/models HTTP/1.1", "Host: x", good(service))
    assert status in (400, 404, 405)


@pytest.mark.parametrize(
    "lines",
    [
        [f"X-{i}: {SENTINEL}" for i in range(5_000)],
        ["X-Long: " + SENTINEL * 20_000],
        ["Cookie: " + "a=b; " * 30_000],
        [f"X-API-Key: {SENTINEL}{i}" for i in range(100)],
        ["X-API-Key: " + "k" * 60_000],
        ["X-API-Key: é", "Authorization: Bearer \x7f"],
        [b"X-API-Key: \xff\xfe\x00"],
        [b"Content-Type: \xff"],
        ["Accept-Encoding: " + "gzip," * 5_000],
        ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: eA=="],
        ["Expect: 100-continue"],
        ["Expect: " + "x" * 1_000],
        ["Range: bytes=0-0,1-1"],
        ["traceparent: 00-" + "f" * 32 + "-" + "f" * 16 + "-01", "baggage: " + "a=b," * 3_000],
        ["traceparent: ff", "tracestate: " + "x" * 5_000],
        ["X-Forwarded-For: " + "1," * 5_000, "X-Forwarded-Proto: gopher"],
        [f"X-Forwarded-For: {SENTINEL}"],
        [" folded: x"],
        ["no colon"],
        ["X: a\rb"],
    ],
)  # fmt: skip
def test_floods_and_oddities_of_headers(service: Service, lines: list[str | bytes]) -> None:
    status, _ = send_raw(service, "GET /api/models HTTP/1.1", "Host: x", *lines)
    assert status < 500
    assert status != 200
    assert httpx.get(f"{service.url}/livez", timeout=30).status_code == 200


def test_two_keys_are_none_even_if_both_are_good(service: Service) -> None:
    status, _ = send_raw(service, "GET /api/models HTTP/1.1", "Host: x", good(service), good(service), forwarded(5))
    assert status == 401


@pytest.mark.parametrize(
    "lines",
    [
        ["Content-Length: 5", "Transfer-Encoding: chunked"],
        ["Content-Length: 5", "Content-Length: 6"],
        ["Content-Length: -1"],
        ["Content-Length: +2"],
        ["Content-Length: 0x2"],
        ["Content-Length: " + "9" * 5_000],
        ["Transfer-Encoding: xchunked"],
        ["Transfer-Encoding : chunked"],
    ],
)
def test_lengths_that_two_readers_could_read_differently(service: Service, lines: list[str]) -> None:
    head = ["POST /predict_match HTTP/1.1", "Host: x", good(service), "Content-Type: application/json", *lines]
    status, answer = send_raw(service, *head, body=b"2\r\n{}\r\n0\r\n\r\nGET /api/models HTTP/1.1\r\n\r\n")
    assert status in (400, 413)
    assert answer.count(b"HTTP/1.1 ") <= 1


@pytest.mark.parametrize("size", [b"fffffffffffffffffff", b"-1", b"zz", b"2;" + b"x" * 100_000])
def test_chunks_without_a_size(service: Service, size: bytes) -> None:
    head = ["POST /predict_match HTTP/1.1", "Host: x", good(service), "Content-Type: application/json"]
    status, _ = send_raw(service, *head, "Transfer-Encoding: chunked", body=size + b"\r\n{}\r\n0\r\n\r\n")
    assert status < 500


@pytest.mark.parametrize(("path", "mebibytes"), [("/api/tutors", 1), ("/api/sessions/batch", 5), ("/score_tutors", 16)])
def test_a_chunked_body_is_counted_as_it_comes(service: Service, path: str, mebibytes: int) -> None:
    """One byte too many, and no end of it: the answer does not wait."""
    host, port = service.url.removeprefix("http://").split(":")
    head = [f"POST {path} HTTP/1.1", "Host: x", good(service), "Content-Type: application/json"]
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall("\r\n".join([*head, "Transfer-Encoding: chunked", "", ""]).encode())
        for _ in range(mebibytes):
            connection.sendall(b"100000\r\n" + b" " * 0x100000 + b"\r\n")
        connection.sendall(b"1\r\n \r\n")
        assert connection.recv(12) == b"HTTP/1.1 413"


@pytest.mark.parametrize("path", [*MODEL_PATHS, "/api/sessions"])
def test_a_bomb_is_not_unpacked(service: Service, path: str) -> None:
    bomb = gzip.compress(b"[" + b" " * 50_000_000 + b"]")
    assert len(bomb) < 100_000
    with service.admin as client:
        headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        problem(client.post(path, content=bomb, headers=headers), 415)


def test_every_route_refuses_a_missing_key_and_a_wrong_one(service: Service, document: dict[str, Any]) -> None:
    def ask(call: tuple[int, tuple[str, str, dict[str, Any]]]) -> tuple[str, str, int]:
        place, (method, path, _) = call
        headers = {"X-Forwarded-For": f"198.18.0.{place % 250}", **({"X-API-Key": "tqs_wrong"} if place % 2 else {})}
        return method, path, httpx.request(method, service.url + path, headers=headers, timeout=30).status_code

    every = list(operations(document))
    assert len(every) >= 6
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(ask, [*enumerate(every), *enumerate(every, start=len(every) + 1 - len(every) % 2)]))
    for method, path, status in answers:
        if path in OPEN:
            assert status == 200
        elif path in SIGNED:
            assert status in (400, 401, 404)
        else:
            assert status == 401, f"{method} {path}"


def test_no_route_takes_hostile_json(service: Service, document: dict[str, Any]) -> None:
    taking = [(method, path) for method, path, operation in operations(document) if "requestBody" in operation]
    assert len(taking) >= 4
    with service.admin as client:
        for method, path in taking:
            for name, body in HOSTILE.items():
                if name in ("empty list", "a list", "nothing", "unknown member"):
                    continue  # of the right form for some route; what is no JSON is refused before any
                headers = {"Content-Type": "application/json", **(signature_of(body) if path in SIGNED else {})}
                problem(client.request(method, path, content=body, headers=headers), 400)


def signature_of(body: bytes) -> dict[str, str]:
    now = str(int(time.time()))
    address = "198.18.9.9"  # bodies that are none are counted against who sends them, and others' are not his
    return {
        "X-TQS-Timestamp": now,
        "X-TQS-Signature": sign(WEBHOOK_SECRETS[0], now, body),
        "X-Forwarded-For": address,
    }


def test_no_query_or_id_is_our_fault(service: Service, document: dict[str, Any]) -> None:
    odd = [
        "%00",
        "%ED%A0%80",
        "%FF",
        "9" * 5_000,
        "-1",
        "NaN",
        "1e999",
        "%0A",
        "'%20OR%201=1--",
        "a" * 10_000,
        "",
        "null",
    ]
    calls = [
        f"{path}?{parameter['name']}={value}"
        for method, path, operation in operations(document)
        for parameter in operation.get("parameters", [])
        for value in odd
        if method == "GET" and parameter["in"] == "query"
    ]
    for path, methods in document["paths"].items():
        if "{" in path and "get" in methods:
            calls += [re.sub(r"\{[^}]*\}", value or "%20", path) for value in odd]
    with service.admin as client:
        for target in calls:
            answer = client.get(target)
            assert answer.status_code < 500, target[:100]
            if answer.status_code >= 400:
                problem(answer, answer.status_code)


def test_nothing_of_all_this_is_in_the_log(service: Service) -> None:
    with service.admin as client:
        client.get(f"/api/tutors/{SENTINEL}?search={SENTINEL}")
        client.post("/predict_match", content=f'{{"{SENTINEL}": 1}}', headers={"Content-Type": "application/json"})
        client.get(f"/{SENTINEL}%0aINFO")
        client.get(
            "/api/models", headers={"X-Forwarded-For": SENTINEL, "User-Agent": SENTINEL, "Content-Type": SENTINEL}
        )
        httpx.get(f"{service.url}/{SENTINEL}", headers={"X-API-Key": SENTINEL, "X-Forwarded-For": "203.0.113.9"})
    log = service.log.read_text()
    assert SENTINEL not in log
    assert "/{unknown}" in log
    assert "Traceback" not in log
