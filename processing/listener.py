"""Waiting for work: PostgreSQL tells at once when some comes, and whoever waits looks from time to time anyway."""

from __future__ import annotations

import contextlib
import os
import select
from types import TracebackType
from typing import Any, Final, Self

import psycopg2
from sqlalchemy import Engine

from records.work import CHANNEL

_ROOM: Final = 4096  # bytes of wakes that are read at once


class WorkListener:
    """A connection of its own that listens. For one thread; only `wake` is for any, and for signal handlers."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._connection: Any = None
        self._awake, self._wake = os.pipe()
        os.set_blocking(self._awake, False)
        os.set_blocking(self._wake, False)

    def listen(self) -> None:
        """Listen from now on, where that is not so already: what is promised later ends a `wait`.

        Raises
        ------
        DBAPIError, psycopg2.Error
            where the database cannot be reached.
        """
        if self._connection is not None:
            return
        connection = self._engine.raw_connection()
        connection.detach()  # not one of the pool's any more
        driver: Any = connection.dbapi_connection
        try:
            driver.autocommit = True
            with driver.cursor() as cursor:
                cursor.execute(f"LISTEN {CHANNEL}")
        except psycopg2.Error:
            driver.close()
            raise
        self._connection = driver

    def wait(self, seconds: float) -> None:
        """Return after so long, or as soon as there is work, or somebody called `wake`, or the connection broke."""
        heard = [self._awake] if self._connection is None else [self._awake, self._connection]
        ready, _, _ = select.select(heard, [], [], seconds)
        if self._awake in ready:
            os.read(self._awake, _ROOM)
        if self._connection in ready:
            try:
                self._connection.poll()
                self._connection.notifies.clear()
            except psycopg2.Error:
                self._hang_up()

    def wake(self) -> None:
        """End the wait that goes on, or the next one."""
        with contextlib.suppress(BlockingIOError):  # then it is awake
            os.write(self._wake, b"x")

    def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._hang_up()
        os.close(self._awake)
        os.close(self._wake)
