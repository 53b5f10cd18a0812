"""Processors and services killed, with kill -9, at every step: what was promised is kept."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from tests.processing.faults.children import die, end, queue_again, start, tell, work_off
from tests.processing.faults.ledger import Bad, Ledger
from tqs.failpoints import POINTS

INTAKE = [point for point in POINTS if point.startswith("intake.")]
OF_AN_ERROR = [point for point in POINTS if point in ("queue.failing", "queue.failed")]
OF_A_BATCH = [point for point in POINTS if point not in (*INTAKE, *OF_AN_ERROR)]
KILLS = 200


def post(ledger: Ledger, random: Random, count: int) -> list[dict[str, Any]]:
    """New sessions, most of them with an outcome, and outcomes of some that were only scheduled."""
    bodies = [ledger.imagine(random) for _ in range(count)]
    scheduled = sorted(key for key, told in ledger.told.items() if told["status"] == "scheduled")
    bodies += [ledger.with_outcome(random, key) for key in random.sample(scheduled, min(2, len(scheduled)))]
    assert set(ledger.tell(*bodies)) == {202}
    return bodies


def recover(ledger: Ledger, environment: dict[str, str]) -> None:
    ledger.end_leases()
    assert end(start(work_off, environment)) == 0


def recover_all(ledger: Ledger, environment: dict[str, str], bad: Bad) -> None:
    """Also the sessions that could not be processed, as their operator would: made good and queued again."""
    bad.make_all_good()
    assert end(start(queue_again, environment)) == 0
    recover(ledger, environment)
    ledger.check()


@pytest.mark.parametrize("point", INTAKE)
def test_a_service_killed_before_it_answers(ledger: Ledger, environment: dict[str, str], point: str) -> None:
    random = Random(point)
    first = ledger.imagine(random, "scheduled")
    ledger.tell(first)
    bodies = [ledger.imagine(random), ledger.with_outcome(random, first["session_id"])]
    assert die(tell, environment, point, bodies)
    stored = ledger.rows("SELECT id FROM sessions")
    assert len(stored) == (1 if point == "intake.stored" else 2)  # all or nothing

    assert ledger.tell(*bodies) == [202, 202]  # who got no answer tells it again
    recover(ledger, environment)
    ledger.check()


def test_a_processor_killed_at_every_step(ledger: Ledger, environment: dict[str, str]) -> None:
    random = Random(1)
    for point in OF_A_BATCH:
        post(ledger, random, 6)
        assert die(work_off, environment, point)
        ledger.end_leases()
        if point != "batch.committed":
            # Now each session is claimed alone, and the third of them brings it down.
            assert die(work_off, environment, f"{point}:3")
        recover(ledger, environment)
        ledger.check()


@pytest.mark.parametrize("point", OF_AN_ERROR)
def test_a_processor_killed_while_it_records_an_error(
    ledger: Ledger, environment: dict[str, str], bad: Bad, point: str
) -> None:
    random = Random(point)
    for session in post(ledger, random, 6)[:2]:
        bad.make(session["session_id"])
    assert die(work_off, environment, point)
    ledger.end_leases()
    assert die(work_off, environment, f"{point}:2")
    recover(ledger, environment)
    assert ledger.rows("SELECT count(*)::int AS left FROM work_items WHERE state <> 'done'") == [{"left": 2}]
    recover_all(ledger, environment, bad)


@pytest.mark.long
def test_two_hundred_kills(ledger: Ledger, environment: dict[str, str], bad: Bad) -> None:
    random = Random(2026)
    kills = 0
    while kills < KILLS:
        point = f"{random.choice(POINTS)}:{random.choice((1, 1, 2, 3, 5))}"
        if point.startswith("intake."):
            bodies = [ledger.imagine(random) for _ in range(random.randint(1, 5))]
            kills += die(tell, environment, point, bodies)
            ledger.tell(*bodies)
        else:
            bodies = post(ledger, random, random.randint(1, 8))
            if point.startswith(("queue.failing", "queue.failed")) or random.random() < 0.1:
                bad.make(random.choice(bodies)["session_id"])
            kills += die(work_off, environment, point)
        if random.random() < 0.5:
            ledger.end_leases()
        if random.random() < 0.2:
            recover_all(ledger, environment, bad)
    recover_all(ledger, environment, bad)
