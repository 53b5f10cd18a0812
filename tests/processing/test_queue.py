"""What a claim, a lease, an error and a lost holder do to the rows that wait."""

from __future__ import annotations

import time
from uuid import UUID, uuid4

import pytest

from processing.queue import (
    MOST_LOST,
    PAUSES_S,
    Claim,
    claim_batch,
    claim_lost,
    finish,
    give_up_lease,
    holding,
    record_error,
    release,
)
from tests.bentos.conftest import wait_until
from tests.processing.conftest import Plant

STATE = "state, attempts, errors, lease_token IS NULL, leased_until IS NULL"
WAITS = ("pending", 0, 0, True, True)


def sessions_of(claim: Claim) -> list[UUID]:
    return [item.session_id for item in claim.items]


def test_those_that_wait_longest_are_claimed_first_and_by_one_only(plant: Plant) -> None:
    tutor = plant.tutor()
    first, third = (plant.promised(tutor) for _ in range(2))
    second = plant.promised(plant.tutor())
    plant.execute(f"UPDATE work_items SET not_before = now() - interval '1 hour' WHERE session_id = '{third}'")
    plant.execute(f"UPDATE work_items SET not_before = now() - interval '1 minute' WHERE session_id = '{first}'")

    claim, other = claim_batch(plant.engine, most=2), claim_batch(plant.engine)

    assert set(sessions_of(claim)) == {third, first}
    assert {item.tutor_id for item in claim.items} == {UUID(tutor)}
    assert sessions_of(other) == [second]
    assert claim.token != other.token
    assert claim_batch(plant.engine).items == claim_lost(plant.engine).items == ()
    assert plant.item(first, STATE) == ("pending", 1, 0, False, False)
    [lease] = plant.item(first, "extract(epoch FROM leased_until - updated_at)::float8")
    assert lease == pytest.approx(30, abs=0.1)


def test_others_of_the_same_tutors_come_with_those_that_wait_longest(plant: Plant) -> None:
    tutors = [plant.tutor() for _ in range(3)]
    sessions = {tutor: [plant.promised(tutor) for _ in range(4)] for tutor in tutors}
    late, lost = sessions[tutors[0]][:2]
    for tutor in tutors[:2]:
        oldest = sessions[tutor][3]
        plant.execute(f"UPDATE work_items SET not_before = now() - interval '1 hour' WHERE session_id = '{oldest}'")
    plant.execute(f"UPDATE work_items SET not_before = now() + interval '1 hour' WHERE session_id = '{late}'")
    plant.execute(f"UPDATE work_items SET attempts = 1 WHERE session_id = '{lost}'")

    claimed = sessions_of(claim_batch(plant.engine, most=2))

    assert len(claimed) == len(set(claimed))
    assert set(claimed) == {*sessions[tutors[0]], *sessions[tutors[1]]} - {late, lost}
    assert set(sessions_of(claim_batch(plant.engine))) == set(sessions[tutors[2]])


def test_what_is_not_due_or_is_being_claimed_is_passed_by(plant: Plant) -> None:
    tutor = plant.tutor()
    later, taken, free = (plant.promised(tutor) for _ in range(3))
    plant.execute(f"UPDATE work_items SET not_before = now() + interval '1 minute' WHERE session_id = '{later}'")
    with plant.engine.begin() as another:
        another.exec_driver_sql(f"SELECT FROM work_items WHERE session_id = '{taken}' FOR UPDATE")
        assert sessions_of(claim_batch(plant.engine)) == [free]


def test_only_whoever_holds_the_token_finishes(plant: Plant) -> None:
    session = plant.promised(plant.tutor())
    claim = claim_batch(plant.engine)
    stranger = Claim(uuid4(), claim.items, claim.since)

    with plant.engine.begin() as connection:
        assert finish(connection, stranger, claim.items, plant.now) == 0
        assert release(connection, stranger, claim.items) == 0
    assert not record_error(plant.engine, stranger, claim.items[0], "no")
    assert plant.item(session, STATE) == ("pending", 1, 0, False, False)
    with plant.engine.begin() as connection:
        assert finish(connection, claim, claim.items, plant.now) == 1
        assert finish(connection, claim, claim.items, plant.now) == 0
    assert plant.item(session, STATE) == ("done", 1, 0, True, True)


def test_a_row_whose_lease_ran_out_is_claimed_alone_and_no_more_its_first_holders(plant: Plant) -> None:
    tutor = plant.tutor()
    sessions = {plant.promised(tutor) for _ in range(2)}
    lost = claim_batch(plant.engine)
    assert claim_lost(plant.engine).items == ()
    plant.end_leases()

    assert claim_batch(plant.engine).items == ()
    again = [claim_lost(plant.engine) for _ in range(3)]

    assert [len(claim.items) for claim in again] == [1, 1, 0]
    assert {session for claim in again for session in sessions_of(claim)} == sessions
    with plant.engine.begin() as connection:
        assert finish(connection, lost, lost.items, plant.now) == 0
        assert [finish(connection, claim, claim.items, plant.now) for claim in again] == [1, 1, 0]


