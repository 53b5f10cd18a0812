"""Tokens, limits of calls, signatures, other pages' scripts, and what is noted of callers: by the guard alone."""

from __future__ import annotations

import hashlib
import hmac
import logging
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from access.keys import create_key, hash_key, list_keys
from access.ring import ApiKey, KeyRing
from tests.access.test_tokens import SECRET, make_token
from tests.bentos.test_auth import GOOD, NEW, READER, Answer, FakeWorker, answering, call, echo, guard, make_gate
from tests.loops import run_coroutine

TOKENS = {"jwt_secret": SECRET, "jwt_algorithm": "HS256", "jwt_audience": "tqs"}
WEBHOOK_SECRET = "of-these-tests-and-long-enough-0123456789"  # noqa: S105
PAGE = "https://app.example.com"
KEY_ID = UUID("6b1cd0c6-7b4f-4f3f-9d5c-0a8e8f1f0a11")


def raw_call(worker: FakeWorker, headers: list[tuple[bytes, bytes]], **changes: Any) -> int:
    """The status for headers that a dictionary cannot hold."""
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": changes.pop("body", b""), "more_body": False}

    scope = {"type": "http", "method": "GET", "path": "/api/models", "headers": headers, "client": None, **changes}
    scope.pop("body", None)
    run_coroutine(guard(echo, worker)(scope, receive, send))
    return int(sent[0]["status"])


def notes(worker: FakeWorker, engine: Engine) -> list[tuple[Any, ...]]:
    worker.gate.write_notes(engine)
    with engine.connect() as connection:
        query = (
            "SELECT actor, action, subject, details->'count' FROM audit_log WHERE action <> 'create key' ORDER BY id"
        )
        return [tuple(row) for row in connection.execute(text(query))]


class TestTokens:
    def test_a_good_token_is_let_in_by_its_scopes(self) -> None:
        worker = FakeWorker(gate=make_gate(**TOKENS))
        bearer = {"authorization": f"Bearer {make_token()}"}
        answer = call("/api/models", key=None, worker=worker, **bearer)
        assert (answer.status, answer.headers["x-key"]) == (200, "token portal")
        assert call("/api/sessions", method="POST", body=b"{}", key=None, worker=worker, **bearer).status == 200
        assert call("/api/tutors", method="POST", body=b"{}", key=None, worker=worker, **bearer).status == 403

    @pytest.mark.parametrize(
        "shown", [f"Bearer {make_token(aud='shop')}", "Bearer", "Bearer ", f"Basic {make_token()}", make_token(), ""]
    )
    def test_anything_else_is_refused(self, shown: str) -> None:
        answer = call("/api/models", key=None, worker=FakeWorker(gate=make_gate(**TOKENS)), authorization=shown)
        assert answer.status == 401
        assert answer.headers["www-authenticate"] == "X-API-Key, Bearer"

    def test_a_token_does_not_count_where_none_is_configured(self) -> None:
        bearer = {"authorization": f"Bearer {make_token()}"}
        assert call("/api/models", key=None, **bearer).status == 401
        assert call("/api/models", **bearer).status == 200

    def test_a_key_and_a_token_are_one_too_many(self) -> None:
        worker = FakeWorker(gate=make_gate(**TOKENS))
        answer = call("/api/models", worker=worker, authorization=f"Bearer {make_token()}")
        assert answer.document["detail"] == "There are a key and a bearer token; send one of them."

    def test_two_tokens_are_none(self) -> None:
        header = (b"authorization", f"Bearer {make_token()}".encode())
        assert raw_call(FakeWorker(gate=make_gate(**TOKENS)), [header]) == 200
        assert raw_call(FakeWorker(gate=make_gate(**TOKENS)), [header, header]) == 401

    def test_keys_that_were_never_read_do_not_matter_for_a_token(self) -> None:
        worker = FakeWorker(keys=None, gate=make_gate(**TOKENS))
        assert call("/api/models", key=None, worker=worker, authorization=f"bearer {make_token()}").status == 200


class TestLimits:
    def test_a_key_may_call_so_often_and_others_are_counted_apart(self) -> None:
        ring = {name: ApiKey(None, name, frozenset({"read"}), None, name) for name in ("a", "b")}
        worker = FakeWorker(
            keys=KeyRing({hash_key(name): key for name, key in ring.items()}), gate=make_gate(rate_limit="5/minute")
        )
        assert [call("/api/models", key="a", worker=worker).status for _ in range(7)] == [200] * 5 + [429] * 2
        answer = call("/api/models", key="a", worker=worker)
        assert answer.document["detail"].startswith("This key may make 5 per 1 minute calls")
        assert 1 <= int(answer.headers["retry-after"]) <= 64
        assert call("/api/models", key="b", worker=worker).status == 200
        assert call("/api/health", key=None, worker=worker).status == 200

    def test_without_the_setting_there_is_none(self) -> None:
        worker = FakeWorker()
        assert {call("/api/models", worker=worker).status for _ in range(300)} == {200}


