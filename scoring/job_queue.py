"""Jobs: work of minutes that a request asks for and does not wait for, one at a time, finished whatever dies meanwhile.

A claim sets a lease and a token. Who holds them renews the lease every few seconds; a lease that has run out, because
its holder was killed, may be claimed by anyone, and the work starts over, which does no harm: what is stored already
and would not change is not written again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from access.audit import Deed
from records.json_sql import json_columns, json_object
from records.locking import run_alone
from tqs.errors import TqsError

LEASE_S: Final = 30.0  # of which a busy machine may need a good part to start a process
MOST_ATTEMPTS: Final = 10  # a job that ends whoever does it must not do so for ever
SHOWN: Final = ("id", "kind", "state", "done", "total", "created", "existing", "error", "created_at", "updated_at")

READ_JOB: Final = f"SELECT {json_object(json_columns(SHOWN, 'j'))}::text FROM jobs j WHERE id = $1"
"""$1 the job's id; no row where there is none."""


class LeaseLostError(TqsError):
    """Someone else has taken the job over."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A job that its holder is to do. created: rows that those who held it before had made. actor: who asked."""

    id: UUID
    token: UUID
    kind: str
    subject_id: UUID | None
    created: int
    actor: str

    @property
    def deed(self) -> Deed:
        """What the audit log says of what is written for it."""
        return name_deed(self.actor, self.kind, self.id)


@dataclass(frozen=True, slots=True)
class JobProgress:
    """Pairs done, their total (None: not counted yet), and of those done the ones that are new in the table."""

    done: int = 0
    total: int | None = None
    created: int = 0


def open_job(engine: Engine, kind: str, subject_id: UUID | None, *, total: int, actor: str) -> UUID:
    """The job of this kind about this subject (a tutor or student; None: everyone) that is open, else a new one.

    A refresh that runs already is not shared: it may have read people before what the caller has just changed.

    total: how many pairs it is about, as far as it is known by now.
    """
    values = {"kind": kind, "subject": subject_id, "total": total, "actor": actor}
    with engine.begin() as connection:
        run_alone(connection, "open a job")
        found: UUID | None = connection.execute(_FIND_OPEN, values).scalar_one_or_none()
        if found is None:
            found = connection.execute(_INSERT, values).scalar_one()
        name_deed(actor, kind, found).record(connection, {"pairs": total})
    return found


def name_deed(actor: str, kind: str, job_id: UUID) -> Deed:
    """What the audit log says of a job."""
    return Deed(actor, kind.replace("_", " "), f"job {job_id}")


def claim_job(engine: Engine, *, lease_s: float = LEASE_S) -> Claim | None:
    """Claim the oldest job that is open and nobody's, unless some other job is being done.

    One whose holders were lost time and again is given up.
    """
    with engine.begin() as connection:
        run_alone(connection, "claim a job")
        connection.execute(_GIVE_UP, {"most": MOST_ATTEMPTS})
        row = connection.execute(_CLAIM, {"lease": lease_s}).one_or_none()
    return None if row is None else Claim(*row)


def read_claim(engine: Engine, job_id: UUID, token: UUID) -> Claim:
    """The claim that someone made for this process to work on. Raises as `renew_lease`."""
    with engine.connect() as connection:
        row = connection.execute(_READ_CLAIM, {"id": job_id, "token": token}).one_or_none()
    if row is None:
        raise _lost(job_id)
    return Claim(*row)


def renew_lease(engine: Engine, claim: Claim, progress: JobProgress, *, lease_s: float = LEASE_S) -> None:
    """Hold the job on, and say how far it is.

    Raises
    ------
    LeaseLostError
        where it is someone else's by now.
    """
    _write(engine, _RENEW, claim, {"lease": lease_s, "done": progress.done, "total": progress.total}, progress)


def finish_job(engine: Engine, claim: Claim, progress: JobProgress) -> None:
    """The job is done. Raises as `renew_lease`."""
    _write(engine, _FINISH, claim, {"done": progress.done, "total": progress.total}, progress)


