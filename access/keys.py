"""API keys: made from 256 random bits, shown once, stored as their SHA-256, with scopes and an end.

A key has too much entropy to be guessed from its hash, so the hash needs neither salt nor stretching.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, Engine, func, insert, select, text, true, update

from access.audit import COMMAND_LINE, FIRST_START, is_taken, record_action
from records.locking import run_alone
from records.tables.operations import SCOPES, api_keys
from tqs.errors import TqsError, UsageError
from tqs.private_files import write_private_file

KEY_MARK: Final = "tqs_"
KEY_BYTES: Final = 32
KEY_FORM: Final = re.compile(rf"{KEY_MARK}[A-Za-z0-9_-]{{43}}")
PREFIX_CHARS: Final = 12  # the mark and 8 of the key's 43 characters: 208 of its 256 bits stay unknown
LONGEST_NAME: Final = 100
FIRST_KEY_FILE: Final = "api-key"


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A key as it is listed: everything but the key."""

    id: UUID
    name: str
    prefix: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


def create_key(
    engine: Engine,
    name: str,
    *,
    scopes: Sequence[str],
    expires_at: datetime | None = None,
    actor: str = COMMAND_LINE,
) -> str:
    """Make a key, store its hash, and return it: it can never be shown again.

    Raises
    ------
    TqsError
        no or an over-long name or one that is taken, an unknown scope, none at all, or an end that is past.
    """
    with engine.begin() as connection:
        return _insert_key(connection, name, scopes, expires_at, actor)


def list_keys(engine: Engine) -> list[KeyRow]:
    """All keys, the newest first, revoked and expired ones included."""
    query = select(*(api_keys.c[name] for name in KeyRow.__dataclass_fields__)).order_by(
        api_keys.c.created_at.desc(), api_keys.c.id
    )
    with engine.connect() as connection:
        return [KeyRow(**row._mapping) for row in connection.execute(query)]


def live_prefixes(engine: Engine, name: str) -> list[str]:
    """The prefixes of the keys of this name that are neither revoked nor expired, the oldest first.

    A key is exchanged by making a second one of its name: both are good until the first is revoked.
    """
    live = api_keys.c.revoked_at.is_(None) & func.coalesce(api_keys.c.expires_at > func.now(), true())
    query = select(api_keys.c.prefix).where(api_keys.c.name == name, live)
    with engine.connect() as connection:
        return list(connection.scalars(query.order_by(api_keys.c.created_at, api_keys.c.id)))


def revoke_key(engine: Engine, wanted: str, *, actor: str = COMMAND_LINE) -> str:
    """Revoke the key with this id or prefix; returns its prefix. One that is revoked already stays as it is.

    Raises
    ------
    TqsError
        where no key, or more than one, is so called.
    """
    with engine.begin() as connection:
        found = connection.execute(
            select(api_keys.c.id, api_keys.c.prefix, api_keys.c.revoked_at).where(
                (api_keys.c.prefix == wanted) | (api_keys.c.id == _read_uuid(wanted))
            )
        ).all()
        if len(found) != 1:
            count = "no key has" if not found else f"{len(found)} keys have"
            raise TqsError(f"{count} the id or prefix {wanted!r}; see them with: tqs keys list")
        key = found[0]
        if key.revoked_at is None:
            now = text("now()")
            connection.execute(update(api_keys).where(api_keys.c.id == key.id).values(revoked_at=now, updated_at=now))
            record_action(connection, actor, "revoke key", str(key.id), {"prefix": key.prefix})
        return str(key.prefix)


def ensure_first_key(engine: Engine, home: Path) -> str | None:
    """Where no key was ever made, make one with all scopes, keep it in `home/api-key` and return it to be shown once.

    None where there is a key, also a revoked one: who revokes every key does not want a new one to appear. The file
    is readable by its owner only and is there, whole, before the key counts.
    """
    with engine.begin() as connection:
        run_alone(connection, "first key")
        if connection.scalar(select(func.count()).select_from(api_keys)):
            return None
        key = _insert_key(connection, "first key", SCOPES, None, FIRST_START)
        file = home / FIRST_KEY_FILE
        try:
            write_private_file(file, key + "\n", replace=True)
        except OSError as error:
            raise TqsError(
                f"the first API key cannot be kept in {file} ({error.strerror}); free or unlock it"
            ) from error
        return key


def holds_first_key(engine: Engine, home: Path) -> bool:
    """Whether the key in `home/api-key` is one of the database's, also where there is no such file."""
    file = home / FIRST_KEY_FILE
    if not file.exists():
        return True
    known = select(api_keys.c.id).where(api_keys.c.hash == hash_key(file.read_text(encoding="utf-8").strip()))
    with engine.connect() as connection:
        return connection.scalar(known) is not None


def hash_key(key: str) -> str:
    """What is stored of a key: the SHA-256 of its UTF-8 bytes, in hex."""
    return hashlib.sha256(key.encode()).hexdigest()


def _insert_key(
    connection: Connection, name: str, scopes: Sequence[str], expires_at: datetime | None, actor: str
) -> str:
    chosen = [scope for scope in SCOPES if scope in scopes]
    if unknown := sorted(set(scopes) - set(SCOPES)):
        raise UsageError(f"there is no scope {unknown[0]!r}; the scopes are {', '.join(SCOPES)}")
    if not chosen:
        raise TqsError(f"a key needs a scope; the scopes are {', '.join(SCOPES)}")
    if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
        raise TqsError(f"a key needs a name of 1 to {LONGEST_NAME} printable characters, got {name[:LONGEST_NAME]!r}")
    if is_taken(name):
        raise TqsError(f"the audit log calls somebody else {name!r}; give the key another name")
    if expires_at is not None and expires_at <= datetime.now(UTC):
        raise TqsError(f"the key would have expired at {expires_at.isoformat()}; choose a time to come")
    key = KEY_MARK + secrets.token_urlsafe(KEY_BYTES)
    values = {"name": name, "hash": hash_key(key), "prefix": key[:PREFIX_CHARS], "scopes": chosen}
    made = connection.scalar(insert(api_keys).values(**values, expires_at=expires_at).returning(api_keys.c.id))
    record_action(connection, actor, "create key", str(made), {"prefix": values["prefix"], "scopes": chosen})
    return key


def _read_uuid(value: str) -> UUID | None:
    try:
        return UUID(value)
    except ValueError:
        return None
