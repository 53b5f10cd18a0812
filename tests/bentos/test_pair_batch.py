"""Pairs that are asked for at once share a statement, and neither errors nor leave-takings of the others."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, cast
from uuid import UUID

import pytest

from bentos.answers import Answers
from bentos.pair_batch import PairBatch
from scoring.pair_people import STUDENT_NUMBERS, TUTOR_NUMBERS
from scoring.pair_predictions import Pair, PairInputs
from tests.bentos.loops import run_coroutine
from tests.scoring.conftest import serve, uid
from tqs.errors import DatabaseDownError

MODEL, RULE = serve("match"), serve("match", rule=True)
NOW = "2026-03-11T12:00:00+00:00"
INPUTS = PairInputs(
    now=NOW,
    student_changed=NOW,
    tutor_changed=NOW,
    student={**dict.fromkeys(STUDENT_NUMBERS, 3), "style": "modern"},
    tutor={**dict.fromkeys(TUTOR_NUMBERS), "style": None, "sessions": 4.0, "rescheduled": 1.0},
)


def pair(number: int) -> Pair:
    return uid("student", number), uid("tutor", number)


class Store:
    """Stands for the database: keeps what it is given until it is let go on, and stores all but `left_out`."""

    def __init__(self, *left_out: Pair) -> None:
        self.batches: list[list[Any]] = []
        self.go_on = asyncio.Event()
        self.left_out = left_out
        self.error: Exception | None = None

    async def store(self, _: str, made: str) -> bytes:
        rows = json.loads(made)
        self.batches.append(rows)
        await self.go_on.wait()
        if self.error is not None:
            raise self.error
        keys = [(row["student_id"], row["tutor_id"], row["model_version"]) for row in rows]
        stored = [one for one in keys if (UUID(one[0]), UUID(one[1])) not in self.left_out]
        return json.dumps([[student, tutor, f"{tutor} by {version}"] for student, tutor, version in stored]).encode()


def run(steps: Callable[[Store, PairBatch], Awaitable[None]], *left_out: Pair) -> None:
    async def with_store() -> None:
        store = Store(*left_out)
        await steps(store, PairBatch(cast("Answers", store)))

    run_coroutine(with_store())


async def start(batch: PairBatch, *numbers: int, model: Any = MODEL) -> list[asyncio.Task[bytes | None]]:
    """Ask for these pairs; goes on when all of them wait."""
    # Each request has a model of its own, as `Worker.match_model` gives it.
    tasks = [asyncio.create_task(batch.predict(replace(model), pair(number), INPUTS, "ada")) for number in numbers]
    for _ in range(3):
        await asyncio.sleep(0)
    return tasks


def test_those_who_wait_for_a_statement_share_the_next() -> None:
    async def steps(store: Store, batch: PairBatch) -> None:
        first = await start(batch, 1)
        later = await start(batch, 2, 3, 3, 4)
        store.go_on.set()
        answers = await asyncio.gather(*first, *later)
        assert [len(rows) for rows in store.batches] == [1, 3]
        assert answers == [f"{pair(n)[1]} by v1".encode() for n in (1, 2, 3, 3, 4)]
        assert await batch.predict(MODEL, pair(5), INPUTS, "ada") == f"{pair(5)[1]} by v1".encode()

    run(steps)


def test_what_was_not_stored_is_none_and_each_is_answered_by_its_model() -> None:
    async def steps(store: Store, batch: PairBatch) -> None:
        store.go_on.set()
        mine, others = await start(batch, 1, 2), await start(batch, 3, model=RULE)
        assert await asyncio.gather(*mine, *others) == [
            f"{pair(1)[1]} by v1".encode(),
            None,
            f"{pair(3)[1]} by rule".encode(),
        ]

    run(steps, pair(2))


def test_an_error_reaches_all_who_share_it_and_no_one_later() -> None:
    async def steps(store: Store, batch: PairBatch) -> None:
        tasks = await start(batch, 1, 1)
        store.error = DatabaseDownError("gone")
        store.go_on.set()
        for task in tasks:
            with pytest.raises(DatabaseDownError, match="gone"):
                await task
        store.error = None
        assert await batch.predict(MODEL, pair(1), INPUTS, "ada") is not None

    run(steps)


def test_one_who_goes_away_takes_nothing_from_the_others() -> None:
    async def steps(store: Store, batch: PairBatch) -> None:
        gone, stays = await start(batch, 1, 1)
        gone.cancel()
        store.go_on.set()
        assert await stays == f"{pair(1)[1]} by v1".encode()

    run(steps)