def post_signed(worker: FakeWorker | None = None, *, body: bytes = b"{}", age_s: int = 0, **more: Any) -> Answer:
    """A webhook that is signed, unless `headers` say otherwise."""
    worker, sent = worker or webhook_worker(), str(int(time.time()) - age_s)
    signature = hmac.new(WEBHOOK_SECRET.encode(), sent.encode() + b"." + body, hashlib.sha256).hexdigest()
    headers = {"x_tqs_timestamp": sent, "x_tqs_signature": signature} | more.pop("headers", {})
    return call("/api/webhooks/sessions", method="POST", key=None, body=body, worker=worker, **headers, **more)


def webhook_worker() -> FakeWorker:
    return FakeWorker(gate=make_gate(webhook_secret=WEBHOOK_SECRET))


class TestSignedPaths:
    def test_their_router_gets_the_bytes_and_no_key_is_asked_for(self) -> None:
        body = b'{"sessions" :  []}\n'
        answer = post_signed(body=body)
        assert (answer.status, answer.body, answer.headers["x-key"]) == (200, body, "")

    @pytest.mark.parametrize(
        "path", ["/api/webhooks/sessions/", "/api/webhooks//sessions", "/api/webhooks", "/API/WEBHOOKS/SESSIONS"]
    )
    def test_only_that_very_path(self, path: str) -> None:
        assert call(path, method="POST", key=None, body=b"{}").status == 401

    def test_only_posts(self) -> None:
        assert call("/api/webhooks/sessions", key=None).status == 401

    def test_without_a_secret_there_are_none_and_no_body_is_read(self) -> None:
        body = b" " * (6 * 1024**2)  # more than is taken: a body that were read would be 413
        assert post_signed(FakeWorker(), body=body).status == 404

    @pytest.mark.parametrize(
        ("headers", "age_s"),
        [({"x_tqs_signature": ""}, 0), ({"x_tqs_signature": "0" * 63}, 0), ({"x_tqs_timestamp": "now"}, 0), ({}, 301)],
    )
    def test_what_cannot_be_signed_is_refused_before_its_body_is_read(
        self, headers: dict[str, str], age_s: int
    ) -> None:
        answer = post_signed(body=b" " * (6 * 1024**2), headers=headers, age_s=age_s)
        assert (answer.status, answer.headers["www-authenticate"]) == (401, "X-TQS-Signature")

    def test_bad_signatures_are_throttled(self) -> None:
        worker = webhook_worker()
        statuses = [post_signed(worker, headers={"x_tqs_signature": "0" * 64}).status for _ in range(31)]
        statuses += [post_signed(worker, headers={"x_tqs_signature": ""}).status for _ in range(31)]
        assert statuses == [401] * 60 + [429] * 2
        assert post_signed(worker).status == 200
        assert call("/api/models", worker=worker).status == 200

    def test_a_body_that_is_no_json_is_looked_at_once_it_is_known_to_be_signed(self) -> None:
        worker = webhook_worker()
        assert [post_signed(worker, body=b"[NaN]").status for _ in range(61)] == [400] * 61
        assert post_signed(worker, body=b"[NaN]", headers={"x_tqs_signature": "0" * 64}).status == 401
        assert post_signed(worker, content_type="text/plain").status == 415

    def test_a_body_over_five_mebibytes_is_refused(self) -> None:
        body = b"[" + b" " * (5 * 1024**2 - 2) + b"]"
        assert post_signed(body=body).status == 200
        worker = webhook_worker()
        assert [post_signed(worker, body=body + b" ").status for _ in range(61)] == [413] * 61
        assert post_signed(worker, headers={"x_tqs_signature": "0" * 64}).status == 429


class TestRepeatedHeaders:
    def test_two_content_types_are_none(self) -> None:
        """BentoML would read the body by the first of them, as a pickle if it said so."""
        kinds = [(b"content-type", b"application/vnd.bentoml+pickle"), (b"content-type", b"application/json")]
        headers = [(b"x-api-key", GOOD.encode()), *kinds]
        assert raw_call(FakeWorker(), headers, method="POST", path="/predict_match", body=b"{}") == 415
        assert raw_call(FakeWorker(), [headers[0], headers[2]], method="POST", path="/x", body=b"{}") == 200

    def test_two_encodings_are_none(self) -> None:
        twice = [(b"content-encoding", b"gzip"), (b"content-encoding", b"identity")]
        headers = [(b"x-api-key", GOOD.encode()), (b"content-type", b"application/json"), *twice]
        assert raw_call(FakeWorker(), headers, method="POST", path="/predict_match", body=b"{}") == 415


