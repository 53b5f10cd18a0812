"""The keys that are good at a moment, read in one query and then asked without the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import Connection, func, select

from access.audit import SETTING
from access.keys import hash_key
from records.tables.operations import SCOPES, api_keys

LONGEST_KEY: Final = 512  # characters: a longer one is not worth hashing


@dataclass(frozen=True, slots=True)
class ApiKey:
    """Who calls: a key's id (None for one of the settings, and for a token), its name, its scopes and when it ends.

    counted_as: who this is where calls are counted; no two callers share it.
    """

    id: UUID | None
    name: str
    scopes: frozenset[str]
    expires_at: datetime | None = None
    counted_as: str = ""

    def allows(self, scope: str) -> bool:
        """Whether the key carries `scope`; `admin` carries all."""
        return scope in self.scopes or "admin" in self.scopes


@dataclass(frozen=True, slots=True)
class KeyRing:
    """The keys by their hash that were neither revoked nor expired when the ring was read."""

    by_hash: Mapping[str, ApiKey]

    def __len__(self) -> int:
        return len(self.by_hash)

    def verify(self, presented: str, now: datetime) -> ApiKey | None:
        """The key that was presented; None where it is unknown, revoked or expired.

        It is looked up by its SHA-256: how long that takes tells nothing about the characters of any key.
        """
        if not 0 < len(presented) <= LONGEST_KEY:
            return None
        key = self.by_hash.get(hash_key(presented))
        expired = key is not None and key.expires_at is not None and key.expires_at <= now
        return None if expired else key


def read_key_ring(connection: Connection, configured: SecretStr | None) -> KeyRing:
    """The keys of the database that are good now, and those of the setting TQS_API_KEY, which have all scopes.

    The setting may name two, parted by a comma: the new one and the one that it replaces.
    """
    query = select(api_keys.c.hash, api_keys.c.id, api_keys.c.name, api_keys.c.scopes, api_keys.c.expires_at).where(
        api_keys.c.revoked_at.is_(None), func.coalesce(api_keys.c.expires_at > func.now(), True)
    )
    ring = {
        row.hash: ApiKey(row.id, row.name, frozenset(row.scopes), row.expires_at, f"key {row.id}")
        for row in connection.execute(query)
    }
    for key in [] if configured is None else configured.get_secret_value().split(","):
        if key.strip():
            ring[hash_key(key.strip())] = ApiKey(None, SETTING, frozenset(SCOPES), None, SETTING)
    return KeyRing(ring)
