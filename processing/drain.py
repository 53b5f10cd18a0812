"""Working off what waits: batch after batch, and where one fails in parts, so that only the bad row is held up."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, TypeGuard

import psycopg2
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from processing.batch import HARD_LIMIT_S, OverrunError, process_batch
from processing.queue import Claim, WorkItem, claim_batch, claim_lost, give_up_lease, holding, record_error, release
from records.engine import is_outage
from scoring.current_models import CurrentModels
from scoring.sessions import Models
from tqs.errors import TqsError
from tqs.private_logs import describe_error
from tqs.settings import Settings

log: Final = logging.getLogger("tqs.processing")

SEVERAL: Final = 3  # tutors
SOFT_LIMIT_S: Final = 240.0  # from the claim on, after which what is left of a batch is given back
CONFLICTS: Final = 3  # with others, one after the other, before a batch is given back
SOON_S: Final = 5.0  # until what the database could not do is tried again
# SQLSTATEs by which no session is to blame: a deadlock or a lock that was not to be had,
_CONFLICT: Final = ("40", "55")
# a shortage that a smaller part may not meet with: of memory, of what is configured, of a statement's time,
_SHORTAGE: Final = ("53200", "53400", "57014")
# and a database that cannot be used: connections, a server that only reads, resources, shutdown, I/O.
_TROUBLE: Final = ("08", "25", "53", "57", "58")
_MACHINE: Final = (OSError, MemoryError, PoolTimeoutError)  # not to blame on a session either


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
    models: CurrentModels,
    *,
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[DrainReport], None] | None = None,
) -> DrainReport:
    """Process all that is due. Safe to run twice at once, and to be killed anywhere.

    stop: asked before each batch, and between the parts of one that failed. progress: called after each.

    Raises
    ------
    Exception
        whatever no session is to blame for: a database or machine that is in trouble, models that cannot be read,
        sessions of several tutors that all fail alike. What was claimed is given back for a few seconds or, where the
        database does not answer, claimed again when its lease has run out.
    """
    total = DrainReport()
    idle = False
    while not idle:
        idle = True
        for claim in (claim_batch, claim_lost):
            if stop():
                return total
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
    models: CurrentModels
    claim: Claim
    stop: Callable[[], bool]

    def run(self) -> DrainReport:
        report = DrainReport()
        left: list[Sequence[WorkItem]] = [self.claim.items]
        blamed: list[tuple[WorkItem, Exception]] = []
        try:
            models = self.models.current()
            while left:
                part = left.pop()
                try:
                    self._process(part, models, report)
                except OverrunError as error:
                    log.error("%s: its sessions are tried again one by one", error)
                    left.clear()  # the lease is not renewed any more
                except Exception as error:
                    if self._is_trouble(error):
                        left.append(part)
                        raise
                    if len(part) > 1:
                        half = len(part) // 2
                        left += [part[half:], part[:half]]
                    elif _may_pass(error):
                        report.released += self._put_off(part, error)
                    else:
                        blamed.append((part[0], error))
                if left and (self.stop() or time.monotonic() - self.claim.since > SOFT_LIMIT_S):
                    break
            if report == DrainReport() and _is_one_for_all(blamed):
                raise blamed[0][1]
        except Exception:
            self._leave([*_flat(left), *(item for item, _ in blamed)])
            raise
        for item, fault in blamed:
            self._blame(item, fault, report)
        report.released += self._release(_flat(left))
        return report

    def _process(self, part: Sequence[WorkItem], models: Models, report: DrainReport) -> None:
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

    def _is_trouble(self, error: Exception) -> bool:
        """Whether it is no session's error, and would come again with any other."""
        if not isinstance(error, DBAPIError | psycopg2.Error):
            return isinstance(error, _MACHINE)
        if is_outage(error):
            return not self._is_back()
        return _state(error).startswith(_TROUBLE) and _state(error) not in _SHORTAGE

    def _is_back(self) -> bool:
        """Whether only a connection was lost."""
        try:
            with self.engine.connect() as connection:
                connection.exec_driver_sql("SELECT 1")
        except (DBAPIError, psycopg2.Error):
            return False
        return True

    def _put_off(self, part: Sequence[WorkItem], error: Exception) -> int:
        """Give back one session that did not get through even by itself, for now."""
        log.warning("session %s waits: %s", part[0].session_id, _name(error))
        if not is_outage(error):
            return self._release(part, SOON_S)
        with self.engine.begin() as connection:  # where each connection is lost with it, it is given up in the end
            return give_up_lease(connection, self.claim, part)

    def _blame(self, item: WorkItem, error: Exception, report: DrainReport) -> None:
        log.error("session %s could not be processed\n%s", item.session_id, "\n".join(describe_error(error)))
        if record_error(self.engine, self.claim, item, _name(error)):
            report.failed += 1
        else:
            report.delayed += 1

    def _release(self, items: Sequence[WorkItem], pause_s: float = 0.0) -> int:
        if not items:
            return 0
        with self.engine.begin() as connection:
            return release(connection, self.claim, items, pause_s=pause_s)

    def _leave(self, items: Sequence[WorkItem]) -> None:
        """Let others have what is left, if the database answers; else the lease runs out."""
        try:
            self._release(items, SOON_S)
        except (DBAPIError, psycopg2.Error) as another:
            log.warning("%d sessions wait for their lease to run out: %s", len(items), type(another).__name__)


def _may_pass(error: Exception) -> TypeGuard[DBAPIError | psycopg2.Error]:
    """Whether the same session may go well another time, unchanged."""
    if not isinstance(error, DBAPIError | psycopg2.Error):
        return False
    return is_outage(error) or _state(error).startswith((*_CONFLICT, *_SHORTAGE))


def _is_one_for_all(blamed: Sequence[tuple[WorkItem, Exception]]) -> bool:
    """Whether sessions of so many tutors failed, all in the same way, that it is hardly theirs."""
    return len({item.tutor_id for item, _ in blamed}) >= SEVERAL and len({_name(error) for _, error in blamed}) == 1


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
