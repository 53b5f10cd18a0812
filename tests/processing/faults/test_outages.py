"""A database that goes away, also within a commit, mail servers in trouble, a clock that is wrong, no Prefect."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from records.engine import create_app_engine
from records.migrate import upgrade
from tests.bentos.conftest import wait_until
from tests.conftest import connect_as_owner, temporary_database
from tests.processing.faults.children import END_S, end, start, work_off
from tests.processing.faults.clock import Clock
from tests.processing.faults.conftest import work_on
from tests.processing.faults.ledger import Ledger
from tests.processing.faults.server import OwnServer, own_server
from tests.processing.faults.test_at_once import count, resident, settle
from tests.reports.smtp_server import smtp_server


@pytest.fixture(scope="module")
def own() -> Iterator[OwnServer]:
    with own_server() as server:
        yield server


@pytest.fixture
def far(own: OwnServer) -> Iterator[Ledger]:
    """A ledger on a server that may be stopped."""
    with temporary_database(own.url) as url, smtp_server() as server:
        engine = create_app_engine(url)
        upgrade(engine)
        ledger = Ledger(engine, server)
        ledger.hire(4)
        yield ledger
        engine.dispose()


def recover(ledger: Ledger, environment: dict[str, str]) -> None:
    ledger.end_leases()
    assert end(start(work_off, environment)) == 0


@pytest.mark.parametrize("seconds", [pytest.param(0.0), pytest.param(60.0, marks=pytest.mark.long)])
def test_postgresql_stopped_for_a_while(far: Ledger, own: OwnServer, tmp_path: Path, seconds: float) -> None:
    random = Random(3)
    bodies = [far.imagine(random) for _ in range(8)]
    with resident(work_on(far, tmp_path)) as processor:
        far.tell(*bodies[:4])
        wait_until(lambda: count(far, "done") == far.promises, END_S)
        far.tell(*bodies[4:6])
        own.stop()
        with pytest.raises(DBAPIError):
            far.tell(*bodies)
        threading.Event().wait(seconds)
        own.start()
        far.tell(*bodies)
        settle(far)
        assert processor.is_alive()
    far.forgive_mails_tried_again()
    far.check()


@contextmanager
def commits_that_wait(ledger: Ledger, table: str) -> Iterator[None]:
    """Whoever wrote to the table comes to a stop within its commit."""
    ledger.execute(
        "CREATE FUNCTION halt() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN PERFORM pg_advisory_xact_lock(7); RETURN NULL; END $$"
    )
    ledger.execute(
        f"CREATE CONSTRAINT TRIGGER halt AFTER INSERT ON {table} DEFERRABLE INITIALLY DEFERRED "
        "FOR EACH ROW EXECUTE FUNCTION halt()"
    )
    with ledger.engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(7)"))
        yield
    ledger.execute(f"DROP TRIGGER halt ON {table}")


def end_committer(ledger: Ledger, wait_event: str, how: str = "pg_terminate_backend") -> None:
    """End the connection that waits within its commit, or with pg_cancel_backend only its wait."""
    waiting = (
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query = 'COMMIT' "
        f"AND wait_event = '{wait_event}'"
    )
    wait_until(lambda: len(ledger.rows(waiting)) == 1, END_S)
    ledger.rows(f"SELECT {how}(pid) FROM ({waiting}) AS waiting")


def test_a_connection_ended_within_the_commit_of_a_post(ledger: Ledger, environment: dict[str, str]) -> None:
    random = Random(4)
    bodies = [ledger.imagine(random) for _ in range(3)]
    with ThreadPoolExecutor(1) as pool:
        with commits_that_wait(ledger, "work_items"):
            answer = pool.submit(ledger.tell, *bodies)
            end_committer(ledger, "advisory")
            assert isinstance(answer.exception(END_S), DBAPIError)
        assert ledger.rows("SELECT id FROM sessions") == []
    ledger.tell(*bodies)
    recover(ledger, environment)
    ledger.check()


def test_a_connection_ended_within_the_commit_of_a_batch(ledger: Ledger, environment: dict[str, str]) -> None:
    random = Random(5)
    ledger.tell(*(ledger.imagine(random, "no_show") for _ in range(3)))
    with commits_that_wait(ledger, "email_reports"):
        processor = start(work_off, environment)
        end_committer(ledger, "advisory")
    assert end(processor) == 0  # only a connection was lost: it went on in halves
    recover(ledger, environment)
    ledger.check()


def test_commits_whose_acknowledgement_is_lost(far: Ledger, own: OwnServer, tmp_path: Path) -> None:
    """They wait for a second server that does not exist: by then they are durable, and the connection is ended."""
    random = Random(6)
    environment = work_on(far, tmp_path)
    bodies = [far.imagine(random) for _ in range(3)]
    with all_commits_waiting(own, far.engine), ThreadPoolExecutor(1) as pool:
        answer = pool.submit(far.tell, *bodies)
        end_committer(far, "SyncRep")
        assert isinstance(answer.exception(END_S), DBAPIError)
        assert len(far.rows("SELECT id FROM sessions")) == 3
    assert far.tell(*bodies) == [202, 202, 202]
    with all_commits_waiting(own, far.engine):
        processor = start(work_off, environment)
        end_committer(far, "SyncRep")  # that of the claim
        assert end(processor) == 1
        assert count(far, "done") == 0
        far.end_leases()
        processor = start(work_off, environment)
        end_committer(far, "SyncRep", "pg_cancel_backend")
        end_committer(far, "SyncRep")  # that of the batch
    assert end(processor) == 0  # it went on with the others
    recover(far, environment)
    far.check()


@contextmanager
def all_commits_waiting(own: OwnServer, engine: Engine) -> Iterator[None]:
    with connect_as_owner(own.url) as run:
        try:
            run("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
            run("SELECT pg_reload_conf()")
            with engine.connect() as connection:
                wait_until(lambda: connection.scalar(text("SHOW synchronous_standby_names")) == "nobody", END_S)
            yield
        finally:
            run("ALTER SYSTEM RESET synchronous_standby_names")
            run("SELECT pg_reload_conf()")


@pytest.mark.parametrize("trouble", ["hangs", "drops after DATA", "451 later", "550 never"])
def test_a_mail_server_in_trouble_holds_up_no_session(
    ledger: Ledger, environment: dict[str, str], trouble: str
) -> None:
    random = Random(7)
    troubled = threading.Event()

    def answer_data(taken: Any) -> Any:
        troubled.set()
        if trouble == "hangs":
            return asyncio.sleep(END_S)
        if trouble == "drops after DATA":
            ledger.unheard.add(str(taken.message["Message-ID"]))
            ledger.server.taken.append(taken)
            ledger.server.drop()
            return "250 OK"
        return trouble

    ledger.server.answer_data = answer_data
    with resident(environment):
        ledger.tell(*(ledger.imagine(random, "no_show") for _ in range(3)))
        assert troubled.wait(END_S)
        ledger.tell(*(ledger.imagine(random) for _ in range(3)))
        wait_until(lambda: count(ledger, "done") == 6, END_S)
    if trouble == "550 never":
        refused = {row["state"] for row in ledger.rows("SELECT state FROM email_reports WHERE attempts > 0")}
        assert refused <= {"failed", "pending"}
        ledger.execute("UPDATE email_reports SET state = 'pending', error = NULL WHERE state = 'failed'")
    ledger.server.answer_data = lambda taken: None
    recover(ledger, environment)
    ledger.check()


def test_a_clock_that_is_set_back(ledger: Ledger, clock: Clock, environment: dict[str, str]) -> None:
    random = Random(8)
    clock.move(3600)
    ledger.tell(*(ledger.imagine(random) for _ in range(8)))
    recover(ledger, environment)
    ledger.check()
    told_in_the_future = [ledger.imagine(random) for _ in range(4)]
    ledger.tell(*told_in_the_future)
    clock.move(-3600)
    ledger.tell(*(ledger.imagine(random) for _ in range(4)))
    for hours in (0, 1):  # what was told within this hour counts when it has come
        clock.move(hours * 3600)
        recover(ledger, environment)
        ledger.check()


def test_without_prefect(ledger: Ledger, environment: dict[str, str]) -> None:
    random = Random(9)
    ledger.tell(*(ledger.imagine(random) for _ in range(3)))
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("TQS_", "PREFECT_"))}
    done = subprocess.run(
        [Path(sys.executable).parent / "tqs", "process", "--json"],
        env=clean | environment | {"PREFECT_API_URL": "http://127.0.0.1:9/api"},
        stdout=subprocess.PIPE,
        check=True,
        timeout=END_S,
    )
    assert json.loads(done.stdout)["sessions"]["processed"] == 3
    ledger.check()
