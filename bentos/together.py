"""Small requests that arrive together are computed together: a call of numpy and XGBoost costs much, a row little."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from contextlib import suppress
from typing import Any, Final

MOST_RECORDS: Final = 16  # computed in one go, while all other requests wait

Compute = Callable[[Sequence[Any]], Sequence[Any]]
"""Records in, one answer each in their order; each by itself, so that neighbours make no difference."""


class Together:
    """Gathers the requests of one turn of the event loop; nobody waits for more to come. Lives in that loop."""

    def __init__(self) -> None:
        self._waiting: dict[Hashable, deque[tuple[Sequence[Any], asyncio.Future[Sequence[Any]]]]] = {}

    async def answer(self, kind: Hashable, records: Sequence[Any], compute: Compute) -> Sequence[Any]:
        """The answers to some records. kind: requests of the same kind have the same `compute`."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Sequence[Any]] = loop.create_future()
        waiting = self._waiting.setdefault(kind, deque())
        waiting.append((records, future))
        if len(waiting) == 1:
            loop.call_soon(self._compute, kind, compute)
        return await future

    def _compute(self, kind: Hashable, compute: Compute) -> None:
        waiting = self._waiting[kind]
        taken = [waiting.popleft()]
        size = len(taken[0][0])
        while waiting and size + len(waiting[0][0]) <= MOST_RECORDS:
            taken.append(waiting.popleft())
            size += len(taken[-1][0])
        if waiting:
            asyncio.get_running_loop().call_soon(self._compute, kind, compute)
        else:
            del self._waiting[kind]
        if len(taken) > 1:
            with suppress(Exception):  # one of them is to blame: each alone finds out which, and harms no other
                answers = iter(compute([record for records, _ in taken for record in records]))
                for records, future in taken:
                    _settle(future, [next(answers) for _ in records])
                return
        for records, future in taken:
            try:
                answer = compute(records)
            except Exception as error:  # noqa: BLE001  # it is raised where the answer is awaited
                if not future.done():
                    future.set_exception(error)
            else:
                _settle(future, answer)


def _settle(future: asyncio.Future[Sequence[Any]], answer: Sequence[Any]) -> None:
    if not future.done():  # its client may be gone
        future.set_result(answer)
