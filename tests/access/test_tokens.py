"""A token is good if it is signed by the pinned algorithm, meant for us and not over; weak rules are refused."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from access import tokens
from access.tokens import TokenRules, TokenVerifier, configure_tokens
from tqs.errors import SettingsError
from tqs.settings import Settings

SECRET = "7d1f0c52a9e84b3f8c6d0e5a4b9f2c1d7d1f0c52a9e84b3f8c6d0e5a4b9f2c1d"  # noqa: S105  # of these tests only
NOW = datetime.now(UTC)
AUDIENCE = "tqs"
PUBLIC = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
PRIVATE = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()


def make_token(secret: Any = SECRET, algorithm: str = "HS256", **changes: Any) -> str:
    claims = {"sub": "portal", "aud": AUDIENCE, "exp": NOW + timedelta(days=1), "scope": "read ingest", **changes}
    return jwt.encode({name: value for name, value in claims.items() if value is not None}, secret, algorithm)


def verifier(issuer: str | None = None) -> TokenVerifier:
    return TokenVerifier(TokenRules("HS256", SECRET, AUDIENCE, issuer))


def test_a_good_token_is_told_with_its_subject_and_scopes() -> None:
    caller = verifier().verify(make_token(), NOW)
    assert caller is not None
    assert (caller.id, caller.name, caller.scopes, caller.counted_as) == (
        None,
        "token portal",  # a key of that name would be somebody else
        {"read", "ingest"},
        "token portal",
    )


@pytest.mark.parametrize(
    ("listed", "scopes"),
    [("read", {"read"}), ("openid read email", {"read"}), ("", set()), (None, set()), ("READ reader", set())],
)
def test_scopes_that_are_not_ours_count_for_nothing(listed: str | None, scopes: set[str]) -> None:
    caller = verifier().verify(make_token(scope=listed), NOW)
    assert caller is not None
    assert caller.scopes == scopes


HOSTILE = {
    "another secret": make_token(SECRET[::-1]),
    "another audience": make_token(aud="shop"),
    "no audience": make_token(aud=None),
    "no end": make_token(exp=None),
    "over": make_token(exp=NOW - timedelta(seconds=1)),
    "not yet": make_token(nbf=NOW + timedelta(hours=12)),
    "no subject": make_token(sub=None),
    "empty subject": make_token(sub=""),
    "NUL in the subject": make_token(sub="a\0b"),
    "long subject": make_token(sub="a" * 201),
    "scopes in a list": make_token(scope=["read"]),
    "another algorithm": make_token(algorithm="HS512"),
    "end in a distant age": make_token(exp=10**18),
    "empty": "",
    "three dots": "...",
    "long": "a" * 100_000,
    "no ASCII": "é.é.é",
}


@pytest.mark.parametrize("token", HOSTILE.values(), ids=HOSTILE.keys())
def test_other_tokens_are_refused(token: str) -> None:
    assert verifier().verify(token, NOW) is None


def encode(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "header",
    [b'{"alg":"none"}', b'{"alg":"None","typ":"JWT"}', b"[" * 5_000, b'{"alg":' + b"9" * 6_000 + b"}", b"\xff"],
)
def test_tokens_without_a_signature_are_refused(header: bytes) -> None:
    claims = {"sub": "a", "aud": AUDIENCE, "exp": int(NOW.timestamp()) + 60, "scope": "admin"}
    for signature in ("", encode(b"x" * 32)):
        token = f"{encode(header)}.{encode(json.dumps(claims).encode())}.{signature}"
        assert verifier().verify(token, NOW) is None


def test_the_issuer_counts_where_it_is_named() -> None:
    assert verifier("https://id.example").verify(make_token(iss="https://id.example"), NOW) is not None
    assert verifier("https://id.example").verify(make_token(iss="https://other.example"), NOW) is None
    assert verifier("https://id.example").verify(make_token(), NOW) is None


def test_a_token_ends_at_its_end_also_where_it_is_remembered() -> None:
    one, end = verifier(), (NOW + timedelta(seconds=30)).replace(microsecond=0)
    token = make_token(exp=end)
    assert one.verify(token, NOW) is not None
    assert one.verify(token, end - timedelta(microseconds=1)) is not None
    assert one.verify(token, end) is None


def test_a_good_token_is_not_verified_each_time_and_few_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "REMEMBERED", 2)
    one, asked = verifier(), []
    decode = jwt.decode
    monkeypatch.setattr(jwt, "decode", lambda *a, **k: asked.append(1) or decode(*a, **k))
    token = make_token()
    assert [one.verify(token, NOW) is not None for _ in range(5)] == [True] * 5
    assert len(asked) == 1
    one.verify(token, NOW + timedelta(seconds=61))
    assert len(asked) == 2
    for name in "abc":
        assert one.verify(make_token(sub=name), NOW) is not None
    assert len(one._verified) <= 2


def write_key(folder: Path, key: Any, *, private: bool = False) -> Path:
    file = folder / "key.pem"
    file.write_bytes(key.private_bytes(*PRIVATE) if private else key.public_key().public_bytes(*PUBLIC))
    return file


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
def test_public_keys(tmp_path: Path, algorithm: str) -> None:
    key = rsa.generate_private_key(65537, 2048) if algorithm == "RS256" else ec.generate_private_key(ec.SECP256R1())
    file = write_key(tmp_path, key)
    one = configure_tokens(
        Settings(home=tmp_path, jwt_public_key=file, jwt_algorithm=algorithm, jwt_audience=AUDIENCE)  # type: ignore[arg-type]
    )
    assert one is not None
    caller = one.verify(make_token(key, algorithm), NOW)
    assert caller is not None
    assert caller.name == "token portal"
    # a public key is known to everyone: it must never pass for a secret
    body = make_token().rsplit(".", 1)[0].split(".")[1]
    header = encode(b'{"alg":"HS256","typ":"JWT"}')
    import hmac

    forged = hmac.digest(file.read_bytes(), f"{header}.{body}".encode(), "sha256")
    assert one.verify(f"{header}.{body}.{encode(forged)}", NOW) is None


def test_without_settings_there_are_no_tokens(tmp_path: Path) -> None:
    assert configure_tokens(Settings(home=tmp_path)) is None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"jwt_audience": "tqs"}, "no key is named"),
        ({"jwt_secret": SECRET, "jwt_audience": "tqs"}, "TQS_JWT_ALGORITHM is missing"),
        ({"jwt_secret": SECRET, "jwt_algorithm": "HS256"}, "TQS_JWT_AUDIENCE is missing"),
        ({"jwt_secret": "short", "jwt_algorithm": "HS256", "jwt_audience": "tqs"}, "too weak"),
        ({"jwt_secret": "a" * 64, "jwt_algorithm": "HS256", "jwt_audience": "tqs"}, "too weak"),
        ({"jwt_secret": SECRET, "jwt_algorithm": "RS256", "jwt_audience": "tqs"}, "takes TQS_JWT_PUBLIC_KEY"),
        (
            {"jwt_secret": f"-----BEGIN PUBLIC KEY-----{SECRET}", "jwt_algorithm": "HS256", "jwt_audience": "tqs"},
            "holds a PEM key",
        ),
        (
            {"jwt_secret": SECRET, "jwt_public_key": "k", "jwt_algorithm": "HS256", "jwt_audience": "tqs"},
            "are both set",
        ),
        ({"jwt_public_key": "k", "jwt_algorithm": "HS256", "jwt_audience": "tqs"}, "takes TQS_JWT_SECRET"),
        ({"jwt_public_key": "/nowhere", "jwt_algorithm": "RS256", "jwt_audience": "tqs"}, "cannot be read"),
    ],
)
def test_weak_rules_are_refused(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError, match=message) as caught:
        configure_tokens(Settings(home=tmp_path, **settings))
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "private", "algorithm", "message"),
    [
        (rsa.generate_private_key(65537, 1024), False, "RS256", "1024 bits are too weak"),  # noqa: S505
        (rsa.generate_private_key(65537, 2048), True, "RS256", "holds a private key"),
        (rsa.generate_private_key(65537, 2048), False, "ES256", "takes a key of the curve P-256"),
        (ec.generate_private_key(ec.SECP384R1()), False, "ES256", "takes a key of the curve P-256"),
        (ec.generate_private_key(ec.SECP256R1()), False, "RS256", "takes an RSA key"),
    ],
)
def test_keys_that_do_not_fit_are_refused(
    tmp_path: Path, key: Any, private: bool, algorithm: Any, message: str
) -> None:
    file = write_key(tmp_path, key, private=private)
    with pytest.raises(SettingsError, match=message):
        configure_tokens(Settings(home=tmp_path, jwt_public_key=file, jwt_algorithm=algorithm, jwt_audience="tqs"))


def test_a_file_that_holds_no_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("hello")
    with pytest.raises(SettingsError, match="no public key in PEM form"):
        configure_tokens(
            Settings(home=tmp_path, jwt_public_key=tmp_path / "key.pem", jwt_algorithm="RS256", jwt_audience="tqs")
        )
