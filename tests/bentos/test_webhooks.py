"""Signed sessions: who may send, what is refused, and the same answers as with a key."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import httpx
import pytest

from bentos.signature import TOLERANCE_S, SignedBody, find_fault
from tests.bentos.calls import problem, sign
from tests.bentos.conftest import WEBHOOK_SECRETS, Service
from tests.bentos.telling import FIELDS, busy_tutor, moved, promises, rows, told
from tqs.errors import SettingsError
from tqs.settings import load_settings

pytestmark = pytest.mark.xdist_group("service")

PATH = "/api/webhooks/sessions"
OLD, NEW = WEBHOOK_SECRETS
NOW = 1_800_000_000


@pytest.fixture(scope="module")
def tutor(service: Service) -> Iterator[str]:
    with busy_tutor(service) as tutor:
        yield tutor


def is_signed(secrets: Sequence[str], timestamp: str, signature: str, *parts: bytes) -> bool:
    body = SignedBody(secrets, timestamp, signature)
    for part in parts:
        body.update(part)
    return body.is_signed()


def test_a_signature_worked_out_elsewhere() -> None:
    """printf '1800000000.{"a": 1}' | openssl dgst -sha256 -hmac 0123456789abcdef0123456789abcdef"""
    shared = "0123456789abcdef0123456789abcdef"
    expected = "dc08356de922075abd490b270016c518a5f69b6b083a9b8dc21f1c9052e8f489"
    for signature in (expected, "sha256=" + expected, expected.upper()):
        assert find_fault(str(NOW), signature, NOW) == ""
        assert is_signed([shared], str(NOW), signature, b'{"a": 1}')
        assert is_signed([shared], str(NOW), signature, b'{"a"', b"", b": 1}")


def test_either_secret_may_sign() -> None:
    for secret in WEBHOOK_SECRETS:
        assert is_signed(WEBHOOK_SECRETS, str(NOW), sign(secret, str(NOW), b"{}"), b"{}")
    assert not is_signed([OLD], str(NOW), sign(NEW, str(NOW), b"{}"), b"{}")
    assert not is_signed([], str(NOW), sign("", str(NOW), b"{}"), b"{}")


def test_what_was_signed_is_timestamp_and_body() -> None:
    good = sign(NEW, str(NOW), b"{}")
    assert not is_signed([NEW], str(NOW), good, b"{} ")
    assert not is_signed([NEW], str(NOW), good)
    assert not is_signed([NEW], str(NOW + 1), good, b"{}")
    assert not is_signed([NEW], str(NOW), good[:-1] + ("0" if good[-1] != "0" else "1"), b"{}")
    # where one ends and the other begins is signed too
    assert not is_signed([NEW], "180", sign(NEW, "18", b"0.{}"), b"{}")


def test_five_minutes_either_way() -> None:
    good = sign(NEW, str(NOW), b"{}")
    for off in (0, TOLERANCE_S, -TOLERANCE_S):
        assert find_fault(str(NOW), good, NOW + off) == ""
    for off in (TOLERANCE_S + 1, -TOLERANCE_S - 1):
        assert "five minutes" in find_fault(str(NOW), good, NOW + off)


@pytest.mark.parametrize("timestamp", ["", "now", "-5", "1e9", "1800000000.0", "9" * 5_000, "１８００００００００"])
def test_what_is_no_timestamp(timestamp: str) -> None:
    assert "X-TQS-Timestamp" in find_fault(timestamp, sign(NEW, timestamp, b"{}"), NOW)


@pytest.mark.parametrize("signature", ["", "sha256=", "0" * 63, "0" * 65, "g" * 64, "sha1=" + "0" * 64, "é" * 64])
def test_what_is_no_signature(signature: str) -> None:
    assert "X-TQS-Signature" in find_fault(str(NOW), signature, NOW)


def send(service: Service, body: Any, *, secret: str = NEW, **headers: str) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    timestamp = str(int(time.time()))
    sent = {
        "X-TQS-Timestamp": timestamp,
        "X-TQS-Signature": sign(secret, timestamp, content),
        "Content-Type": "application/json",
        **headers,
    }
    return httpx.post(service.url + PATH, content=content, headers=sent, timeout=30)


@pytest.mark.parametrize("secret", WEBHOOK_SECRETS)
def test_a_signed_session(service: Service, tutor: str, secret: str) -> None:
    body = moved(tutor)
    answer = send(service, body, secret=secret)
    assert answer.status_code == 202
    assert answer.json().keys() == FIELDS
    assert send(service, body).json() == answer.json()
    assert promises(service, body["session_id"]) == 1
    query = "SELECT actor, action FROM audit_log WHERE subject = :id"
    assert rows(service, query, id=body["session_id"]) == [("webhook", "post sessions")]
    problem(send(service, {**body, "subject": "physics"}), 409)
    problem(send(service, told(str(uuid.uuid4()))), 404)


def test_a_signed_batch(service: Service, tutor: str) -> None:
    taken = send(service, {"sessions": [told(tutor), 5, moved(tutor)]})
    assert taken.status_code == 202
    assert taken.json()["accepted"] == 2
    assert [(one["index"], one["status"]) for one in taken.json()["refused"]] == [(1, 400)]
    large = moved(tutor) | {"reschedule_info": {"initiator": "tutor", "reason": "x" * 2**20}}
    assert send(service, {"sessions": [large] * 4}).json() == {"accepted": 1, "refused": []}


@pytest.mark.parametrize(
    "body", [b"", b"no JSON", [], 5, {}, {"sessions": []}, {"sessions": [{}] * 1_001}, {"sessions": {}, "more": 1}]
)
def test_what_is_wrong_though_signed(service: Service, body: Any) -> None:
    problem(send(service, body), 400)


def test_fields_that_are_wrong_are_named_without_their_values(service: Service, tutor: str) -> None:
    answer = send(service, told(tutor, status="Mia Meyer"))
    assert [error["field"] for error in problem(answer, 400)["errors"]] == ["status"]
    assert "Mia" not in answer.text


def test_who_did_not_sign_is_refused(service: Service, tutor: str) -> None:
    body = told(tutor)
    for number, headers in enumerate(
        [
            {"X-TQS-Signature": "0" * 64},
            {"X-TQS-Signature": ""},
            {"X-TQS-Timestamp": str(int(time.time()) - 400)},
            {"X-API-Key": service.admin_key, "X-TQS-Signature": "0" * 64},
        ]
    ):
        answer = send(service, body, **headers, **{"X-Forwarded-For": f"192.0.2.{200 + number}"})
        problem(answer, 401)
        assert answer.headers["www-authenticate"] == "X-TQS-Signature"
    problem(send(service, body, secret="x" * 32, **{"X-Forwarded-For": "192.0.2.199"}), 401)
    assert rows(service, "SELECT count(*) FROM sessions WHERE id = :id", id=body["session_id"]) == [(0,)]


def test_others_behind_the_same_address_do_not_hold_up_who_signs(service: Service, tutor: str) -> None:
    address = {"X-Forwarded-For": "192.0.2.198"}
    forged = [send(service, {}, secret="x" * 32, **address).status_code for _ in range(62)]
    assert forged == [401] * 60 + [429] * 2
    assert send(service, told(tutor), **address).status_code == 202


@pytest.mark.parametrize("secret", ["short", "x" * 31, "x" * 32 + ",short", "x" * 32 + ","])
def test_a_secret_that_could_be_guessed_stops_the_start(monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    monkeypatch.setenv("TQS_WEBHOOK_SECRET", secret)
    with pytest.raises(
        SettingsError, match=r"^TQS_WEBHOOK_SECRET: holds a secret of \d+ characters; at least 32"
    ) as caught:
        load_settings()
    assert secret not in str(caught.value)


def test_one_secret_or_two(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().webhook_secrets == []
    monkeypatch.setenv("TQS_WEBHOOK_SECRET", f"{'a' * 32}, {'b' * 40}")
    assert load_settings().webhook_secrets == ["a" * 32, "b" * 40]
    assert "a" * 32 not in repr(load_settings())
