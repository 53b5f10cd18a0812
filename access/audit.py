"""The audit log: who did what to what, written in the transaction that does it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Engine, insert, select

from records.tables.operations import audit_log

# Who acts without a key of the database.
SETTING: Final = "TQS_API_KEY"  # with a key of that setting
WEBHOOK: Final = "webhook"  # by a signature
COMMAND_LINE: Final = "command line"
FIRST_START: Final = "first start"
UNKNOWN: Final = "unknown"
ITSELF: Final = "tqs"  # by schedule
GATE: Final = "gate"  # what decides about models that were trained
BEARER: Final = "token "  # before the subject of a token
ACCOUNT: Final = "account "  # before the name of who runs a command
PERSON: Final = "person "  # before the login of who uses the dashboards

_OTHERS: Final = frozenset(
    name.casefold() for name in (SETTING, WEBHOOK, COMMAND_LINE, FIRST_START, UNKNOWN, ITSELF, GATE)
)


def is_taken(name: str) -> bool:
    """Whether the audit log calls somebody so who has no key of the database, so that no key may be called so."""
    folded = name.strip().casefold()
    return folded in _OTHERS or f"{folded} ".startswith((BEARER, ACCOUNT, PERSON))


def record_action(
    connection: Connection, actor: str, action: str, subject: str, details: Mapping[str, Any] | None = None
) -> None:
    """Add a row to the audit log. `details` is JSON and holds no secret and no personal data."""
    connection.execute(insert(audit_log).values(actor=actor, action=action, subject=subject, details=details))


def record_export(engine: Engine, actor: str, what: str, rows: int) -> None:
    """Note that `actor` took a table out of the house."""
    with engine.begin() as connection:
        record_action(connection, actor, "export", what, {"rows": rows})


@dataclass(frozen=True, slots=True)
class Action:
    """A row of the audit log. actor: as it is called there, such as "person ada@example.com"."""

    at: datetime
    actor: str
    action: str
    subject: str | None
    details: dict[str, Any] | None


def list_actions(engine: Engine, limit: int) -> list[Action]:
    """The last `limit` rows of the audit log, the newest first."""
    columns = (audit_log.c[name] for name in Action.__dataclass_fields__)
    query = select(*columns).order_by(audit_log.c.id.desc()).limit(limit)
    with engine.connect() as connection:
        return [Action(**row._mapping) for row in connection.execute(query)]


@dataclass(frozen=True, slots=True)
class Deed:
    """Who does what to what: for work of several transactions, each of which adds its own row."""

    actor: str
    action: str
    subject: str

    def record(self, connection: Connection, details: Mapping[str, Any]) -> None:
        """As `record_action`."""
        record_action(connection, self.actor, self.action, self.subject, details)
