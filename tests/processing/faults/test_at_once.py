"""Two processors at once, and one that lost its lease while it stood still."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby, pairwise
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from random import Random

import psutil
import pytest

from processing.drain import DrainReport
from tests.bentos.conftest import wait_until
from tests.processing.faults.children import END_S, end, reside, start, work_off, work_off_later
from tests.processing.faults.ledger import COACHES, Ledger

HASTE_S = 8.0


class Sleeper:
    """A processor that stands still at a point, until it is woken."""

    def __init__(self, process: ForkServerProcess, ear: Connection) -> None:
        self._process, self._ear = process, ear
        status = psutil.Process(process.pid).status
        wait_until(lambda: status() == psutil.STATUS_STOPPED, END_S)

    def wake(self) -> DrainReport:
        """What it has done."""
        assert self._process.pid is not None
        os.kill(self._process.pid, signal.SIGCONT)
        assert self._ear.poll(END_S)
        report = self._ear.recv()
        assert end(self._process) == 0
        assert isinstance(report, DrainReport)
        return report


@contextmanager
def sleeping(environment: dict[str, str], point: str) -> Iterator[Sleeper]:
    ear, mouth = multiprocessing.Pipe(duplex=False)
    process = start(work_off_later, environment, point, mouth)
    try:
        yield Sleeper(process, ear)
    finally:
        process.kill()


@contextmanager
def resident(environment: dict[str, str]) -> Iterator[ForkServerProcess]:
    """`tqs up processor`, until it ends by SIGTERM, unless it ended before."""
    process = start(reside, environment)
    try:
        yield process
    finally:
        if process.is_alive():
            process.terminate()
        process.join(END_S)
    assert process.exitcode in (0, -signal.SIGKILL)


def count(ledger: Ledger, state: str) -> int:
    """Promises in that state."""
    [row] = ledger.rows(f"SELECT count(*) FROM work_items WHERE state = '{state}'")
    return int(row["count"])


def is_done(ledger: Ledger) -> bool:
    """Whether all is processed and all mails are sent, asked at once: what processes queues mails as it commits."""
    waiting = (
        "SELECT FROM work_items WHERE state = 'pending' UNION ALL SELECT FROM email_reports WHERE state = 'pending'"
    )
    return not ledger.rows(waiting)


def settle(ledger: Ledger) -> None:
    """Wait until all is done by those that run, and let pass at times what they would wait for."""
    due = time.monotonic()

    def is_settled() -> bool:
        nonlocal due
        if time.monotonic() > due:
            due = time.monotonic() + HASTE_S
            ledger.end_leases()
        return is_done(ledger)

    wait_until(is_settled, END_S)


def test_who_lost_its_lease_finishes_nothing(ledger: Ledger, environment: dict[str, str]) -> None:
    random = Random(1)
    ledger.tell(*(ledger.imagine(random) for _ in range(6)))
    with sleeping(environment, "queue.claimed") as first:
        ledger.end_leases()
        with sleeping(environment, "queue.claimed") as second:  # holds one of them: lost ones are claimed alone
            assert first.wake().processed == 5  # which it claimed again; of the six of its first claim it finished none
            assert count(ledger, "pending") == 1
            assert second.wake().processed == 1
    assert end(start(work_off, environment)) == 0
    ledger.check()


@pytest.mark.parametrize("point", ["batch.locked", "batch.reported"])
def test_who_changes_a_tutor_is_not_waited_for(ledger: Ledger, environment: dict[str, str], point: str) -> None:
    random = Random(point)
    ledger.tell(*(ledger.imagine(random, "completed") for _ in range(12)))  # three or so of each tutor
    with sleeping(environment, point) as first:
        ledger.end_leases()
        ledger.tell(*(ledger.imagine(random, "rescheduled") for _ in range(3)))
        with sleeping(environment, "batch.finished") as second:
            other = second.wake()
        assert (other.processed, other.delayed, other.failed) == (0, 0, 0)
        assert other.released > 3
        assert count(ledger, "done") == 0
        first.wake()
    ledger.end_leases()
    assert end(start(work_off, environment)) == 0
    ledger.check()


def test_two_processors_at_once_one_of_them_killed(ledger: Ledger, environment: dict[str, str]) -> None:
    random = Random(2)
    ledger.tell(*(ledger.imagine(random) for _ in range(20)))
    assert end(start(work_off, environment)) == 0  # so that all have scores
    with resident(environment) as first, resident(environment), resident(environment):
        for number in range(60):
            done = count(ledger, "done")
            ledger.tell(*(ledger.imagine(random) for _ in range(3)))
            if number % 4 == 0:  # else all could be told before they have begun
                wait_until(lambda done=done: count(ledger, "done") > done, END_S)
            if number == 40:
                first.kill()
        settle(ledger)
    ledger.forgive_mails_tried_again()
    ledger.check()
    check_that_figures_grow(ledger)


def check_that_figures_grow(ledger: Ledger) -> None:
    """Of each tutor no report tells as before, or after, less than one of an earlier moment told as after."""
    sessions = "(m.facts->'{}'->>'total_sessions_90d')::int"
    reports = ledger.rows(
        f"SELECT s.tutor_id, {sessions.format('before')} AS before, {sessions.format('after')} AS after "
        "FROM email_reports m JOIN sessions s ON s.id = m.session_id "
        f"WHERE m.recipient = '{COACHES[0]}' AND m.facts->>'before' IS NOT NULL "
        "ORDER BY s.tutor_id, (m.facts->>'as_of')::timestamptz"
    )
    assert len(reports) > 100
    batches = 0
    for _, of_tutor in groupby(reports, lambda row: row["tutor_id"]):
        for one, later in pairwise((row["before"], row["after"]) for row in of_tutor):
            batches += later != one
            assert later == one or one[0] <= one[1] <= later[0] <= later[1]
    assert batches > 8
