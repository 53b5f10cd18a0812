"""What commits tell whoever listens: a hint that saves asking, never the only way to learn of something.

What is told while nobody is connected is lost, so a listener also looks at times of its own.
"""

from __future__ import annotations

import select
from typing import Any, Final

from sqlalchemy import Engine

from records.engine import explain_outage

CHANGES: Final = "tqs_changes"  # told by triggers on the tables that pages show, once a transaction


class Listener:
    """A connection of its own that listens on `channel`, to be used by one thread.

    A pooler that gives every transaction another connection would let it hear nothing.
    """

    def __init__(self, engine: Engine, channel: str) -> None:
        self._engine = engine
        self._channel = channel
        self._connection: Any = None

    def wait(self, seconds: float) -> bool:
        """Wait until something is told, at most `seconds`; whether it was.

        Something may have been told between connections: a call that connects says so at once.

        Raises
        ------
        RecordsError
            the database cannot be reached, or no longer; the next call connects anew.
        """
        try:
            with explain_outage(self._engine):
                if self._connection is None:
                    self._connection = self._connect()
                    return True
                return self._hear(seconds)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connect(self) -> Any:
        pooled = self._engine.raw_connection()
        try:
            connection: Any = pooled.driver_connection
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(f"LISTEN {self._channel}")
        except BaseException:
            pooled.invalidate()
            raise
        pooled.detach()  # kept open: none of those that wait for a connection of the pool waits for this one
        return connection

    def _hear(self, seconds: float) -> bool:
        self._connection.poll()
        if not self._connection.notifies:
            readable = select.poll()  # select.select knows no descriptor above 1023
            readable.register(self._connection, select.POLLIN)
            readable.poll(1000 * seconds)
            self._connection.poll()
        heard = bool(self._connection.notifies)
        self._connection.notifies.clear()
        return heard
