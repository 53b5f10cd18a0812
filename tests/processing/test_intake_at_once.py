"""Sessions told by several at once: each fact once, nobody waits for ever, nobody fails."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text

from processing import intake
from processing.agreement import StoredSession
from processing.intake import Answer
from tests.bentos.conftest import wait_until
from tests.processing.conftest import ANN, Desk, body, moved

TOGETHER = 8


@pytest.fixture
def hurried(desk: Desk) -> Iterator[Desk]:
    """A desk whose connections look for a deadlock after 50 ms instead of a second."""
    options = "-c timezone=UTC -c deadlock_timeout=50ms"
    engine = create_engine(desk.engine.url, pool_size=TOGETHER, connect_args={"options": options})
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
    hurried.tell(body())
    outcomes = [body(status="no_show"), body(status="completed"), moved(), moved(info={"initiator": "student"})]
    answers = at_once(*(lambda told=told: hurried.tell(told) for told in outcomes))
    kinds = [type(answer).__name__ for (answer,) in answers]
    assert sorted(kinds) == ["Refusal"] * 3 + ["StoredSession"]
    (winner,) = (answer for (answer,) in answers if isinstance(answer, StoredSession))
    assert hurried.rows("SELECT status FROM sessions") == [(winner.status,)]
    assert hurried.rows("SELECT count(*) FROM reschedules") == [(int(winner.status == "rescheduled"),)]


def test_batches_that_overlap_in_the_opposite_order(hurried: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """New sessions and outcomes mixed; a deadlock would be an error here, since none is tried again."""
    monkeypatch.setattr(intake, "ATTEMPTS", 1)
    for start in (0, 1000, 2000):
        numbers = range(start, start + 300)
        hurried.tell(*(body(number) for number in numbers if number % 3 == 0))
        batch = [body(number, status="no_show") for number in numbers]
        mixed = [*batch[::2], *batch[1::2]]
        answers = at_once(*(lambda told=told: hurried.tell(*told) for told in (batch, batch[::-1], mixed, mixed[::-1])))
        assert {answer.status for one in answers for answer in one} == {"no_show"}
    assert hurried.rows("SELECT status, count(*) FROM sessions GROUP BY 1") == [("no_show", 900)]
    assert hurried.rows("SELECT count(*) FROM work_items") == [(1200,)]


def test_who_is_caught_in_a_deadlock_with_an_import_tries_again(hurried: Desk) -> None:
    """An import takes rows in the order of its file: here the second first."""
    with hurried.engine.begin() as importing, ThreadPoolExecutor(1) as pool:
        importing.execute(text("SET LOCAL deadlock_timeout = '1h'"))
        insert(importing, 2)
        posted: Future[list[Answer]] = pool.submit(hurried.tell, body(1), body(2), body(3))
        wait_until(lambda: waits_for_a_lock(hurried.engine), 30)
        insert(importing, 1)
        importing.commit()
        statuses = [answer.status for answer in posted.result(30)]
    assert statuses == [409, 409, "scheduled"]
    assert hurried.rows("SELECT count(*) FROM sessions") == [(3,)]
    assert hurried.rows("SELECT count(*) FROM work_items") == [(1,)]


def insert(connection: Any, number: int) -> None:
    connection.execute(
        text(
            "INSERT INTO sessions (id, tutor_id, student_id, scheduled_time, status, source) "
            "VALUES (:id, :tutor, 'another', '2026-03-11 12:00', 'completed', 'import')"
        ),
        {"id": uuid.UUID(int=number), "tutor": ANN},
    )


def waits_for_a_lock(engine: Engine) -> bool:
    query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    with engine.connect() as connection:
        return bool(connection.scalar(text(query)))
