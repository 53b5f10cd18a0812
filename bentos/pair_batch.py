"""Pairs that are asked for at once and are not stored are predicted and stored together: a batch costs hardly more."""

from __future__ import annotations

import asyncio

from bentos.answers import Answers
from scoring.models import ServedModel
from scoring.pair_predictions import STORE_PAIRS, Pair, PairInputs, predict_known, read_stored


class PairBatch:
    """Gathers pairs while the batch before them is being stored. Lives in one event loop."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._waiting: dict[Pair, tuple[PairInputs, ServedModel, asyncio.Future[bytes | None]]] = {}
        self._task: asyncio.Task[None] | None = None

    async def predict(self, model: ServedModel, pair: Pair, inputs: PairInputs) -> bytes | None:
        """The prediction of a pair, stored, as JSON; None where it was not stored (`STORE_PAIRS` says why not).

        Raises
        ------
        DatabaseDownError
            where the database does not answer in time.
        """
        _, _, future = self._waiting.setdefault(pair, (inputs, model, asyncio.get_running_loop().create_future()))
        if self._task is None:
            self._task = asyncio.create_task(self._work())
        return await asyncio.shield(future)  # one who goes away leaves it to the others

    async def _work(self) -> None:
        try:
            while self._waiting:
                waiting, self._waiting = self._waiting, {}
                await self._store(waiting)
        finally:
            self._task = None

    async def _store(self, waiting: dict[Pair, tuple[PairInputs, ServedModel, asyncio.Future[bytes | None]]]) -> None:
        try:
            models = {id(model): model for _, model, _ in waiting.values()}
            stored: dict[Pair, bytes] = {}
            for key, model in models.items():  # as a rule one
                pairs = {pair: inputs for pair, (inputs, own, _) in waiting.items() if id(own) == key}
                stored |= read_stored(await self._answers.store(STORE_PAIRS, predict_known(model, pairs)))
        except Exception as error:  # noqa: BLE001  # it is raised where the pairs were asked for
            for _, _, future in waiting.values():
                future.set_exception(error)
        else:
            for pair, (_, _, future) in waiting.items():
                future.set_result(stored.get(pair))
