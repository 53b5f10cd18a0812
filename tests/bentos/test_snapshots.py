"""One look at the snapshot serves all who asked before it, and nobody who asked after it began."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from bentos.snapshots import Snapshots
from tests.loops import run_coroutine


class Database:
    """Stands for the driver: answers question after question with its number, once it is let go on."""

    def __init__(self) -> None:
        self.asked = self.connected = 0
        self.go_on = asyncio.Event()
        self.error: Exception | None = None  # of the next answer
        self.closed = False

    async def connect(self) -> Database:
        self.connected += 1
        self.closed = False
        return self

    def is_closed(self) -> bool:
        return self.closed

    def terminate(self) -> None:
        self.closed = True

    async def fetchval(self, _: str) -> str:
        self.asked += 1
        number = self.asked
        await self.go_on.wait()
        error, self.error = self.error, None
        if error is not None:
            raise error
        return str(number)


def run(steps: Callable[[Database, Snapshots], Awaitable[None]], timeout_s: float = 30) -> None:
    async def with_database() -> None:
        database = Database()
        snapshots = Snapshots(database.connect, timeout_s)
        await steps(database, snapshots)
        snapshots.stop()

    run_coroutine(with_database())


async def until_asked(database: Database, times: int) -> None:
    async with asyncio.timeout(10):
        while database.asked < times:
            await asyncio.sleep(0)


def test_calls_that_arrive_together_share_a_question_and_later_ones_wait_for_the_next() -> None:
    async def steps(database: Database, snapshots: Snapshots) -> None:
        early = [asyncio.create_task(snapshots.read()) for _ in range(3)]
        await until_asked(database, 1)
        late = [asyncio.create_task(snapshots.read()) for _ in range(2)]
        await asyncio.sleep(0)
        database.go_on.set()
        assert await asyncio.gather(*early, *late) == ["1", "1", "1", "2", "2"]
        assert await snapshots.read() == "3"
        assert (database.asked, database.connected) == (3, 1)

    run(steps)


def test_an_error_is_told_to_those_who_asked_and_the_next_question_has_a_new_connection() -> None:
    async def steps(database: Database, snapshots: Snapshots) -> None:
        database.error = ConnectionResetError("cut")
        asked = [asyncio.create_task(snapshots.read()) for _ in range(2)]
        await until_asked(database, 1)
        late = asyncio.create_task(snapshots.read())
        await asyncio.sleep(0)
        database.go_on.set()
        for one in asked:
            with pytest.raises(ConnectionResetError):
                await one
        assert await late == "2"
        assert database.connected == 2

    run(steps)


def test_a_database_that_hangs_is_a_timeout() -> None:
    async def steps(database: Database, snapshots: Snapshots) -> None:
        with pytest.raises(TimeoutError):
            await snapshots.read()
        assert database.closed

    run(steps, timeout_s=0.01)


def test_one_who_goes_away_leaves_the_question_to_the_others() -> None:
    async def steps(database: Database, snapshots: Snapshots) -> None:
        gone, stays = (asyncio.create_task(snapshots.read()) for _ in range(2))
        await until_asked(database, 1)
        gone.cancel()
        await asyncio.sleep(0)
        database.go_on.set()
        assert await stays == "1"

    run(steps)
