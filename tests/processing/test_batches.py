"""What is told of a batch."""

from __future__ import annotations

import time
import uuid
from typing import Any

from processing.batches import RefusedSession, TakenBatch, take_batch
from tests.processing.conftest import Desk, body, moved


def test_what_is_wrong_with_one_harms_no_other(desk: Desk) -> None:
    desk.tell(body(3, status="completed"))
    stranger = str(uuid.uuid4())
    sessions: list[Any] = [
        body(1), 5, None, [], "session", {}, body(2, duration_minutes="60"), body(3), body(4, tutor_id=stranger),
        moved(5),
    ]  # fmt: skip
    taken = take_batch(desk.engine, sessions, "tests")
    assert taken.accepted == 2
    assert [(one.index, one.status) for one in taken.refused] == [
        (1, 400), (2, 400), (3, 400), (4, 400), (5, 400), (6, 400), (7, 409), (8, 404),
    ]  # fmt: skip
    details = {one.index: one.detail for one in taken.refused}
    assert details[1].startswith("session: Input should be")
    assert details[5].startswith("session_id: Field required; tutor_id: Field required")
    assert details[6] == "duration_minutes: Input should be a valid integer"
    assert "another status" in details[7]
    assert stranger in details[8]
    assert [key.int for (key,) in desk.rows("SELECT id FROM sessions ORDER BY id")] == [1, 3, 5]


def test_an_id_that_is_there_twice_counts_once(desk: Desk) -> None:
    assert take_batch(desk.engine, [body(1), body(1), body(2)], "tests") == TakenBatch(2, [])
    again = take_batch(desk.engine, [body(1), body(1, status="no_show"), body(1, subject="physics"), body(2)], "tests")
    assert again.accepted == 2
    assert [(one.index, one.status) for one in again.refused] == [(2, 409)]


def test_a_batch_of_which_nothing_can_be_taken(desk: Desk) -> None:
    assert take_batch(desk.engine, [{}, 7], "tests").accepted == 0
    assert desk.everything() == [[], [], [], []]


def test_values_and_endless_faults_are_not_told_again(desk: Desk) -> None:
    told = {**body(), "status": "Mia Meyer", **{f"x{n}" * 300: 1 for n in range(9)}}
    (refused,) = take_batch(desk.engine, [told], "tests").refused
    assert isinstance(refused, RefusedSession)
    assert "Mia" not in refused.detail
    assert refused.detail.endswith("; and 5 more")
    assert len(refused.detail) < 1_000


def test_one_id_a_thousand_times(desk: Desk) -> None:
    """The work is that of one session, not of a thousand posts one after the other."""
    start = time.perf_counter()
    taken = take_batch(desk.engine, [body(1, subject=f"s{number % 500}") for number in range(1000)], "tests")
    assert (taken.accepted, len(taken.refused)) == (1, 998)
    assert time.perf_counter() - start < 5
