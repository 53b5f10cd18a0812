"""Pairs that are asked for at once and are not stored are predicted and stored together: a batch costs hardly more."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from bentos.answers import Answers
from scoring.models import ServedModel
from scoring.pair_predictions import STORE_PAIRS, Pair, PairInputs, predict_known, read_stored


@dataclass(frozen=True, slots=True)
class _Waiting:
    inputs: PairInputs
    model: ServedModel
    actor: str
    answer: asyncio.Future[bytes | None]


class PairBatch:
    """Gathers pairs while the batch before them is being stored. Lives in one event loop."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._waiting: dict[Pair, _Waiting] = {}
        self._task: asyncio.Task[None] | None = None

    async def predict(self, model: ServedModel, pair: Pair, inputs: PairInputs, actor: str) -> bytes | None:
        """The prediction of a pair, stored, as JSON; None where it was not stored (`STORE_PAIRS` says why not).

        actor: who asks, as the audit log names them.

        Raises
        ------
        DatabaseDownError
            where the database does not answer in time.
        """
        future = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(pair, _Waiting(inputs, model, actor, future))
        if self._task is None:
            self._task = asyncio.create_task(self._work())
        return await asyncio.shield(waiting.answer)  # one who goes away leaves it to the others

    async def _work(self) -> None:
        try:
            while self._waiting:
                waiting, self._waiting = self._waiting, {}
                await self._store(waiting)
        finally:
            self._task = None

    async def _store(self, waiting: dict[Pair, _Waiting]) -> None:
        try:
            stored: dict[Pair, bytes] = {}
            for model in dict.fromkeys(one.model for one in waiting.values()):  # as a rule one
                mine = {pair: one for pair, one in waiting.items() if one.model == model}
                made = predict_known(
                    model,
                    {pair: one.inputs for pair, one in mine.items()},
                    {pair: one.actor for pair, one in mine.items()},
                )
                stored |= read_stored(await self._answers.store(STORE_PAIRS, made))
        except Exception as error:  # noqa: BLE001  # it is raised where the pairs were asked for
            for one in waiting.values():
                one.answer.set_exception(error)
        else:
            for pair, one in waiting.items():
                one.answer.set_result(stored.get(pair))
