"""Working off what waits: batch after batch, and where one fails in parts, so that only the bad row is held up."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import psycopg2
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from processing.batch import HARD_LIMIT_S, OverrunError, process_batch
from processing.models import SessionModels
from processing.queue import Claim, WorkItem, claim_batch, claim_lost, give_up_lease, holding, record_error, release
from records.engine import is_outage
from tqs.errors import TqsError
from tqs.private_logs import describe_error
from tqs.settings import Settings

log: Final = logging.getLogger("tqs.processing")

SOFT_LIMIT_S: Final = 240.0  # from the claim on, after which what is left of a batch is given back
CONFLICTS: Final = 3  # with others, one after the other, before a batch is given back
SOON_S: Final = 5.0  # until what the database could not do is tried again
# SQLSTATEs by which no session is to blame: a deadlock or a lock that was not to be had,
_CONFLICT: Final = ("40", "55")
# and a database that cannot be used: connections, a server that only reads, resources, shutdown, I/O.
_TROUBLE: Final = ("08", "25", "53", "57", "58")


@dataclass(slots=True)
class DrainReport:
    """What became of the sessions that were claimed.

    delayed: an error of their own, to be tried again. failed: too many of those. released: given back as they were.
    """

    processed: int = 0
    delayed: int = 0
    failed: int = 0
    released: int = 0
    mails: int = 0


def drain(
    engine: Engine,
    settings: Settings,
    models: SessionModels,
    *,
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[DrainReport], None] | None = None,
) -> DrainReport:
    """Process all that is due. Safe to run twice at once, and to be killed anywhere.

    stop: asked between batches, and between the parts of one that failed. progress: called after each.

    Raises
    ------
    DBAPIError, psycopg2.Error
        where the database fails for a reason that no session is to blame for; what was being worked on is claimed again
        at once, or when its lease has run out.
    """
    total = DrainReport()
    idle = False
    while not (idle or stop()):
        idle = True
        for claim in (claim_batch, claim_lost):
            claimed = claim(engine)
            if not claimed.items:
                continue
            with holding(engine, claimed, limit_s=HARD_LIMIT_S):
                report = _Work(engine, settings, models, claimed, stop).run()
            _add(total, report)
            idle = idle and report.processed == 0 and report.delayed + report.failed == 0
            if progress is not None:
                progress(total)
    return total


@dataclass(slots=True)
class _Work:
    engine: Engine
    settings: Settings
    models: SessionModels
    claim: Claim
    stop: Callable[[], bool]

    def run(self) -> DrainReport:
        report = DrainReport()
        parts: list[Sequence[WorkItem]] = [self.claim.items]
        while parts:
            part = parts.pop()
            try:
                self._process(part, report)
            except OverrunError as error:
                log.error("%s: its sessions are tried again one by one", error)
                break  # the lease is not renewed any more
            except (DBAPIError, psycopg2.Error) as error:
                if _state(error).startswith(_CONFLICT):
                    report.released += self._release(part, SOON_S)
                elif is_outage(error) or _state(error).startswith(_TROUBLE):
                    self._leave([*part, *_flat(parts)], error)
                    raise
                else:
                    parts += self._halve_or_blame(part, error, report)
            except Exception as error:  # noqa: BLE001  # whatever is wrong with one must not hold up the others
                parts += self._halve_or_blame(part, error, report)
            if parts and (self.stop() or time.monotonic() - self.claim.since > SOFT_LIMIT_S):
                report.released += self._release(_flat(parts))
                break
        return report

    def _process(self, part: Sequence[WorkItem], report: DrainReport) -> None:
        models = self.models.current()
        for attempt in range(1, CONFLICTS + 1):
            try:
                done = process_batch(self.engine, self.settings, models, self.claim, part)
            except (DBAPIError, psycopg2.Error) as error:
                if attempt == CONFLICTS or not _state(error).startswith(_CONFLICT):
                    raise
            else:
                report.processed += done.processed
                report.released += done.busy
                report.mails += done.mails
                return

    def _halve_or_blame(
        self, part: Sequence[WorkItem], error: Exception, report: DrainReport
    ) -> list[Sequence[WorkItem]]:
        """The halves of a part that failed; where it is one session, the error is its own."""
        if len(part) > 1:
            half = len(part) // 2
            return [part[half:], part[:half]]
        log.error("session %s could not be processed\n%s", part[0].session_id, "\n".join(describe_error(error)))
        if record_error(self.engine, self.claim, part[0], _name(error)):
            report.failed += 1
        else:
            report.delayed += 1
        return []

    def _release(self, items: Sequence[WorkItem], pause_s: float = 0.0) -> int:
        with self.engine.begin() as connection:
            return release(connection, self.claim, items, pause_s=pause_s)

    def _leave(self, items: Sequence[WorkItem], error: DBAPIError | psycopg2.Error) -> None:
        """Let others have what is left, if the database answers; else the lease runs out."""
        try:
            if is_outage(error):
                with self.engine.begin() as connection:
                    give_up_lease(connection, self.claim, items)
            else:
                self._release(items, SOON_S)
        except (DBAPIError, psycopg2.Error) as another:
            log.warning("%d sessions wait for their lease to run out: %s", len(items), type(another).__name__)


def _add(total: DrainReport, report: DrainReport) -> None:
    for name, count in asdict(report).items():
        setattr(total, name, getattr(total, name) + count)


def _flat(parts: Sequence[Sequence[WorkItem]]) -> list[WorkItem]:
    return [item for part in parts for item in part]


def _state(error: DBAPIError | psycopg2.Error) -> str:
    cause: Any = error.orig if isinstance(error, DBAPIError) else error
    return getattr(cause, "pgcode", None) or ""


def _name(error: Exception) -> str:
    """What is told of an error: without its message, which may quote a row, unless it is ours."""
    if isinstance(error, TqsError):
        return str(error)
    cause = getattr(error, "orig", None) or error
    state = getattr(cause, "pgcode", None)
    return f"{type(cause).__name__} ({state})" if state else type(cause).__name__
