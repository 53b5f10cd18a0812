"""Sessions told by several at once: each fact once, nobody waits for ever, nobody fails."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from psycopg2.errors import DeadlockDetected, LockNotAvailable
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from processing import intake
from processing.agreement import StoredSession
from processing.intake import Answer
from tests.processing.conftest import ANN, Desk, body, moved

TOGETHER = 8
LATER = "2026-03-11T13:00:00Z"


@pytest.fixture
def hurried(desk: Desk) -> Iterator[Desk]:
    """A desk whose connections look for a deadlock after 50 ms instead of a second."""
    options = "-c timezone=UTC -c deadlock_timeout=50ms"
    engine = create_engine(desk.engine.url, pool_size=TOGETHER, connect_args={"options": options})
    for connection in [engine.connect() for _ in range(TOGETHER)]:
        connection.close()  # into the pool: who has to connect first comes too late to be in anybody's way
    yield Desk(engine)
    engine.dispose()


def at_once(*calls: Callable[[], list[Answer]]) -> list[list[Answer]]:
    """Each call in a thread of its own, all let go at the same moment."""
    barrier = Barrier(len(calls))

    def wait_and(call: Callable[[], list[Answer]]) -> list[Answer]:
        barrier.wait(30)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(wait_and, calls))


@pytest.mark.parametrize("told", [body(), body(status="no_show"), moved(info={"reason": "ill"})])
def test_one_session_told_by_many_is_stored_once(hurried: Desk, told: dict[str, Any]) -> None:
    answers = at_once(*[lambda: hurried.tell(told)] * TOGETHER)
    assert all(isinstance(answer, StoredSession) for (answer,) in answers)
    assert len({str(answer) for answer in answers}) == 1
    counts = (
        "SELECT (SELECT count(*) FROM sessions), (SELECT count(*) FROM work_items), (SELECT count(*) FROM audit_log)"
    )
    assert hurried.rows(counts) == [(1, 1, 1)]


def test_one_outcome_told_by_many_is_recorded_once(hurried: Desk) -> None:
    hurried.tell(body())
    answers = at_once(*[lambda: hurried.tell(moved(info={"reason": "ill"}))] * TOGETHER)
    assert all(isinstance(answer, StoredSession) for (answer,) in answers)
    assert hurried.rows("SELECT count(*) FROM work_items") == [(2,)]
    assert hurried.rows("SELECT reason FROM reschedules") == [("ill",)]


def test_of_different_outcomes_the_first_holds_and_the_others_are_told(hurried: Desk) -> None:
    outcomes = [{"status": "no_show"}, {"status": "completed"}, {"status": "completed", "completed_time": LATER}]
    for number in range(20):
        hurried.tell(body(number))
        told = [body(number, **outcome) for outcome in outcomes]
        answers = [answer for (answer,) in at_once(*(lambda one=one: hurried.tell(one) for one in told))]
        stored = {(one.status, one.completed_time) for one in answers if isinstance(one, StoredSession)}
        key = uuid.UUID(int=number)
        query = f"SELECT status, completed_time FROM sessions WHERE id = '{key}'"
        assert stored == set(hurried.rows(query))
        assert hurried.rows(f"SELECT count(*) FROM work_items WHERE session_id = '{key}'") == [(2,)]


def test_batches_that_overlap_in_the_opposite_order(hurried: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """New sessions and outcomes mixed; a deadlock would be an error here, since none is tried again."""
    monkeypatch.setattr(intake, "ATTEMPTS", 1)
    monkeypatch.setattr(intake, "LOCK_TIMEOUT_MS", 60_000)  # they wait for each other, long where much else runs
    at_once(*[lambda: hurried.tell(body(9999))] * 4)  # connected and planned, so that they do run at once
    for start in (0, 1000, 2000):
        numbers = range(start, start + 900)
        hurried.tell(*(body(number) for number in numbers if number % 3 == 0))
        batch = [body(number, status="no_show") for number in numbers]
        mixed = [*batch[::2], *batch[1::2]]
        answers = at_once(*(lambda told=told: hurried.tell(*told) for told in (batch, batch[::-1], mixed, mixed[::-1])))
        assert {answer.status for one in answers for answer in one} == {"no_show"}
    assert hurried.rows("SELECT count(*) FROM sessions WHERE status = 'no_show'") == [(2700,)]
    assert hurried.rows("SELECT count(*) FROM work_items") == [(1 + 2700 + 900,)]


@pytest.mark.parametrize("wrapped", [False, True])
def test_who_is_caught_in_a_deadlock_tries_again(hurried: Desk, monkeypatch: pytest.MonkeyPatch, wrapped: bool) -> None:
    """With an import, which takes rows in the order of its file."""
    failures: list[Exception] = [DeadlockDetected()] * (intake.ATTEMPTS - 1)
    insert_new = intake._insert_new

    def fail_first(*arguments: Any) -> Any:
        found = insert_new(*arguments)
        if failures:
            failure = failures.pop()
            raise OperationalError("", {}, failure) if wrapped else failure
        return found

    monkeypatch.setattr(intake, "_insert_new", fail_first)
    assert [answer.status for answer in hurried.tell(body(1), body(2))] == ["scheduled"] * 2
    assert hurried.rows("SELECT count(*) FROM work_items") == [(2,)]
    failures += [DeadlockDetected()] * intake.ATTEMPTS
    with pytest.raises(OperationalError if wrapped else DeadlockDetected):
        hurried.tell(body(3))
    assert hurried.rows("SELECT count(*) FROM sessions") == [(2,)]


def test_a_session_that_an_import_holds_is_not_waited_for(hurried: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "LOCK_TIMEOUT_MS", 100)
    with hurried.engine.begin() as importing:
        insert(importing, 2)
        with pytest.raises(LockNotAvailable):
            hurried.tell(body(1), body(2), body(3))
    assert [answer.status for answer in hurried.tell(body(1), body(2))] == ["scheduled", 409]
    assert hurried.rows("SELECT count(*) FROM work_items") == [(1,)]


def insert(connection: Any, number: int) -> None:
    connection.execute(
        text(
            "INSERT INTO sessions (id, tutor_id, student_id, scheduled_time, status, source) "
            "VALUES (:id, :tutor, 'another', '2026-03-11 12:00', 'completed', 'import')"
        ),
        {"id": uuid.UUID(int=number), "tutor": ANN},
    )
