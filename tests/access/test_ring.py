"""A ring lets in the keys that are good and no other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pydantic import SecretStr
from sqlalchemy import Engine, text

from access.keys import create_key, list_keys, revoke_key
from access.ring import KeyRing, read_key_ring


def read_ring(engine: Engine, configured: str | None = None) -> KeyRing:
    with engine.connect() as connection:
        return read_key_ring(connection, None if configured is None else SecretStr(configured))


def test_a_good_key_is_told_with_its_name_and_scopes(engine: Engine) -> None:
    key = create_key(engine, "rails", scopes=["ingest"])
    found = read_ring(engine).verify(key, datetime.now(UTC))
    assert found is not None
    assert (found.id, found.name, found.scopes) == (list_keys(engine)[0].id, "rails", {"ingest"})
    assert found.allows("ingest")
    assert not found.allows("read")
    assert not found.allows("admin")


def test_admin_carries_every_scope(engine: Engine) -> None:
    key = create_key(engine, "boss", scopes=["admin"])
    found = read_ring(engine).verify(key, datetime.now(UTC))
    assert found is not None
    assert found.allows("read")
    assert found.allows("ingest")


def test_other_texts_are_refused(engine: Engine) -> None:
    key = create_key(engine, "a", scopes=["read"])
    ring = read_ring(engine)
    wrong = ["", key[:-1], key + "x", key.upper(), f" {key}", key[:12], list_keys(engine)[0].name, "x" * 100_000]
    assert [ring.verify(text, datetime.now(UTC)) for text in wrong] == [None] * len(wrong)


def test_a_key_ends_at_its_end(engine: Engine) -> None:
    end = datetime.now(UTC) + timedelta(hours=1)
    key = create_key(engine, "a", scopes=["read"], expires_at=end)
    ring = read_ring(engine)
    assert ring.verify(key, end - timedelta(microseconds=1)) is not None
    assert ring.verify(key, end) is None


def test_an_expired_key_is_not_read(engine: Engine) -> None:
    create_key(engine, "a", scopes=["read"], expires_at=datetime.now(UTC) + timedelta(hours=1))
    with engine.begin() as connection:
        connection.execute(text("UPDATE api_keys SET expires_at = now() - interval '1 second'"))
    assert len(read_ring(engine)) == 0


def test_a_revoked_key_is_no_longer_read(engine: Engine) -> None:
    revoked, kept = (create_key(engine, name, scopes=["read"]) for name in ("revoked", "kept"))
    revoke_key(engine, revoked[:12])
    ring = read_ring(engine)
    assert ring.verify(revoked, datetime.now(UTC)) is None
    assert ring.verify(kept, datetime.now(UTC)) is not None
    assert len(ring) == 1


def test_the_configured_key_has_all_scopes(engine: Engine) -> None:
    found = read_ring(engine, "from-the-environment").verify("from-the-environment", datetime.now(UTC))
    assert found is not None
    assert (found.id, found.name, found.scopes) == (None, "TQS_API_KEY", {"read", "ingest", "admin"})


def test_an_empty_setting_is_no_key(engine: Engine) -> None:
    assert len(read_ring(engine, "")) == 0
    assert read_ring(engine, "").verify("", datetime.now(UTC)) is None
