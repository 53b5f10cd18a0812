"""When each key was last used: noted in memory with each call, written now and then."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Engine, text

FINENESS: Final = "1 minute"  # a key that is always in use is written so often
WRITE_TIMEOUT_MS: Final = 2_000


class KeyUse:
    """The keys that were used since they were last written, and when. `note` and `write` may run in two threads."""

    def __init__(self) -> None:
        self._used: dict[UUID, datetime] = {}

    def note(self, key: UUID | None, at: datetime) -> None:
        """A key was used; one without an id is not kept in the database."""
        if key is not None:
            self._used[key] = at

    def write(self, engine: Engine) -> None:
        """Write `last_used_at` where it is older by more than a minute; else nothing changes, nor is a row locked.

        What cannot be written is kept for the next time.
        """
        used = self._used.copy()
        if not used:
            return
        with engine.begin() as connection:
            connection.execute(text(f"SET LOCAL statement_timeout = {WRITE_TIMEOUT_MS}"))
            connection.execute(_WRITE, {"ids": [str(key) for key in used], "times": list(used.values())})
        for key, at in used.items():
            if self._used.get(key) == at:
                del self._used[key]


_WRITE: Final = text(
    f"""
    UPDATE api_keys SET last_used_at = used.at
    FROM unnest(CAST(:ids AS uuid[]), CAST(:times AS timestamptz[])) AS used (id, at)
    WHERE api_keys.id = used.id
        AND coalesce(api_keys.last_used_at < used.at - interval '{FINENESS}', true)
    """
)
