"""Pairs that are asked for at once share statements, and neither errors nor leave-takings of the others."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, replace
from typing import Any, cast
from uuid import UUID

import pytest

from bentos.answers import Answers, Kept
from bentos.pair_batch import PairBatch
from scoring.pair_people import STUDENT_NUMBERS, TUTOR_NUMBERS
from scoring.pair_predictions import Pair, PairInputs
from tests.loops import run_coroutine
from tests.scoring.conftest import serve, uid
from tqs.errors import ConflictError, DatabaseDownError

MODEL, RULE = serve("match"), serve("match", rule=True)
NOW = "2026-03-11T12:00:00+00:00"
INPUTS = PairInputs(
    now=NOW,
    student_changed=NOW,
    tutor_changed=NOW,
    student={**dict.fromkeys(STUDENT_NUMBERS, 3), "style": "modern"},
    tutor={**dict.fromkeys(TUTOR_NUMBERS), "style": None, "sessions": 4.0, "rescheduled": 1.0},
)
STORED = b'{"id": 0}'


def pair(number: int) -> Pair:
    return uid("student", number), uid("tutor", number)


def made(number: int, version: str = "v1") -> bytes:
    return f"{pair(number)[1]} by {version}".encode()


class Store:
    """Stands for the database: reads, and keeps what it is given to store until it is let go on.

    stored: pairs that are stored; absent: those of whom one is not there. left_out: how often a pair is not stored,
    because something changed that it rests on.
    """

    def __init__(self) -> None:
        self.reads: list[list[Pair]] = []
        self.batches: list[list[Any]] = []
        self.go_on = asyncio.Event()
        self.stored: set[Pair] = set()
        self.absent: set[Pair] = set()
        self.left_out: dict[Pair, int] = {}
        self.kept: dict[Pair, bytes] = {}
        self.error: Exception | None = None

    async def recall(self, _: str, *asked: Any) -> Kept | None:
        body = self.kept.get(asked[:2])
        return None if body is None else Kept(body, "", 0.0)

    async def fetch_each(self, _: str, pairs: Sequence[Pair], *__: Any) -> list[bytes | None]:
        self.reads.append(list(pairs))
        inputs = json.dumps({"inputs": asdict(INPUTS)}).encode()
        return [None if one in self.absent else STORED if one in self.stored else inputs for one in pairs]

    async def store(self, _: str, told: str) -> bytes:
        rows = json.loads(told)
        self.batches.append(rows)
        await self.go_on.wait()
        if self.error is not None:
            raise self.error
        answers = []
        for row in rows:
            key = UUID(row["student_id"]), UUID(row["tutor_id"])
            if self.left_out.get(key, 0):
                self.left_out[key] -= 1
            else:
                answers.append([*map(str, key), f"{row['tutor_id']} by {row['model_version']}"])
        return json.dumps(answers).encode()


def run(steps: Callable[[Store, PairBatch], Awaitable[None]]) -> None:
    async def with_store() -> None:
        store = Store()
        await steps(store, PairBatch(cast("Answers", store)))

    run_coroutine(with_store())


async def start(batch: PairBatch, *numbers: int, model: Any = MODEL) -> list[asyncio.Task[bytes | None]]:
    """Ask for these pairs; goes on when all of them wait."""
    # Each request has a model of its own, as `Worker.match_model` gives it.
    tasks = [asyncio.create_task(batch.answer(replace(model), pair(number), "ada")) for number in numbers]
    for _ in range(5):
        await asyncio.sleep(0)
    return tasks


def test_those_who_wait_for_a_batch_share_the_next() -> None:
    async def steps(store: Store, batch: PairBatch) -> None:
        first = await start(batch, 1)
        later = await start(batch, 2, 3, 3, 4)
        store.go_on.set()
        answers = await asyncio.gather(*first, *later)
        assert [len(pairs) for pairs in store.reads] == [len(rows) for rows in store.batches] == [1, 3]
        assert answers == [made(n) for n in (1, 2, 3, 3, 4)]
        assert await batch.answer(MODEL, pair(5), "ada") == made(5)

    run(steps)


def test_those_who_were_answered_together_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async def steps(store: Store, batch: PairBatch) -> None:
        store.go_on.set()
        monkeypatch.setattr("bentos.pair_batch.GATHER_S", 600.0)
        await asyncio.gather(*await start(batch, 1))
        await asyncio.gather(*await start(batch, 2, 3, 4))  # nobody waits for more than there were
        tasks = [*await start(batch, 5), *await start(batch, 6), *await start(batch, 7)]
        assert await asyncio.gather(*tasks) == [made(5), made(6), made(7)]
        monkeypatch.setattr("bentos.pair_batch.GATHER_S", 0.0)
        await asyncio.gather(*await start(batch, 8))  # nor for ever
        monkeypatch.setattr("bentos.pair_batch.GATHER_S", 600.0)
        await asyncio.gather(*await start(batch, 9))
        assert [len(pairs) for pairs in store.reads] == [1, 3, 3, 1, 1]

    run(steps)


def test_a_batch_is_bounded() -> None:
    async def steps(store: Store, batch: PairBatch) -> None:
        store.go_on.set()
        answers = await asyncio.gather(*await start(batch, *range(40)))
        assert [len(pairs) for pairs in store.reads] == [16, 16, 8]
        assert answers == [made(n) for n in range(40)]

    run(steps)


def test_what_is_stored_or_absent_is_not_made_and_each_is_answered_by_its_model() -> None:
    async def steps(store: Store, batch: PairBatch) -> None:
        store.go_on.set()
        store.stored, store.absent = {pair(2)}, {pair(4)}
        mine, others = await start(batch, 1, 2, 4), await start(batch, 3, model=RULE)
        assert await asyncio.gather(*mine, *others) == [made(1), STORED, None, made(3, "rule")]
        assert [len(rows) for rows in store.batches] == [1, 1]

    run(steps)


def test_what_is_remembered_is_not_read_unless_it_is_to_be_made() -> None:
    async def steps(store: Store, batch: PairBatch) -> None:
        store.go_on.set()
        store.kept = {pair(1): STORED, pair(2): json.dumps({"inputs": asdict(INPUTS)}).encode()}
        assert await asyncio.gather(*await start(batch, 1, 2)) == [STORED, made(2)]
        assert store.reads == [[pair(2)]]

    run(steps)


def test_what_something_changed_of_is_read_again_but_not_for_ever() -> None:
    async def steps(store: Store, batch: PairBatch) -> None:
        store.go_on.set()
        store.left_out = {pair(2): 2, pair(3): 3}
        one, two, three = await start(batch, 1, 2, 3)
        assert await asyncio.gather(one, two) == [made(1), made(2)]
        with pytest.raises(ConflictError, match="being changed; ask again"):
            await three
        assert [len(pairs) for pairs in store.reads] == [3, 2, 2]
        assert {row["actor"] for rows in store.batches for row in rows} == {"ada"}

    run(steps)


def test_an_error_reaches_all_who_share_it_and_no_one_later() -> None:
    async def steps(store: Store, batch: PairBatch) -> None:
        tasks = await start(batch, 1, 1)
        store.error = DatabaseDownError("gone")
        store.go_on.set()
        for task in tasks:
            with pytest.raises(DatabaseDownError, match="gone"):
                await task
        store.error = None
        assert await batch.answer(MODEL, pair(1), "ada") is not None

    run(steps)


def test_what_is_stored_is_answered_while_what_is_made_waits() -> None:
    async def steps(store: Store, batch: PairBatch) -> None:
        store.stored, store.absent = {pair(2), pair(5)}, {pair(3)}
        blocked, stored, absent = await start(batch, 1, 2, 3)
        assert (await stored, await absent) == (STORED, None)
        [again, other] = await start(batch, 1, 5)
        assert await other == STORED
        store.error = DatabaseDownError("gone")
        assert not blocked.done()
        store.go_on.set()
        for task in (blocked, again):
            with pytest.raises(DatabaseDownError, match="gone"):
                await task
        assert [len(rows) for rows in store.batches] == [1, 1]  # never the same pair twice in one

    run(steps)


def test_one_who_goes_away_takes_nothing_from_the_others() -> None:
    async def steps(store: Store, batch: PairBatch) -> None:
        gone, stays = await start(batch, 1, 1)
        gone.cancel()
        store.go_on.set()
        assert await stays == made(1)

    run(steps)