def test_a_row_that_is_lost_time_and_again_is_given_up(plant: Plant, caplog: pytest.LogCaptureFixture) -> None:
    session = plant.promised(plant.tutor())
    assert len(claim_batch(plant.engine).items) == 1
    for _ in range(MOST_LOST - 1):
        plant.end_leases()
        assert len(claim_lost(plant.engine).items) == 1
    assert plant.item(session, "state, attempts") == ("pending", 10)

    plant.end_leases()
    assert claim_lost(plant.engine).items == ()

    assert plant.item(session, f"{STATE}, last_error") == (
        *("failed", 10, 0, True, True),
        "whoever processed it ended, 10 times; the log may say why",
    )
    assert "1 sessions were given up" in caplog.text


@pytest.mark.parametrize("spread", [0.75, 1.0, 1.25])
def test_an_error_is_tried_again_after_1_2_and_4_minutes_and_then_failed(
    plant: Plant, monkeypatch: pytest.MonkeyPatch, spread: float
) -> None:
    def choose(low: float, high: float) -> float:
        assert (low, high) == (0.75, 1.25)
        return spread

    monkeypatch.setattr("processing.queue.random.uniform", choose)
    session = plant.promised(plant.tutor())
    for number, pause in enumerate([60, 120, 240], 1):
        claim = claim_batch(plant.engine)
        assert record_error(plant.engine, claim, claim.items[0], f"error {number}") is False
        waits, *stands = plant.item(
            session, f"extract(epoch FROM not_before - updated_at)::float8, last_error, {STATE}"
        )
        assert waits == pytest.approx(pause * spread, abs=0.05)
        assert stands == [f"error {number}", "pending", number, number, True, True]
        assert claim_batch(plant.engine).items == ()
        plant.forget_pauses()
        assert claim_lost(plant.engine).items == ()

    claim = claim_batch(plant.engine)
    assert record_error(plant.engine, claim, claim.items[0], "error 4") is True

    assert plant.item(session, f"last_error, {STATE}") == ("error 4", "failed", 4, 4, True, True)
    plant.forget_pauses()
    assert claim_batch(plant.engine).items == claim_lost(plant.engine).items == ()
    assert PAUSES_S == (60, 120, 240)


def test_what_is_given_back_is_as_if_it_had_not_been_claimed(plant: Plant) -> None:
    tutor = plant.tutor()
    at_once, paused = plant.promised(tutor), plant.promised(tutor)
    claim = claim_batch(plant.engine)
    by_session = {item.session_id: item for item in claim.items}
    due = plant.item(at_once, "not_before")

    with plant.engine.begin() as connection:
        assert release(connection, claim, [by_session[at_once]]) == 1
        assert release(connection, claim, [by_session[paused]], pause_s=5.0) == 1

    assert plant.item(at_once, STATE) == plant.item(paused, STATE) == WAITS
    assert plant.item(at_once, "not_before") == due
    [pause] = plant.item(paused, "extract(epoch FROM not_before - updated_at)::float8")
    assert pause == pytest.approx(5, abs=0.05)
    assert sessions_of(claim_batch(plant.engine)) == [at_once]


def test_a_lease_that_is_given_up_leaves_each_row_to_be_claimed_alone_at_once(plant: Plant) -> None:
    tutor = plant.tutor()
    for _ in range(2):
        plant.promised(tutor)
    claim = claim_batch(plant.engine)
    with plant.engine.begin() as connection:
        assert give_up_lease(connection, claim, claim.items) == 2

    assert claim_batch(plant.engine).items == ()
    assert [len(claim_lost(plant.engine).items) for _ in range(3)] == [1, 1, 0]


def test_an_error_after_a_loss_counts_beside_it(plant: Plant) -> None:
    session = plant.promised(plant.tutor())
    claim_batch(plant.engine)
    plant.end_leases()
    claim = claim_lost(plant.engine)
    record_error(plant.engine, claim, claim.items[0], "no")

    assert plant.item(session, "attempts, errors") == (2, 1)
    plant.forget_pauses()
    assert len(claim_lost(plant.engine).items) == 1


def test_a_lease_is_renewed_while_it_is_held(plant: Plant) -> None:
    session = plant.promised(plant.tutor())
    claim = claim_batch(plant.engine)
    [until] = plant.item(session, "leased_until")
    with holding(plant.engine, claim, lease_s=60.0, limit_s=-1.0):  # past its time: the work must end
        pass
    assert plant.item(session, "leased_until") == (until,)
    # A third of a lease of a tenth of a second: many renewals, each for longer than the machine can stall.
    with holding(plant.engine, Claim(claim.token, claim.items, time.monotonic()), lease_s=0.1, limit_s=60.0):
        wait_until(lambda: plant.item(session, "leased_until") != (until,), 60)


def test_a_lease_that_cannot_be_renewed_is_said_and_tried_again(plant: Plant, caplog: pytest.LogCaptureFixture) -> None:
    session = plant.promised(plant.tutor())
    claim = claim_batch(plant.engine)
    [until] = plant.item(session, "leased_until")
    plant.execute("ALTER TABLE work_items RENAME TO away")
    try:
        with holding(plant.engine, claim, lease_s=0.1, limit_s=60.0):
            wait_until(lambda: "a lease could not be renewed" in caplog.text, 60)
            plant.execute("ALTER TABLE away RENAME TO work_items")
            wait_until(lambda: plant.item(session, "leased_until") != (until,), 60)
    finally:
        plant.execute("ALTER TABLE IF EXISTS away RENAME TO work_items")