def fail_job(engine: Engine, claim: Claim, error: str) -> None:
    """The job cannot be done, and is not tried again. Raises as `renew_lease`."""
    _write(engine, _FAIL, claim, {"error": error}, None)


def release_job(engine: Engine, claim: Claim) -> None:
    """Give the job back, to be claimed at once. Raises as `renew_lease`."""
    _write(engine, _RELEASE, claim, {}, None)


def are_jobs_waiting(connection: Connection) -> bool:
    """Whether there is a job to claim."""
    return bool(connection.execute(_WAITING).scalar_one())


def _write(engine: Engine, statement: Any, claim: Claim, values: dict[str, Any], progress: JobProgress | None) -> None:
    made = {} if progress is None else {"created": claim.created + progress.created}
    with engine.begin() as connection:
        written = connection.execute(statement, {**values, **made, "id": claim.id, "token": claim.token}).rowcount
    if not written:
        raise _lost(claim.id)


def _lost(job_id: UUID) -> LeaseLostError:
    return LeaseLostError(f"job {job_id} was taken over by another process, or is done")


_OPEN: Final = "state IN ('pending', 'running')"
_FREE: Final = "(leased_until IS NULL OR leased_until < clock_timestamp())"
_MINE: Final = "WHERE id = :id AND lease_token = :token AND state = 'running'"
_FIND_OPEN: Final = text(
    f"SELECT id FROM jobs WHERE {_OPEN} AND kind = :kind AND subject_id IS NOT DISTINCT FROM :subject "
    "AND (state = 'pending' OR kind = 'generate_all') ORDER BY created_at, id LIMIT 1"
)
_INSERT: Final = text(
    "INSERT INTO jobs (kind, subject_id, total, actor) VALUES (:kind, :subject, :total, :actor) RETURNING id"
)
_CLAIM: Final = text(
    f"""
    UPDATE jobs SET state = 'running', attempts = attempts + 1, lease_token = gen_random_uuid(),
        updated_at = clock_timestamp(),
        leased_until = clock_timestamp() + CAST(:lease AS float8) * interval '1 second'
    WHERE id = (SELECT id FROM jobs WHERE {_OPEN} ORDER BY created_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
        AND NOT EXISTS (SELECT FROM jobs WHERE {_OPEN} AND NOT {_FREE})
    RETURNING id, lease_token, kind, subject_id, created, actor
    """
)
_READ_CLAIM: Final = text(f"SELECT id, lease_token, kind, subject_id, created, actor FROM jobs {_MINE}")
_GIVE_UP: Final = text(
    f"""
    UPDATE jobs SET state = 'failed', updated_at = clock_timestamp(),
        error = 'The process that worked on it ended ' || attempts || ' times; the log of the service says why.'
    WHERE {_OPEN} AND {_FREE} AND attempts >= :most
    """
)
_RENEW: Final = text(
    f"""
    UPDATE jobs SET leased_until = clock_timestamp() + CAST(:lease AS float8) * interval '1 second',
        done = :done, total = coalesce(:total, total), created = :created, existing = greatest(:done - :created, 0),
        updated_at = clock_timestamp() {_MINE}
    """
)
_FINISH: Final = text(
    f"""
    UPDATE jobs SET state = 'done', leased_until = NULL, lease_token = NULL, done = :done,
        total = coalesce(:total, total), created = :created, existing = greatest(:done - :created, 0),
        updated_at = clock_timestamp() {_MINE}
    """
)
_FAIL: Final = text(
    "UPDATE jobs SET state = 'failed', leased_until = NULL, lease_token = NULL, error = :error, "
    f"updated_at = clock_timestamp() {_MINE}"
)
_RELEASE: Final = text(f"UPDATE jobs SET leased_until = NULL, updated_at = clock_timestamp() {_MINE}")
_WAITING: Final = text(
    f"SELECT EXISTS (SELECT FROM jobs WHERE {_OPEN}) AND NOT EXISTS (SELECT FROM jobs WHERE {_OPEN} AND NOT {_FREE})"
)
