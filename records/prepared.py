"""Statements that PostgreSQL plans once for a connection, where planning would cost more than doing."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection

from records.bulk import open_cursor

_KNOWN: Final = "prepared"


def execute_prepared(connection: Connection, name: str, sql: str, *parameters: Any) -> list[Any]:
    """Run `sql`, whose parameters are $1, $2, ..., as a part of the connection's transaction; its rows, as tuples.

    name: one for each statement, that no other has.
    """
    known: set[str] = connection.connection.info.setdefault(_KNOWN, set())
    with open_cursor(connection) as cursor:
        if name not in known:
            cursor.execute(f"PREPARE {name} AS {sql}")
            known.add(name)
        cursor.execute(f"EXECUTE {name} ({', '.join(['%s'] * len(parameters))})", parameters)
        return list(cursor.fetchall())
