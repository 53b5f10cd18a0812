"""Pairs that are asked for at once are read, predicted and stored together: a batch costs hardly more than a pair."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Final

from bentos.answers import Answers
from scoring.models import ServedModel
from scoring.pair_predictions import READ_PAIRS, STORE_PAIRS, Pair, PairInputs, predict_known, read_inputs, read_stored
from tqs.errors import ConflictError

ATTEMPTS: Final = 3  # where someone is changed between the reading and the storing
MOST_PAIRS: Final = 16  # computed in one go, while all other requests wait
GATHER_S: Final = 0.002  # that a batch waits at most for as many pairs as the last one had


@dataclass(slots=True)
class _Asked:
    pair: Pair
    model: ServedModel
    actor: str
    answer: asyncio.Future[bytes | None]
    attempts: int = 0

    def fail(self, error: Exception) -> None:
        self.answer.set_exception(error)
        self.answer.exception()  # those who asked may be gone by now


class PairBatch:
    """Gathers pairs while the batch before them is worked on. Lives in one event loop.

    Reading and making take turns of their own, so that what is stored is answered though what is made has to wait for
    somebody. Those whose clients were answered together ask again together, a moment one after the other: as many as in
    the last batch are waited for that long. A client that is alone never waits.
    """

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._to_read: dict[Pair, _Asked] = {}
        self._to_make: list[tuple[_Asked, PairInputs]] = []
        self._reading: asyncio.Task[None] | None = None
        self._making: asyncio.Task[None] | None = None
        self._expected = 1
        self._enough = asyncio.Event()

    async def answer(self, model: ServedModel, pair: Pair, actor: str) -> bytes | None:
        """The prediction of a pair as JSON, the stored one if it is fresh, else one that is made and stored.

        None where there is no such student, or no such active tutor.

        actor: who asks, as the audit log names them.

        Raises
        ------
        ConflictError
            where something that it rests on changes all the time.
        DatabaseDownError
            where the database does not answer in time.
        """
        kept = await self._answers.recall(READ_PAIRS, *pair, *model.terms.values())
        if kept is not None and (kept.body is None or read_inputs(kept.body) is None):
            return kept.body
        asked = self._to_read.get(pair)
        if asked is None:
            asked = _Asked(pair, model, actor, asyncio.get_running_loop().create_future())
            self._read_soon(asked)
        return await asyncio.shield(asked.answer)  # one who goes away leaves it to the others

    def _read_soon(self, asked: _Asked) -> None:
        self._to_read[asked.pair] = asked
        if len(self._to_read) >= self._expected:
            self._enough.set()
        if self._reading is None:
            self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        try:
            while self._to_read:
                for batch in _by_model(await self._gather()):
                    await self._read_batch(batch)
        finally:
            self._reading = None

    async def _gather(self) -> list[_Asked]:
        await asyncio.sleep(0)  # pairs that arrived together are answered together
        if len(self._to_read) < self._expected:
            self._enough.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(GATHER_S):
                    await self._enough.wait()
        taken = [self._to_read.pop(pair) for pair in list(islice(self._to_read, MOST_PAIRS))]
        self._expected = len(taken)
        return taken

    async def _read_batch(self, batch: list[_Asked]) -> None:
        terms = batch[0].model.terms.values()
        try:
            bodies = await self._answers.fetch_each(READ_PAIRS, [asked.pair for asked in batch], *terms)
        except Exception as error:  # noqa: BLE001  # it is raised where the pairs were asked for
            for asked in batch:
                asked.fail(error)
            return
        for asked, body in zip(batch, bodies, strict=True):
            inputs = None if body is None else read_inputs(body)
            if inputs is None:
                asked.answer.set_result(body)
            else:
                self._to_make.append((asked, inputs))
        if self._to_make and self._making is None:
            self._making = asyncio.create_task(self._make())

    async def _make(self) -> None:
        try:
            while self._to_make:
                taken, left = dict[Pair, tuple[_Asked, PairInputs]](), []
                for asked, inputs in self._to_make:
                    if asked.pair in taken or len(taken) == MOST_PAIRS:  # one statement stores a pair once
                        left.append((asked, inputs))
                    else:
                        taken[asked.pair] = asked, inputs
                self._to_make = left
                for batch in _by_model(asked for asked, _ in taken.values()):
                    await self._make_batch(batch, {asked.pair: taken[asked.pair][1] for asked in batch})
        finally:
            self._making = None

    async def _make_batch(self, batch: list[_Asked], inputs: dict[Pair, PairInputs]) -> None:
        try:
            made = predict_known(batch[0].model, inputs, {asked.pair: asked.actor for asked in batch})
            stored = read_stored(await self._answers.store(STORE_PAIRS, made))
        except Exception as error:  # noqa: BLE001  # it is raised where the pairs were asked for
            for asked in batch:
                asked.fail(error)
            return
        for asked in batch:
            asked.attempts += 1
            if asked.pair in stored:
                asked.answer.set_result(stored[asked.pair])
            elif asked.attempts == ATTEMPTS:
                asked.fail(ConflictError("one of the two was being changed; ask again"))
            else:
                self._read_again(asked)

    def _read_again(self, asked: _Asked) -> None:
        other = self._to_read.get(asked.pair)
        if other is None:
            self._read_soon(asked)
        else:  # who asked later for the same has yet to be read for: they are told the same
            other.answer.add_done_callback(lambda done: _pass_on(done, asked))


def _pass_on(done: asyncio.Future[bytes | None], asked: _Asked) -> None:
    error = done.exception()
    if isinstance(error, Exception):
        asked.fail(error)
    else:
        asked.answer.set_result(done.result())


def _by_model(asked: Iterable[_Asked]) -> list[list[_Asked]]:
    """As a rule one batch: those of one model."""
    batches: dict[ServedModel, list[_Asked]] = {}
    for one in asked:
        batches.setdefault(one.model, []).append(one)
    return list(batches.values())
