"""What the SQL texts of this room answer, asked as the service asks them."""

from __future__ import annotations

from typing import Any

import asyncpg
from sqlalchemy import Engine

from tests.loops import run_coroutine


def answered(engine: Engine, sql: str, *parameters: Any) -> bytes | None:
    """The one text that a statement gives, in a transaction of its own."""

    async def ask() -> str | None:
        dsn = engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
        connection = await asyncpg.connect(dsn, server_settings={"timezone": "UTC"})
        try:
            found: str | None = await connection.fetchval(sql, *parameters)
        finally:
            await connection.close()
        return found

    found = run_coroutine(ask())
    return None if found is None else found.encode()
