"""Which snapshot the database has by now: one question for all who ask at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

_READ: Final = "SELECT pg_current_snapshot()::text"


class Snapshots:
    """Reads the snapshot, on a connection of its own. Lives in one event loop.

    Who asks while the database is being asked waits for the next question, so each is told a snapshot that was taken
    after the call; the busier the worker, the more calls share one.
    """

    def __init__(self, connect: Callable[[], Awaitable[Any]], timeout_s: float) -> None:
        """connect: makes a connection of asyncpg. timeout_s: for each question, a new connection included."""
        self._connect = connect
        self._timeout_s = timeout_s
        self._connection: Any = None
        self._next: asyncio.Future[str] | None = None
        self._task: asyncio.Task[None] | None = None

    async def read(self) -> str:
        """The snapshot at a moment after this call. Raises what the database or its driver raised."""
        if self._next is None:
            self._next = asyncio.get_running_loop().create_future()
        if self._task is None:
            self._task = asyncio.create_task(self._work())
        return await asyncio.shield(self._next)  # one who goes away leaves it to the others

    def stop(self) -> None:
        """Let go of the connection."""
        if self._task is not None:
            self._task.cancel()
        self._disconnect()

    async def _work(self) -> None:
        try:
            while self._next is not None:
                await asyncio.sleep(0)  # calls that arrived together are answered together
                asked, self._next = self._next, None
                await self._answer(asked)
        finally:
            self._task = None

    async def _answer(self, asked: asyncio.Future[str]) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                if self._connection is None or self._connection.is_closed():
                    self._connection = await self._connect()
                asked.set_result(await self._connection.fetchval(_READ))
        except Exception as error:  # noqa: BLE001  # it is raised where the snapshot was asked for
            self._disconnect()
            asked.set_exception(error)
            asked.exception()  # those who asked may be gone by now

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.terminate()
            self._connection = None
