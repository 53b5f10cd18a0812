"""A batch of claimed sessions: their tutors scored anew, what rests on that made new, reports queued, all or nothing.

What is written is computed anew from the records, so a session that is processed twice does what it does once.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import psycopg2
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from processing.queue import Claim, WorkItem, finish, release
from records.listening import CHANGES
from reports.queueing import queue_session_reports, read_figures
from scoring.sessions import Models, predict_tutors_sessions
from scoring.tutors import lock_free_tutors, score_tutors_within
from tqs.errors import TqsError
from tqs.failpoints import reach
from tqs.settings import Settings

HARD_LIMIT_S: Final = 300.0  # from the claim on
BUSY_PAUSE_S: Final = 0.5  # until a session is tried again whose tutor is being changed by somebody else


class OverrunError(TqsError):
    """A batch took longer than it may."""


@dataclass(frozen=True, slots=True)
class BatchReport:
    """What a batch did: sessions processed, those that wait for their tutor, mails queued."""

    processed: int
    busy: int
    mails: int


def process_batch(
    engine: Engine, settings: Settings, models: Models, claim: Claim, items: Sequence[WorkItem]
) -> BatchReport:
    """Process these items of a claim in one transaction.

    Tutors whom somebody else changes at the moment are not waited for: their sessions are given back.

    Raises
    ------
    OverrunError
        where the hard limit was reached.
    """
    try:
        with engine.begin() as connection:
            report = _process(_Limited(connection, claim), settings, models, claim, items)
    except (DBAPIError, psycopg2.Error) as error:
        if time.monotonic() - claim.since < HARD_LIMIT_S:
            raise
        raise _overrun(items) from error
    reach("batch.committed")
    return report


def _overrun(items: Sequence[WorkItem]) -> OverrunError:
    return OverrunError(f"a batch of {len(items):,} sessions took longer than {HARD_LIMIT_S:g} s")


@dataclass(frozen=True, slots=True)
class _Limited:
    """The connection of a batch, which may be used until the hard limit."""

    _connection: Connection
    _claim: Claim

    def use(self) -> Connection:
        """For the next step. What is not over when the limit comes is cancelled by the server."""
        left = self._claim.since + HARD_LIMIT_S - time.monotonic()
        if left <= 0:
            raise _overrun(self._claim.items)
        self._connection.exec_driver_sql(f"SET LOCAL statement_timeout = {max(1, int(1000 * left))}")
        return self._connection


def _process(
    limited: _Limited, settings: Settings, models: Models, claim: Claim, items: Sequence[WorkItem]
) -> BatchReport:
    connection = limited.use()
    # A server that lost us without a word lets go of the tutors by itself.
    connection.exec_driver_sql(f"SET LOCAL idle_in_transaction_session_timeout = {int(1000 * HARD_LIMIT_S)}")
    tutors = lock_free_tutors(connection, sorted({str(tutor) for item in items for tutor in item.tutors}))
    reach("batch.locked")
    mine = [item for item in items if item.tutors <= tutors]
    busy = [item for item in items if not item.tutors <= tutors]
    sessions = [item.session_id for item in mine]
    now = connection.scalar(text("SELECT clock_timestamp()"))
    before = read_figures(connection, tutors)
    if tutors:
        score_tutors_within(limited.use(), now, tutors=sorted(map(str, tutors)))
        reach("batch.scored")
        predict_tutors_sessions(limited.use(), models, tutors, now, timezone=settings.timezone)
        reach("batch.predicted")
    mails = queue_session_reports(
        limited.use(), sessions, before, recipients=settings.report_recipients, timezone=settings.timezone, now=now
    )
    reach("batch.reported")
    processed = finish(limited.use(), claim, mine, now)
    given_back = release(connection, claim, busy, pause_s=BUSY_PAUSE_S)
    reach("batch.finished")
    if processed:
        connection.exec_driver_sql(f"NOTIFY {CHANGES}")  # a session ahead changes no score, and is shown all the same
    return BatchReport(processed, given_back, mails)
