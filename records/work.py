"""The promise that sessions will be processed, given in the statement that stores them."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

CHANNEL: Final = "tqs_work"  # what a processor that waits for work listens on
RECENT_DAYS: Final = 7  # older outcomes that an import tells are history: nobody waits for a report of them
QUEUE_SESSIONS: Final = "INSERT INTO work_items (session_id) {sessions}"  # `sessions`: a query for their ids


def wake_processor(connection: Connection) -> None:
    """Tell whoever listens that there is work. To be called after the commit that promised it, and commits.

    A hint: a processor looks from time to time anyway. In the transaction that promises it would be dear, for
    PostgreSQL lets those that notify commit one after the other, each waiting for the disk; here none does.
    """
    connection.exec_driver_sql(f"SET LOCAL synchronous_commit = off; NOTIFY {CHANNEL}")
    connection.commit()
