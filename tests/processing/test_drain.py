"""One bad session among good ones, conflicts with others, and a database that fails: who is held up, and who is not."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, local
from typing import Any
from uuid import UUID

import psycopg2
import pytest
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

import processing.batch
from processing.drain import DrainReport
from processing.queue import MOST_LOST, Claim, claim_batch
from tests.processing.conftest import Plant
from tqs.errors import TqsError

DEADLOCK = "40P01"
NAME = "Ada" + " Lovelace"
Fault = Callable[[Connection, list[UUID]], None]


@pytest.fixture
def fault(monkeypatch: pytest.MonkeyPatch) -> Callable[[Fault], None]:
    """Something that happens in each batch, after its tutors were scored and before its sessions are finished."""
    usual = processing.batch.queue_session_reports

    def put(happen: Fault) -> None:
        def queue(connection: Connection, sessions: list[UUID], *arguments: Any, **options: Any) -> int:
            happen(connection, sessions)
            return usual(connection, sessions, *arguments, **options)

        monkeypatch.setattr("processing.batch.queue_session_reports", queue)

    return put


def failing(code: str, times: int = 1_000) -> Fault:
    """The server says so, the first few times."""
    left = [times]

    def happen(connection: Connection, _: list[UUID]) -> None:
        left[0] -= 1
        if left[0] >= 0:
            connection.exec_driver_sql(f"DO $$ BEGIN RAISE 'no' USING ERRCODE = '{code}'; END $$")

    return happen


def states(plant: Plant) -> list[Any]:
    return plant.rows("SELECT DISTINCT state, attempts, errors FROM work_items ORDER BY 1, 2, 3")


def refuse_secret(*_: object) -> None:
    raise KeyError(NAME)


def divide_by_zero(connection: Connection, *_: object) -> None:
    connection.exec_driver_sql("SELECT 1 / 0")


def say_why(*_: object) -> None:
    raise TqsError("the model is no good; train another")


@pytest.mark.parametrize(
    ("happen", "told"),
    [
        (refuse_secret, "KeyError"),
        (divide_by_zero, "DivisionByZero (22012)"),
        (say_why, "the model is no good; train another"),
    ],
)
@pytest.mark.parametrize("position", [0, 4, 8])
def test_a_bad_session_holds_up_none_of_its_neighbours(
    plant: Plant, fault: Any, caplog: pytest.LogCaptureFixture, happen: Fault, told: str, position: int
) -> None:
    tutors = [plant.tutor() for _ in range(3)]
    sessions = [plant.promised(tutors[number % 3], 0.5) for number in range(9)]
    bad = sessions[position]
    fault(lambda connection, among: happen(connection, among) if bad in among else None)

    assert plant.drain() == DrainReport(processed=8, delayed=1)

    assert plant.item(bad, "state, attempts, errors, last_error") == ("pending", 1, 1, told)
    rest = f"SELECT state, attempts, errors, count(*) FROM work_items WHERE session_id <> '{bad}' GROUP BY 1, 2, 3"
    assert plant.rows(rest) == [("done", 1, 0, 8)]
    assert plant.rows("SELECT total_sessions_7d FROM tutor_scores") == [(3,)] * 3
    assert str(bad) in caplog.text
    assert NAME not in caplog.text


def test_a_session_that_stays_bad_is_failed_in_the_end_and_another_is_not(plant: Plant, fault: Any) -> None:
    tutor = plant.tutor()
    bad = plant.promised(tutor, 0.5)
    fault(lambda connection, among: refuse_secret() if bad in among else None)
    for number in range(3):
        good = plant.promised(tutor, 0.5)
        assert plant.drain() == DrainReport(processed=1, delayed=1)
        assert plant.item(good, "state") == ("done",)
        assert plant.item(bad, "state, errors") == ("pending", number + 1)
        assert plant.drain() == DrainReport()  # it is not due
        plant.forget_pauses()

    assert plant.drain() == DrainReport(failed=1)
    assert plant.item(bad, "state, attempts, errors, last_error") == ("failed", 4, 4, "KeyError")
    plant.forget_pauses()
    assert plant.drain() == DrainReport()


@pytest.mark.parametrize("code", [DEADLOCK, "40001", "55P03"])
def test_a_conflict_with_others_is_tried_again_at_once(plant: Plant, fault: Any, code: str) -> None:
    plant.promised(plant.tutor(), 0.5)
    fault(failing(code, times=2))

    assert plant.drain() == DrainReport(processed=1)
    assert states(plant) == [("done", 1, 0)]


@pytest.mark.parametrize("code", [DEADLOCK, "55P03", "53200", "53400", "57014"])
def test_what_goes_on_conflicting_or_is_too_much_is_given_back_for_five_seconds_and_no_other(
    plant: Plant, fault: Any, code: str
) -> None:
    tutor = plant.tutor()
    bad, *_ = [plant.promised(tutor, 0.5) for _ in range(5)]
    happen = failing(code)
    fault(lambda connection, among: happen(connection, among) if bad in among else None)

    assert plant.drain() == DrainReport(processed=4, released=1)

    [pause] = plant.item(bad, "extract(epoch FROM not_before - updated_at)::float8")
    assert pause == pytest.approx(5, abs=0.05)
    assert states(plant) == [("done", 1, 0), ("pending", 0, 0)]


def test_a_lost_connection_is_no_sessions_error(plant: Plant, fault: Any) -> None:
    tutor = plant.tutor()
    for _ in range(8):
        plant.promised(tutor, 0.5)
    batches: list[int] = []

    def happen(connection: Connection, among: list[UUID]) -> None:
        batches.append(len(among))
        if len(batches) == 1:
            cut(connection)

    fault(happen)

    assert plant.drain() == DrainReport(processed=8)
    assert batches == [8, 4, 4]
    assert states(plant) == [("done", 1, 0)]


def test_a_database_that_goes_away_leaves_the_sessions_to_their_lease(
    plant: Plant, fault: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(3):
        plant.promised(plant.tutor(), 0.5)
    answers = plant.engine.connect

    def refuse() -> Any:
        raise OperationalError("SELECT", {}, psycopg2.OperationalError("nobody answers"))

    def go_away(connection: Connection, _: list[UUID]) -> None:
        monkeypatch.setattr(plant.engine, "connect", refuse)
        cut(connection)

    fault(go_away)
    with pytest.raises(OperationalError):
        plant.drain()
    monkeypatch.setattr(plant.engine, "connect", answers)

    assert states(plant) == [("pending", 1, 0)]
    assert plant.rows("SELECT FROM tutor_scores") == []
    fault(lambda *_: None)
    assert plant.drain() == DrainReport()
    plant.end_leases()
    assert plant.drain() == DrainReport(processed=3)
    assert states(plant) == [("done", 2, 0)]


def test_a_session_that_ends_whoever_works_on_it_is_given_up_at_last(plant: Plant, fault: Any) -> None:
    tutor = plant.tutor()
    bad, good = plant.promised(tutor, 0.5), plant.promised(tutor, 0.5)
    fault(lambda connection, among: cut(connection) if bad in among else None)
    for _ in range(MOST_LOST):
        plant.drain()

    assert plant.item(bad, "state, attempts, errors") == ("failed", MOST_LOST, 0)
    assert plant.item(good, "state, errors") == ("done", 0)


@pytest.mark.parametrize("code", ["53100", "53300", "25006"], ids=["disk full", "no connection left", "read only"])
def test_a_database_that_cannot_be_used_is_no_sessions_error(plant: Plant, fault: Any, code: str) -> None:
    session = plant.promised(plant.tutor(), 0.5)
    fault(failing(code, times=1))

    with pytest.raises(DBAPIError):
        plant.drain()

    assert states(plant) == [("pending", 0, 0)]
    [pause] = plant.item(session, "extract(epoch FROM not_before - updated_at)::float8")
    assert pause == pytest.approx(5, abs=0.05)
    plant.forget_pauses()
    assert plant.drain() == DrainReport(processed=1)


@pytest.mark.parametrize("kind", [OSError, MemoryError, PoolTimeoutError])
def test_a_machine_in_trouble_is_no_sessions_error(plant: Plant, fault: Any, kind: type[Exception]) -> None:
    tutor = plant.tutor()
    sessions = [plant.promised(tutor, 0.5) for _ in range(4)]

    def happen(*_: object) -> None:
        raise kind

    for _ in range(5):
        fault(happen)
        with pytest.raises(kind):
            plant.drain()
        assert states(plant) == [("pending", 0, 0)]
        [pause] = plant.item(sessions[0], "extract(epoch FROM not_before - updated_at)::float8")
        assert pause == pytest.approx(5, abs=0.05)
        plant.forget_pauses()
    fault(lambda *_: None)
    assert plant.drain() == DrainReport(processed=4)


def test_models_that_cannot_be_read_are_no_sessions_error(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    tutor = plant.tutor()
    for _ in range(4):
        plant.promised(tutor, 0.5)

    def fail(*_: object, **__: object) -> None:
        raise ValueError("no model")

    with monkeypatch.context() as patch:
        patch.setattr("scoring.current_models.load_served_model", fail)
        for _ in range(5):
            with pytest.raises(ValueError, match="no model"):
                plant.drain()
            assert states(plant) == [("pending", 0, 0)]
            plant.forget_pauses()
    assert plant.drain() == DrainReport(processed=4)


def test_what_all_sessions_of_several_tutors_fail_with_is_none_of_theirs(plant: Plant, fault: Any) -> None:
    for _ in range(3):
        tutor = plant.tutor()
        plant.promised(tutor, 0.5)
        plant.promised(tutor, 1.5)
    fault(refuse_secret)
    for _ in range(5):
        with pytest.raises(KeyError):
            plant.drain()
        assert states(plant) == [("pending", 0, 0)]
        plant.forget_pauses()

    fault(lambda connection, among: refuse_secret() if len(among) > 1 else None)
    assert plant.drain() == DrainReport(processed=6)


def test_what_all_sessions_of_one_tutor_fail_with_is_theirs(plant: Plant, fault: Any) -> None:
    tutor = plant.tutor()
    for _ in range(3):
        plant.promised(tutor, 0.5)
    fault(refuse_secret)
    assert plant.drain() == DrainReport(delayed=3)
    assert states(plant) == [("pending", 1, 1)]


def test_what_the_sessions_of_two_tutors_fail_with_is_theirs(plant: Plant, fault: Any) -> None:
    for _ in range(2):
        plant.promised(plant.tutor(), 0.5)
    fault(refuse_secret)
    assert plant.drain() == DrainReport(delayed=2)
    assert states(plant) == [("pending", 1, 1)]


def test_it_stops_between_batches_and_between_parts(plant: Plant, fault: Any) -> None:
    tutor = plant.tutor()
    sessions = [plant.promised(tutor, 0.5) for _ in range(8)]
    assert plant.drain(stop=lambda: True) == DrainReport()
    assert states(plant) == [("pending", 0, 0)]

    bad, asked = sessions[0], []
    fault(lambda connection, among: refuse_secret() if bad in among else None)

    def stop() -> bool:
        asked.append(None)
        return len(asked) > 1  # after the first attempt, which all eight were part of

    assert plant.drain(stop=stop) == DrainReport(released=8)
    assert states(plant) == [("pending", 0, 0)]


def test_what_is_left_when_time_runs_out_is_given_back(
    plant: Plant, fault: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    tutor = plant.tutor()
    bad, *_ = [plant.promised(tutor, 0.5) for _ in range(4)]
    asked: list[DrainReport] = []
    fault(lambda connection, among: refuse_secret() if bad in among else None)
    monkeypatch.setattr("processing.drain.SOFT_LIMIT_S", 0.0)
    ended = plant.drain(stop=lambda: len(asked) > 0, progress=asked.append)

    assert ended.released == 4
    assert states(plant) == [("pending", 0, 0)]


def test_the_sessions_of_a_batch_past_its_time_are_tried_one_by_one(
    plant: Plant, fault: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    tutor = plant.tutor()
    for _ in range(3):
        plant.promised(tutor, 0.5)
    monkeypatch.setattr("processing.batch.HARD_LIMIT_S", -1.0)
    plant.drain(stop=lambda: "longer than" in caplog.text)
    assert states(plant) == [("pending", 1, 0)]

    monkeypatch.undo()
    plant.end_leases()
    assert plant.drain() == DrainReport(processed=3)


def test_two_at_once_do_each_session_once(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    tutors = [plant.tutor() for _ in range(4)]
    for number in range(60):
        plant.promised(tutors[number // 15], 0.5)
    both, first = Barrier(2), local()

    def claim(engine: Engine) -> Claim:
        claimed = claim_batch(engine, most=1)  # and the rest of its tutor
        if not hasattr(first, "claimed"):
            first.claimed = {item.tutor_id for item in claimed.items}
            assert len(first.claimed) == 1
            both.wait(60)  # each has a tutor of its own, and the rest is there for both
        return claimed

    monkeypatch.setattr("processing.drain.claim_batch", claim)
    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(lambda _: plant.drain(), range(2)))

    assert sum(report.processed for report in reports) == 60
    assert min(report.processed for report in reports) >= 15
    assert states(plant) == [("done", 1, 0)]
    assert plant.rows("SELECT total_sessions_7d FROM tutor_scores") == [(15,)] * 4


def test_progress_is_told_after_each_claim(plant: Plant) -> None:
    tutor = plant.tutor()
    for _ in range(3):
        plant.promised(tutor, 0.5)
    seen: list[int] = []
    plant.drain(progress=lambda done: seen.append(done.processed))
    assert seen == [3]


def cut(connection: Connection) -> None:
    """As a server that is stopped does it."""
    driver: Any = connection.connection.driver_connection
    other = psycopg2.connect(driver.dsn, password=connection.engine.url.password)
    with other, other.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s)", (driver.info.backend_pid,))
    other.close()
    while True:  # until it has ended
        connection.exec_driver_sql("SELECT 1")
        time.sleep(0.001)
