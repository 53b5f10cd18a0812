"""Many people at once on the dashboards, who come, use a page for a while, leave, and come back to another."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

from benchmarks._dashboards import Server
from benchmarks._visitors import Visitor, log_in

PAUSE_S: Final = 5.0  # between two uses of a page, on average
STAY_S: Final = 120.0  # on a page, on average
LOOK_S: Final = 1.0
FILTERS: Final = 0.3  # of what is done


@dataclass
class Crowd:
    """How long each use took and each page to open, in seconds, and the server's memory in MB.

    memory_before, memory_after: the least of the middle fifth, when all have come and some have gone, and of the last
    one; the least, so that a page that is just being made does not count.
    """

    seconds: float
    waits: list[float] = field(default_factory=list)
    openings: list[float] = field(default_factory=list)
    memory: list[float] = field(default_factory=list)

    @property
    def memory_before(self) -> float:
        part = max(len(self.memory) // 5, 1)
        return min(self.memory[2 * part : 3 * part] or self.memory)

    @property
    def memory_after(self) -> float:
        return min(self.memory[-max(len(self.memory) // 5, 1) :])


async def visit(server: Server, seconds: float, *, people: int, pages: Sequence[str]) -> Crowd:
    """Let so many people use the pages for so long."""
    crowd = Crowd(seconds)
    cookie = log_in(server.address, server.password)
    until = time.monotonic() + seconds
    async with asyncio.TaskGroup() as group:
        for number in range(people):
            group.create_task(_come_and_go(server.address, cookie, pages, number, until, crowd))
        group.create_task(_watch(server, until, crowd))
    return crowd


async def _come_and_go(
    address: str, cookie: str, pages: Sequence[str], number: int, until: float, crowd: Crowd
) -> None:
    random = Random(number)  # noqa: S311  # when somebody does something is no secret
    await asyncio.sleep(random.uniform(0, min(STAY_S, (until - time.monotonic()) / 3)))
    while time.monotonic() < until:
        leaves = min(until, time.monotonic() + random.uniform(0.5, 1.5) * STAY_S)
        async with Visitor(address, cookie, random.choice(pages)) as visitor:
            crowd.openings.append(visitor.opened_s)
            while time.monotonic() < leaves:
                crowd.waits.append(await (visitor.filter() if random.random() < FILTERS else visitor.use()))
                await visitor.wait(random.uniform(0.5, 1.5) * PAUSE_S)


async def _watch(server: Server, until: float, crowd: Crowd) -> None:
    while time.monotonic() < until:
        crowd.memory.append(server.memory_mb())
        await asyncio.sleep(LOOK_S)
