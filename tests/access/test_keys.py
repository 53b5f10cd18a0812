"""Keys: shown once, stored as a hash, with scopes and an end; the first one kept where only its owner reads."""

from __future__ import annotations

import hashlib
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from access.keys import create_key, ensure_first_key, list_keys, live_prefixes, revoke_key
from tqs.errors import TqsError


def test_only_the_hash_of_a_key_is_stored(engine: Engine) -> None:
    key = create_key(engine, "rails", scopes=["ingest", "read"])
    with engine.connect() as connection:
        row = connection.execute(text("SELECT * FROM api_keys")).mappings().one()
    assert row["hash"] == hashlib.sha256(key.encode()).hexdigest()
    assert key.startswith("tqs_")
    assert len(key) == 47  # 4 + 43 characters of base64 for 32 bytes
    assert row["prefix"] == key[:12]
    assert key not in str(dict(row))
    assert row["scopes"] == ["read", "ingest"]


def test_keys_are_random(engine: Engine) -> None:
    assert len({create_key(engine, "same name", scopes=["read"]) for _ in range(20)}) == 20


def test_list_shows_newest_first_and_no_key(engine: Engine) -> None:
    keys = [create_key(engine, name, scopes=["read"]) for name in ("a", "b")]
    rows = list_keys(engine)
    assert [row.name for row in rows] == ["b", "a"]
    assert not any(key in repr(rows) for key in keys)


def test_live_keys_of_a_name_are_told_the_oldest_first(engine: Engine) -> None:
    first, revoked, expired, last = (create_key(engine, "rails", scopes=["read"])[:12] for _ in range(4))
    create_key(engine, "other", scopes=["read"])
    revoke_key(engine, revoked)
    with engine.begin() as connection:
        query = text("UPDATE api_keys SET expires_at = now() - interval '1 second' WHERE prefix = :prefix")
        connection.execute(query, {"prefix": expired})
    assert live_prefixes(engine, "rails") == [first, last]
    assert live_prefixes(engine, "nobody") == []


@pytest.mark.parametrize("by", ["prefix", "id"])
def test_revoke_by_prefix_or_id(engine: Engine, by: str) -> None:
    create_key(engine, "a", scopes=["read"])
    create_key(engine, "b", scopes=["read"])
    b = list_keys(engine)[0]
    assert revoke_key(engine, str(getattr(b, by))) == b.prefix
    assert {row.name: row.revoked_at is not None for row in list_keys(engine)} == {"a": False, "b": True}
    first = list_keys(engine)[0].revoked_at
    revoke_key(engine, b.prefix)
    assert list_keys(engine)[0].revoked_at == first


@pytest.mark.parametrize("wanted", ["tqs_nothere1", "", "%", "6b1cd0c6-7b4f-4f3f-9d5c-0a8e8f1f0a11"])
def test_revoking_what_is_not_there_is_refused(engine: Engine, wanted: str) -> None:
    create_key(engine, "a", scopes=["read"])
    with pytest.raises(TqsError, match="no key has the id or prefix"):
        revoke_key(engine, wanted)


@pytest.mark.parametrize(
    ("name", "scopes", "seconds", "message"),
    [
        ("a", ["write"], None, "no scope 'write'; the scopes are read, ingest, admin"),
        ("a", [], None, "needs a scope"),
        ("  ", ["read"], None, "needs a name"),
        ("a\x00b", ["read"], None, "printable"),
        ("a" * 101, ["read"], None, "1 to 100"),
        *(
            (name, ["read"], None, "calls somebody else")
            for name in ("TQS_API_KEY", "Webhook ", "tqs", "token", "token ann", "Account ann")
        ),
        ("a", ["read"], -1, "would have expired"),
    ],
)
def test_keys_that_cannot_be(engine: Engine, name: str, scopes: list[str], seconds: int | None, message: str) -> None:
    end = None if seconds is None else datetime.now(UTC) + timedelta(seconds=seconds)
    with pytest.raises(TqsError, match=message):
        create_key(engine, name, scopes=scopes, expires_at=end)
    assert list_keys(engine) == []


def test_audit_log_tells_of_making_and_revoking(engine: Engine) -> None:
    key = create_key(engine, "a", scopes=["read"], actor="mara")
    made = list_keys(engine)[0]
    revoke_key(engine, made.prefix, actor="ben")
    with engine.connect() as connection:
        rows = connection.execute(text("SELECT actor, action, subject, details FROM audit_log ORDER BY id")).all()
    assert [tuple(row) for row in rows] == [
        ("mara", "create key", str(made.id), {"prefix": key[:12], "scopes": ["read"]}),
        ("ben", "revoke key", str(made.id), {"prefix": key[:12]}),
    ]


def test_first_key_is_kept_for_its_owner_only(engine: Engine, tmp_path: Path) -> None:
    home = tmp_path / "new" / "home"
    key = ensure_first_key(engine, home)
    assert key is not None
    assert (home / "api-key").read_text() == key + "\n"
    assert stat.S_IMODE((home / "api-key").stat().st_mode) == 0o600
    assert [path.name for path in home.iterdir()] == ["api-key"]
    assert list_keys(engine)[0].scopes == ["read", "ingest", "admin"]
    assert ensure_first_key(engine, home) is None


def test_no_first_key_appears_after_all_were_revoked(engine: Engine, tmp_path: Path) -> None:
    ensure_first_key(engine, tmp_path)
    revoke_key(engine, list_keys(engine)[0].prefix)
    assert ensure_first_key(engine, tmp_path) is None


def test_two_starts_at_once_make_one_first_key(engine: Engine, tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = [key for key in pool.map(lambda _: ensure_first_key(engine, tmp_path), range(4)) if key]
    assert len(made) == 1
    assert (tmp_path / "api-key").read_text().strip() == made[0]


def test_first_key_that_cannot_be_kept_is_not_made(engine: Engine, tmp_path: Path) -> None:
    (tmp_path / "api-key").mkdir()
    with pytest.raises(TqsError, match="cannot be kept in"):
        ensure_first_key(engine, tmp_path)
    assert list_keys(engine) == []
    assert [path.name for path in tmp_path.iterdir()] == ["api-key"]
