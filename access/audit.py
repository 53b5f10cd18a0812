"""The audit log: who did what to what, written in the transaction that does it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, insert

from records.tables.operations import audit_log


def record_action(
    connection: Connection, actor: str, action: str, subject: str, details: Mapping[str, Any] | None = None
) -> None:
    """Add a row to the audit log. `details` is JSON and holds no secret and no personal data."""
    connection.execute(insert(audit_log).values(actor=actor, action=action, subject=subject, details=details))
