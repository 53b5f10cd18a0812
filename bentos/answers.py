"""Answers that PostgreSQL writes as JSON, kept in memory for as long as nothing was committed since.

Two equal snapshots (`pg_current_snapshot()`: which transactions are visible) see the same rows. So an answer is handed
out again only after the database has said, in one cheap round trip which calls that arrive together share, that its
snapshot is still the one that the answer was read under: every reader sees what was committed before it asked,
whichever worker wrote it, and no writer has anything to invalidate.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

import asyncpg
from fastapi import Response
from pydantic_core import from_json
from sqlalchemy import URL

from bentos.snapshots import Snapshots
from tqs.errors import DatabaseDownError

CONNECTIONS: Final = 4
TIMEOUT_S: Final = 2.5  # for all of one answer: a database that hangs is told as one that is down
SNAPSHOT_TIMEOUT_S: Final = 1.0  # for the look whether anything was committed: less, so that there is time left to read
KEPT_BYTES: Final = 32 * 2**20
# Parts of an address that asyncpg knows; what else it may hold is meant for libpq.
_KNOWN_TO_DRIVER: Final = frozenset({"host", "port", "passfile", "sslmode", "sslcert", "sslkey", "sslrootcert"})
_READING: Final = {"default_transaction_read_only": "on"}
# What is stored is a few rows by their keys; of a list whose length it does not know PostgreSQL expects so many that it
# would rather read a whole table of people than look each one up.
_WRITING: Final = {"synchronous_commit": "off", "enable_hashjoin": "off", "enable_mergejoin": "off"}
_CHANGING: Final = {"lock_timeout": "2s"}  # whoever processes sessions of a tutor holds the tutor for a while
_FETCH: Final = "SELECT pg_current_snapshot()::text, ({})"


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer, the snapshot it was read under, and when (monotonic seconds). body: None for one that was null."""

    body: bytes | None
    snapshot: str
    at: float


