"""Pairs that are asked for at once are read, predicted and stored together: a batch costs hardly more than a pair."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import Final

from bentos.answers import Answers
from scoring.models import ServedModel
from scoring.pair_predictions import READ_PAIRS, STORE_PAIRS, Pair, predict_known, read_inputs, read_stored
from tqs.errors import ConflictError

ATTEMPTS: Final = 3  # where someone is changed between the reading and the storing
MOST_PAIRS: Final = 16  # computed in one go, while all other requests wait
GATHER_S: Final = 0.002  # that a batch waits at most for as many pairs as the last one had


@dataclass(frozen=True, slots=True)
class _Waiting:
    model: ServedModel
    actor: str
    answer: asyncio.Future[bytes | None]


class PairBatch:
    """Gathers pairs while the batch before them is worked on. Lives in one event loop.

    Those whose clients were answered together ask again together, a moment one after the other: as many as in the last
    batch are waited for that long. A client that is alone never waits.
    """

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._waiting: dict[Pair, _Waiting] = {}
        self._task: asyncio.Task[None] | None = None
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
        if kept is not None and not _is_to_be_made(kept.body):
            return kept.body
        future = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(pair, _Waiting(model, actor, future))
        if len(self._waiting) >= self._expected:
            self._enough.set()
        if self._task is None:
            self._task = asyncio.create_task(self._work())
        return await asyncio.shield(waiting.answer)  # one who goes away leaves it to the others

    async def _work(self) -> None:
        try:
            while self._waiting:
                taken = await self._gather()
                for model in dict.fromkeys(one.model for one in taken.values()):  # as a rule one
                    await self._answer(model, {pair: one for pair, one in taken.items() if one.model == model})
        finally:
            self._task = None

    async def _gather(self) -> dict[Pair, _Waiting]:
        await asyncio.sleep(0)  # pairs that arrived together are answered together
        if len(self._waiting) < self._expected:
            self._enough.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(GATHER_S):
                    await self._enough.wait()
        taken = {pair: self._waiting.pop(pair) for pair in list(islice(self._waiting, MOST_PAIRS))}
        self._expected = len(taken)
        return taken

    async def _answer(self, model: ServedModel, waiting: dict[Pair, _Waiting]) -> None:
        try:
            for _ in range(ATTEMPTS):
                found = await self._read_or_store(model, {pair: one.actor for pair, one in waiting.items()})
                for pair, body in found.items():
                    waiting.pop(pair).answer.set_result(body)
                if not waiting:
                    return
            raise ConflictError("one of the two was being changed; ask again")
        except Exception as error:  # noqa: BLE001  # it is raised where the pairs were asked for
            for one in waiting.values():
                one.answer.set_exception(error)
                one.answer.exception()  # those who asked may be gone by now

    async def _read_or_store(self, model: ServedModel, actors: Mapping[Pair, str]) -> dict[Pair, bytes | None]:
        """The answers there are, without the pairs that something changed of while they were predicted."""
        bodies = await self._answers.fetch_each(READ_PAIRS, list(actors), *model.terms.values())
        answers = dict(zip(actors, bodies, strict=True))
        inputs = {pair: known for pair, body in answers.items() if body and (known := read_inputs(body)) is not None}
        if inputs:
            made = predict_known(model, inputs, {pair: actors[pair] for pair in inputs})
            stored = read_stored(await self._answers.store(STORE_PAIRS, made))
            answers = {
                pair: stored.get(pair, body) for pair, body in answers.items() if pair in stored or pair not in inputs
            }
        return answers


def _is_to_be_made(body: bytes | None) -> bool:
    return body is not None and read_inputs(body) is not None
