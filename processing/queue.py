"""The sessions that wait to be processed: claimed by one processor at a time, each with what became of it.

A claim sets attempts + 1, a lease and a token, and commits; the work is done in a transaction of its own, which
finishes a row only where its token still stands. A lease that has run out, because its holder was killed, is no error
of the row, so `attempts - errors` is how often that happened: such a row is claimed alone from then on, and given up
after `MOST_LOST` times. An error of the row's own is tried again after 1, 2 and 4 minutes.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from threading import Event, Thread
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import Connection, Engine, TextClause, text

from records.known import COUNTS_FROM, FEW_RESCHEDULES
from tqs.failpoints import reach

log: Final = logging.getLogger("tqs.processing")

BATCH: Final = 500  # so that as many tutors at most, whose figures are what takes time
MOST_AT_ONCE: Final = 20_000  # with the others of the same tutors
LEASE_S: Final = 30.0
RENEWALS: Final = 3  # within a lease, so that one that fails costs nothing
MOST_LOST: Final = 10  # a row that ends whoever works on it must not do so for ever
PAUSES_S: Final = (60.0, 120.0, 240.0)  # after the first error of a row's own, the second, the third
JITTER: Final = 0.25


@dataclass(frozen=True, slots=True)
class WorkItem:
    """A row of `work_items`: a session to be processed, its tutor, and who was that before (None: nobody)."""

    id: UUID
    session_id: UUID
    tutor_id: UUID
    former_tutor_id: UUID | None = None

    @property
    def tutors(self) -> set[UUID]:
        """Whose figures it changes."""
        return {tutor for tutor in (self.tutor_id, self.former_tutor_id) if tutor is not None}


@dataclass(frozen=True, slots=True)
class Claim:
    """Work, and the token that says whose it is. since: monotonic seconds."""

    token: UUID
    items: tuple[WorkItem, ...]
    since: float


def claim_batch(engine: Engine, *, most: int = BATCH, lease_s: float = LEASE_S) -> Claim:
    """Claim the `most` sessions that are due and wait longest; none whose lease has run out before.

    Where more wait, those of the same tutors come with them: what a batch costs follows its tutors.
    """
    return _claim(engine, _CLAIM_FRESH, most, lease_s)


def claim_lost(engine: Engine, *, lease_s: float = LEASE_S) -> Claim:
    """Claim one session whose lease has run out before. One that was lost time and again is given up."""
    with engine.begin() as connection:
        given_up = connection.execute(_GIVE_UP, {"most": MOST_LOST}).rowcount
    if given_up:
        log.error("%d sessions were given up: whoever worked on them ended", given_up)
    return _claim(engine, _CLAIM_LOST, 1, lease_s)


def finish(connection: Connection, claim: Claim, items: Sequence[WorkItem], now: datetime) -> int:
    """The sessions are processed once the connection's transaction commits; how many were still the claim's.

    One whose outcome counts from later than `now` on, as of which it was processed, waits to be processed again then.
    """
    return connection.execute(_FINISH, _of(claim, items) | {"now": now}).rowcount


def release(connection: Connection, claim: Claim, items: Sequence[WorkItem], *, pause_s: float = 0.0) -> int:
    """Give back what was not worked on, to be claimed again after a pause as if it never had been."""
    return connection.execute(_RELEASE, _of(claim, items) | {"pause": pause_s, "worked": 0}).rowcount


def give_up_lease(connection: Connection, claim: Claim, items: Sequence[WorkItem]) -> int:
    """Give back what was being worked on when that broke off, to be claimed again at once, each row alone."""
    return connection.execute(_RELEASE, _of(claim, items) | {"pause": 0.0, "worked": 1}).rowcount


def record_error(engine: Engine, claim: Claim, item: WorkItem, error: str) -> bool:
    """An error of the row's own: it is tried again after a pause, or failed for good; whether it is failed now."""
    reach("queue.failing")
    spread = random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311  # so that rows that failed together come apart
    values = _of(claim, [item]) | {"error": error, "pauses": list(PAUSES_S), "spread": spread}
    with engine.begin() as connection:
        state = connection.execute(_ERROR, values).scalar_one_or_none()
    reach("queue.failed")
    return bool(state == "failed")


