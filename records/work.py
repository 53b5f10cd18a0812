"""The promise that sessions will be processed, given in the statement that stores them."""

from __future__ import annotations

from typing import Final

CHANNEL: Final = "tqs_work"  # what a processor that waits for work listens on
# A part of a WITH, `sessions` being a query for their ids. Whoever listens wakes when the transaction commits.
QUEUE_SESSIONS: Final = f"INSERT INTO work_items (session_id) {{sessions}} RETURNING pg_notify('{CHANNEL}', '')"