class TestOtherPages:
    def test_a_preflight_is_answered_without_a_key(self) -> None:
        worker = FakeWorker(gate=make_gate(cors_origins=f"{PAGE}, http://localhost:5173"))
        wish = {"origin": PAGE, "access_control_request_method": "PATCH"}
        answer = call("/api/tutors", method="OPTIONS", key=None, worker=worker, **wish)
        assert (answer.status, answer.body) == (204, b"")
        assert answer.headers["access-control-allow-origin"] == PAGE
        assert "PATCH" in answer.headers["access-control-allow-methods"]
        assert "x-api-key" in answer.headers["access-control-allow-headers"]
        assert "access-control-allow-credentials" not in answer.headers
        assert answer.headers["x-content-type-options"] == "nosniff"

    @pytest.mark.parametrize("key", [GOOD, "wrong"])
    def test_every_answer_says_that_the_page_may_read_it(self, key: str) -> None:
        worker = FakeWorker(gate=make_gate(cors_origins=PAGE))
        headers = call("/api/models", key=key, worker=worker, origin=PAGE).headers
        assert (headers["access-control-allow-origin"], headers["vary"]) == (PAGE, "Origin")

    @pytest.mark.parametrize(
        "origin",
        ["https://app.example.com.evil.example", "http://app.example.com", "https://APP.example.com", "null", "*", ""],
    )
    def test_no_other_page(self, origin: str) -> None:
        worker = FakeWorker(gate=make_gate(cors_origins=PAGE))
        headers = call("/api/models", worker=worker, origin=origin).headers
        assert "access-control-allow-origin" not in headers
        assert headers["vary"] == "Origin"
        wish = {"origin": origin, "access_control_request_method": "GET"}
        assert call("/api/models", method="OPTIONS", key=None, worker=worker, **wish).status == 401

    def test_none_where_none_is_configured(self) -> None:
        assert not {"access-control-allow-origin", "vary"} & call("/api/models", origin=PAGE).headers.keys()
        wish = {"origin": PAGE, "access_control_request_method": "GET"}
        assert call("/api/models", method="OPTIONS", key=None, **wish).status == 401


class TestNotes:
    def test_refused_calls_reach_the_audit_log(self, engine: Engine) -> None:
        worker = FakeWorker(gate=make_gate(rate_limit="3/minute", webhook_secret=WEBHOOK_SECRET))
        for _ in range(3):
            call("/api/models", key="wrong", worker=worker)
        call("/api/models", key=None, worker=worker)
        call("/api/tutors", method="POST", key=READER, worker=worker)
        for _ in range(3):  # the two good keys of these tests are counted as one
            call("/api/models", worker=worker)
        call("/api/webhooks/sessions", method="POST", key=None, app=answering(401, b""), worker=worker)
        assert notes(worker, engine) == [
            ("unknown", "refuse key", "10.0.0.1", 4),
            ("reader", "refuse call", "10.0.0.1", 1),
            ("good", "limit calls", "10.0.0.1", 1),
            ("unknown", "refuse signature", "10.0.0.1", 1),
        ]

    def test_a_key_that_was_just_made_is_not_told_as_refused(self, engine: Engine) -> None:
        worker = FakeWorker(keys=KeyRing({}), newer=KeyRing({hash_key(NEW): ApiKey(None, "new", frozenset({"read"}))}))
        assert call("/api/models", key=NEW, worker=worker).status == 200
        assert notes(worker, engine) == []

    def test_the_use_of_a_key_is_noted(self, engine: Engine) -> None:
        key = create_key(engine, "a", scopes=["read"])
        row = list_keys(engine)[0]
        ring = KeyRing({hash_key(key): ApiKey(row.id, "a", frozenset({"read"}))})
        worker = FakeWorker(keys=ring)
        assert call("/api/models", key=key, worker=worker).status == 200
        assert notes(worker, engine) == []
        used = list_keys(engine)[0].last_used_at
        assert used is not None
        assert abs(datetime.now(UTC) - used) < timedelta(seconds=30)

    def test_the_log_holds_nothing_that_the_client_wrote(self, caplog: pytest.LogCaptureFixture) -> None:
        async def broken(scope: Any, receive: Any, send: Any) -> None:
            raise RuntimeError

        with caplog.at_level(logging.DEBUG, "bentoml.tqs"):
            call("/api/tutors/Mia Meyer\nroot", key="Mia-Meyer", client="Mia\x1b[31m", method="MIA")
            call("/api/Mia", app=broken)
        said = caplog.text
        assert said.count("refused (unknown method) /api/tutors/{id} from unknown") == 1
        assert "GET /{unknown} failed" in said
        assert "Mia" not in said
        assert "MIA" not in said

    def test_below_the_guard_a_call_goes_by_the_name_of_its_route(self) -> None:
        seen: dict[str, Any] = {}

        async def app(scope: Any, receive: Any, send: Any) -> None:
            seen.update(scope)
            await echo(scope, receive, send)

        call(f"/api/tutors/{KEY_ID}", app=app, client="not an address")
        assert seen["path"] == "/api/tutors/{id}"
        assert seen["client"][0] == "unknown"
