"""The promise that sessions will be processed, given in the transaction that stores them."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection, text

CHANNEL: Final = "tqs_work"  # what a processor that waits for work listens on


def queue_sessions(connection: Connection, sessions: str, **parameters: Any) -> int:
    """Promise to process the sessions whose ids the SQL `sessions` selects, as a part of the connection's transaction.

    A processor that listens wakes when it commits. Returns how many sessions are promised.
    """
    promised = connection.scalar(
        text(f"""
        WITH promised AS (INSERT INTO work_items (session_id) {sessions} RETURNING 1)
        SELECT count(*), CASE WHEN count(*) > 0 THEN pg_notify('{CHANNEL}', '') END FROM promised
        """),
        parameters,
    )
    return int(promised or 0)