@contextmanager
def holding(engine: Engine, claim: Claim, *, lease_s: float = LEASE_S, limit_s: float) -> Iterator[None]:
    """Renew the lease within the with block, for `limit_s` seconds since the claim at most."""
    ended = Event()

    def renew() -> None:
        while not ended.wait(lease_s / RENEWALS) and time.monotonic() - claim.since < limit_s:
            try:
                with engine.begin() as connection:
                    connection.execute(_RENEW, _of(claim, claim.items) | {"lease": lease_s})
            except Exception as error:  # noqa: BLE001  # a database that is away: the next renewal may be in time
                log.warning("a lease could not be renewed: %s", type(error).__name__)

    thread = Thread(target=renew, name="lease", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _claim(engine: Engine, statement: TextClause, most: int, lease_s: float) -> Claim:
    token, since = uuid4(), time.monotonic()
    with engine.begin() as connection:
        rows = connection.execute(statement, {"token": token, "most": most, "lease": lease_s}).all()
    if rows:
        reach("queue.claimed")
    return Claim(token, tuple(WorkItem(*row) for row in rows), since)


def _of(claim: Claim, items: Sequence[WorkItem]) -> dict[str, Any]:
    return {"token": claim.token, "ids": [str(item.id) for item in items]}


_AFTER: Final = "clock_timestamp() + CAST(:{name} AS float8) * interval '1 second'"
_FREE: Final = "state = 'pending' AND (leased_until IS NULL OR leased_until < clock_timestamp())"
_MINE: Final = "WHERE id = ANY(CAST(:ids AS uuid[])) AND lease_token = :token AND state = 'pending'"
_LET_GO: Final = "lease_token = NULL, leased_until = NULL, updated_at = clock_timestamp()"
_DUE: Final = f"{_FREE} AND not_before <= clock_timestamp() AND {{which}}"
_OLDEST: Final = f"""
        SELECT w.id, s.tutor_id FROM work_items w JOIN sessions s ON s.id = w.session_id WHERE {_DUE}
        ORDER BY w.not_before, w.id LIMIT :most FOR UPDATE OF w SKIP LOCKED"""
# Each tutor is looked up by the key and in a hash (IS TRUE): a backlog is younger than the planner's statistics, and a
# join that it takes for one of few rows is quadratic in them.
_OTHERS: Final = f"""others AS MATERIALIZED (
        SELECT id FROM work_items w
        WHERE (SELECT count(*) FROM oldest) = :most AND {_DUE.format(which="attempts = errors")}
            AND ((SELECT tutor_id FROM sessions WHERE id = w.session_id) IN (SELECT tutor_id FROM oldest)) IS TRUE
        LIMIT {MOST_AT_ONCE} FOR UPDATE SKIP LOCKED
    ), due AS (SELECT id FROM oldest UNION SELECT id FROM others)"""
_CLAIM: Final = f"""
    WITH {{due}}, claimed AS (
        UPDATE work_items w SET attempts = attempts + 1, lease_token = :token, updated_at = clock_timestamp(),
            leased_until = {_AFTER.format(name="lease")}
        FROM due WHERE w.id = due.id
        RETURNING w.id, w.session_id, w.former_tutor_id
    )
    SELECT c.id, c.session_id, s.tutor_id, c.former_tutor_id FROM claimed c JOIN sessions s ON s.id = c.session_id"""
_CLAIM_FRESH: Final = text(
    _CLAIM.format(due=f"oldest AS MATERIALIZED ({_OLDEST.format(which='w.attempts = w.errors')}), {_OTHERS}")
)
_CLAIM_LOST: Final = text(_CLAIM.format(due=f"due AS MATERIALIZED ({_OLDEST.format(which='w.attempts > w.errors')})"))
_GIVE_UP: Final = text(
    f"""
    UPDATE work_items SET state = 'failed', {_LET_GO},
        last_error = 'whoever processed it ended, ' || attempts - errors || ' times; the log may say why'
    WHERE {_FREE} AND attempts > errors AND attempts - errors >= :most
    """
)
# What its batch is about to finish needs no lease, and is not waited for: it could wait for us in turn.
_RENEW: Final = text(
    f"""
    UPDATE work_items SET leased_until = {_AFTER.format(name="lease")}
    WHERE id IN (SELECT id FROM work_items {_MINE} FOR UPDATE SKIP LOCKED)
    """
)
# A lookup by the key for each row, for the reason that _OTHERS gives.
_FINISH: Final = text(
    f"""
    UPDATE work_items SET last_error = NULL, {_LET_GO}, (state, attempts, errors, not_before, counts_from) = (
        SELECT CASE WHEN again THEN 'pending' ELSE 'done' END, CASE WHEN again THEN 0 ELSE attempts END,
            CASE WHEN again THEN 0 ELSE errors END, CASE WHEN again THEN later ELSE not_before END,
            CASE WHEN again THEN later END
        FROM (
            SELECT {COUNTS_FROM} AS later, s.status <> 'scheduled' AND {COUNTS_FROM} >= :now AS again
            FROM sessions s {FEW_RESCHEDULES} WHERE s.id = work_items.session_id
        ) known
    ) {_MINE}
    """
)
_RELEASE: Final = text(
    f"""
    UPDATE work_items SET attempts = attempts - 1 + :worked, {_LET_GO},
        not_before = CASE WHEN :pause > 0 THEN {_AFTER.format(name="pause")} ELSE not_before END {_MINE}
    """
)
_ERROR: Final = text(
    f"""
    UPDATE work_items SET errors = errors + 1, last_error = :error, {_LET_GO},
        state = CASE WHEN errors < cardinality(CAST(:pauses AS float8[])) THEN 'pending' ELSE 'failed' END,
        not_before = clock_timestamp()
            + coalesce((CAST(:pauses AS float8[]))[errors + 1], 0) * CAST(:spread AS float8) * interval '1 second'
    {_MINE} RETURNING state
    """
)
