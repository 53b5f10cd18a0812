"""The mails that wait: claimed for sending by one sender at a time, each with what became of it.

A claim sets a lease and a token and commits, so nothing is held while a mail server is talked to. What became of a mail
is recorded only where its token still stands. A lease that has run out, because its holder was killed, lets someone
else send the mail again, with the same Message-ID.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import Connection, Engine, text

from records.locking import run_alone
from reports.digests import Mode, gather_reports

BATCH: Final = 100
LEASE_S: Final = 120.0
MOST_ATTEMPTS: Final = 400  # about four days with the pauses below
FIRST_PAUSE_S: Final = 60.0  # after the first attempt, doubled after each
LONGEST_PAUSE_S: Final = 900.0
JITTER: Final = 0.25


@dataclass(frozen=True, slots=True)
class ClaimedMail:
    """A row of `email_reports` that its claimer is to send. attempts: with this one."""

    id: UUID
    kind: str
    recipient: str
    subject: str
    message_id: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Claim:
    """Mails, and the token that says whose they are."""

    token: UUID
    mails: list[ClaimedMail]


def claim_mails(
    engine: Engine, *, mode: Mode, cap: int, timezone: str, now: datetime, most: int = BATCH, lease_s: float = LEASE_S
) -> Claim:
    """Claim up to `most` mails that are due, in this order: notices, reminders and digests, then session reports.

    mode, cap, timezone, now: as for `gather_reports`, which decides what is a mail of its own.
    """
    token = uuid4()
    values = {"token": token, "now": now, "most": most, "lease": lease_s}
    with engine.begin() as connection:
        run_alone(connection, "claim mails")
        gather_reports(connection, mode, cap, timezone, now)
        rows = connection.execute(_CLAIM, values).all()
    mails = [ClaimedMail(**row._mapping) for row in rows]
    return Claim(token, sorted(mails, key=_order))


def hold_mails(engine: Engine, claim: Claim, mails: Sequence[ClaimedMail], *, lease_s: float = LEASE_S) -> set[UUID]:
    """Renew the lease of mails about to be handed over; the ids of those that are still the claimer's."""
    with engine.begin() as connection:
        rows = connection.execute(_HOLD, _of(claim, mails) | {"lease": lease_s})
        return set(rows.scalars())


def record_sent(engine: Engine, claim: Claim, mails: Sequence[ClaimedMail], subject: str) -> int:
    """The mails were handed over under this subject; and with a digest the reports in it. Returns how many mails."""
    with engine.begin() as connection:
        sent = connection.execute(_SENT, _of(claim, mails) | {"subject": subject}).scalars().all()
        _record_gathered(connection, sent, "sent", None)
    return len(sent)


def record_failed(engine: Engine, claim: Claim, mails: Sequence[ClaimedMail], error: str) -> int:
    """The mails cannot be sent, and are not tried again. Returns how many."""
    with engine.begin() as connection:
        failed = connection.execute(_FAILED, _of(claim, mails) | {"error": error}).scalars().all()
        _record_gathered(connection, failed, "failed", error)
    return len(failed)


def record_delayed(engine: Engine, claim: Claim, mails: Sequence[ClaimedMail], error: str) -> int:
    """The mails are tried again after a pause. Returns how many."""
    delayed = 0
    with engine.begin() as connection:
        for mail in mails:
            values = _of(claim, [mail]) | {"error": error, "pause": pause_after(mail.attempts)}
            delayed += connection.execute(_DELAYED, values).rowcount
    return delayed


def release_mails(engine: Engine, claim: Claim, mails: Sequence[ClaimedMail], *, pause_s: float = 0.0) -> None:
    """Give back mails that were not tried, to be claimed again after a pause."""
    with engine.begin() as connection:
        connection.execute(_RELEASE, _of(claim, mails) | {"pause": pause_s})


def pause_after(attempts: int) -> float:
    """Seconds until the next attempt: 1, 2, 4, 8, 15, 15, ... minutes, each up to a quarter shorter or longer."""
    doubled: float = FIRST_PAUSE_S * 2.0 ** min(attempts - 1, 10)
    spread = random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311  # so that senders do not come all at once
    return min(doubled, LONGEST_PAUSE_S) * spread


def _order(mail: ClaimedMail) -> tuple[bool, str, str]:
    """Reports last, and the recipients of one message beside each other."""
    return mail.kind == "session_report", mail.message_id, mail.recipient


def _of(claim: Claim, mails: Sequence[ClaimedMail]) -> dict[str, Any]:
    return {"token": claim.token, "ids": [str(mail.id) for mail in mails]}


def _record_gathered(connection: Connection, digests: Sequence[UUID], state: str, error: str | None) -> None:
    values = {"digests": [str(digest) for digest in digests], "state": state, "error": error}
    connection.execute(_GATHERED, values)


_AFTER: Final = "clock_timestamp() + CAST(:{name} AS float8) * interval '1 second'"
_MINE: Final = "WHERE id = ANY(CAST(:ids AS uuid[])) AND lease_token = :token AND state = 'pending'"
_FREE: Final = "lease_token = NULL, leased_until = NULL, updated_at = clock_timestamp()"
_CLAIM: Final = text(
    f"""
    WITH due AS MATERIALIZED (
        SELECT id FROM email_reports
        WHERE state = 'pending' AND digest_id IS NULL AND not_before <= clock_timestamp()
            AND (leased_until IS NULL OR leased_until < clock_timestamp())
            AND (period_end IS NULL OR period_end <= :now)
        ORDER BY kind = 'session_report', not_before, message_id LIMIT :most FOR UPDATE SKIP LOCKED
    )
    UPDATE email_reports m SET attempts = attempts + 1, lease_token = :token, updated_at = clock_timestamp(),
        leased_until = {_AFTER.format(name="lease")}
    FROM due WHERE m.id = due.id
    RETURNING m.id, m.kind, m.recipient, m.subject, m.message_id, m.attempts
    """
)
_HOLD: Final = text(f"UPDATE email_reports SET leased_until = {_AFTER.format(name='lease')} {_MINE} RETURNING id")
_SENT: Final = text(
    f"UPDATE email_reports SET state = 'sent', sent_at = clock_timestamp(), subject = :subject, error = NULL, {_FREE} "
    f"{_MINE} RETURNING id"
)
_FAILED: Final = text(f"UPDATE email_reports SET state = 'failed', error = :error, {_FREE} {_MINE} RETURNING id")
_DELAYED: Final = text(
    f"UPDATE email_reports SET error = :error, not_before = {_AFTER.format(name='pause')}, {_FREE} {_MINE}"
)
_RELEASE: Final = text(
    f"UPDATE email_reports SET attempts = attempts - 1, not_before = {_AFTER.format(name='pause')}, {_FREE} {_MINE}"
)
_GATHERED: Final = text(
    """
    UPDATE email_reports SET state = :state, error = :error, updated_at = clock_timestamp(),
        sent_at = CASE WHEN :state = 'sent' THEN clock_timestamp() END
    WHERE digest_id = ANY(CAST(:digests AS uuid[])) AND state = 'pending'
    """
)