class Answers:
    """Connections of one worker for reading, and what they read last. Lives in the event loop that calls `start`."""

    def __init__(self, url: URL, *, clock: Callable[[], float] = time.monotonic) -> None:
        query = {name: value for name, value in url.query.items() if name in _KNOWN_TO_DRIVER}
        self._dsn = url.set(drivername="postgresql", query=query).render_as_string(hide_password=False)
        self._clock = clock
        self._pool: asyncpg.Pool | None = None
        self._writers: asyncpg.Pool | None = None
        self._changers: asyncpg.Pool | None = None
        self._snapshots = Snapshots(self._connect, SNAPSHOT_TIMEOUT_S)
        self._kept: OrderedDict[tuple[Any, ...], Kept] = OrderedDict()
        self._bytes = 0

    async def start(self) -> None:
        """Make the pool; it connects when it is first asked, so a database that is down delays nothing."""
        self._pool = await self._make_pool(**_READING)
        self._writers = await self._make_pool(**_WRITING)
        self._changers = await self._make_pool(**_CHANGING)

    async def stop(self) -> None:
        """Let go of the connections."""
        self._snapshots.stop()
        for pool in (self._pool, self._writers, self._changers):
            if pool is not None:
                pool.terminate()

    async def fetch(self, sql: str, *parameters: Any, max_age_s: float | None = None) -> bytes | None:
        """The one text that `sql` gives for `parameters` ($1, $2, …), as UTF-8; None where it gives null or no row.

        max_age_s: for an answer that depends on the time, how long (seconds) it may be handed out again.

        Raises
        ------
        DatabaseDownError
            where the database does not answer in time.
        """
        async with self._in_time(self._pool) as pool:
            return await self._fetch(pool, sql, parameters, max_age_s)

    async def recall(self, sql: str, *parameters: Any) -> Kept | None:
        """What was read for these parameters, by `fetch` or `fetch_each`, if nothing was committed since."""
        kept = self._kept.get((sql, *parameters))
        return kept if kept is not None and await self._is_current(kept) else None

    async def fetch_each(self, sql: str, rows: Sequence[tuple[Any, ...]], *shared: Any) -> list[bytes | None]:
        """As `fetch` for each row of parameters followed by those that are shared, but in one statement.

        sql: takes an array for each column of `rows`, then what is shared, and gives a JSON array with a text for each
        row, or null.
        """
        async with self._in_time(self._pool) as pool, pool.acquire() as connection:
            at = self._clock()
            columns = map(list, zip(*rows, strict=True))
            snapshot, found = await connection.fetchrow(_FETCH.format(sql), *columns, *shared)
        bodies = [None if one is None else one.encode() for one in from_json(found)]
        for row, body in zip(rows, bodies, strict=True):
            self._keep((sql, *row, *shared), Kept(body, snapshot, at))
        return bodies

    async def store(self, sql: str, *parameters: Any) -> bytes | None:
        """The one text that a statement gives as it writes, as UTF-8; None where it gives null or no row.

        For what a read finds missing and makes: if it is lost in a crash, the next read makes it again. A statement is
        a transaction of its own. Raises as `fetch`.
        """
        async with self._in_time(self._writers) as pool, pool.acquire() as connection:
            found = await connection.fetchval(sql, *parameters)
        return None if found is None else found.encode()

    async def change(self, sql: str, *parameters: Any) -> tuple[Any, ...] | None:
        """The row that a statement gives as it changes records, None where it gives none; durable by then.

        A statement is a transaction of its own. Raises as `fetch`: whether anything was changed is not known then, so
        it is for changes that may be asked for again.
        """
        async with self._in_time(self._changers) as pool, pool.acquire() as connection:
            found = await connection.fetchrow(sql, *parameters)
        return None if found is None else tuple(found)

    @asynccontextmanager
    async def _in_time(self, pool: asyncpg.Pool | None) -> AsyncIterator[asyncpg.Pool]:
        """A pool for one answer; DatabaseDownError where there is none yet, or the database does not answer in time."""
        if pool is None:
            raise DatabaseDownError("the service is starting; try again in a moment")
        try:
            async with asyncio.timeout(TIMEOUT_S):
                yield pool
        except _OUTAGES as error:
            self._forget_all()
            raise DatabaseDownError("the database does not answer at the moment; try again in a few seconds") from error

    async def _make_pool(self, **settings: str) -> Any:
        return await asyncpg.create_pool(
            self._dsn,
            min_size=0,
            max_size=CONNECTIONS,
            server_settings={"timezone": "UTC", **settings},
            reset=_leave_as_is,
        )

    async def _connect(self) -> Any:
        return await asyncpg.connect(self._dsn, server_settings=_READING)

    async def _fetch(self, pool: Any, sql: str, parameters: tuple[Any, ...], max_age_s: float | None) -> bytes | None:
        key = (sql, *parameters)
        kept = self._kept.get(key)
        young = kept is not None and (max_age_s is None or self._clock() - kept.at < max_age_s)
        if kept is not None and young and await self._is_current(kept):
            with suppress(KeyError):  # another request may have dropped it meanwhile
                self._kept.move_to_end(key)
            return kept.body
        async with pool.acquire() as connection:
            at = self._clock()
            snapshot, found = await connection.fetchrow(_FETCH.format(sql), *parameters)
        body = None if found is None else found.encode()
        self._keep(key, Kept(body, snapshot, at))
        return body

    async def _is_current(self, kept: Kept) -> bool:
        """Whether nothing was committed since.

        Where the question fails, the pool may well have connections that are alive; if not, it says so itself.
        """
        try:
            return await self._snapshots.read() == kept.snapshot
        except _OUTAGES:
            self._forget_all()
            return False

    def _keep(self, key: tuple[Any, ...], kept: Kept) -> None:
        self._drop(key)
        self._kept[key] = kept
        self._bytes += _size(key, kept)
        while self._bytes > KEPT_BYTES:
            self._drop(next(iter(self._kept)))

    def _drop(self, key: tuple[Any, ...]) -> None:
        dropped = self._kept.pop(key, None)
        if dropped is not None:
            self._bytes -= _size(key, dropped)

    def _forget_all(self) -> None:
        # The server that comes back need not be the one that went.
        self._kept.clear()
        self._bytes = 0


def json_answer(body: bytes) -> Response:
    """The answer of a route whose bytes the database wrote."""
    return Response(body, media_type="application/json")


async def _leave_as_is(connection: Any) -> None:
    """The reading connections change no setting: there is nothing to reset, which would cost a round trip a request."""


_ENTRY_BYTES: Final = 1024  # the parameters and the bookkeeping, roughly


def _size(key: tuple[Any, ...], kept: Kept) -> int:
    sql = key[0]  # written anew for each question
    return _ENTRY_BYTES + len(sql) + len(kept.body or b"")


_OUTAGES: Final = (
    OSError,  # TimeoutError among them
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
)
