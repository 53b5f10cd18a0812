"""PostgreSQL's clock, moved for all statements of one database; defaults of columns go by the real one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, text

_CLOCK = """
    CREATE SCHEMA moved;
    CREATE TABLE moved.by (seconds float8);
    INSERT INTO moved.by VALUES (0);
    CREATE FUNCTION moved.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
        AS 'SELECT pg_catalog.clock_timestamp() + seconds * interval ''1 second'' FROM moved.by';
    CREATE FUNCTION moved.now() RETURNS timestamptz LANGUAGE sql STABLE
        AS 'SELECT pg_catalog.now() + seconds * interval ''1 second'' FROM moved.by';
"""


class Clock:
    """It is right at first. What it is moved by counts for connections that are there already, too."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.seconds = 0.0
        with engine.begin() as connection:
            connection.execute(text(_CLOCK))
            # Found before PostgreSQL's own functions.
            path = "moved, pg_catalog, public"
            connection.execute(text(f'ALTER DATABASE "{engine.url.database}" SET search_path = {path}'))
        engine.dispose()

    def move(self, seconds: float) -> None:
        """Ahead, or back."""
        self.set(self.seconds + seconds)

    def set(self, seconds: float) -> None:
        """How far ahead of the real one it is."""
        self.seconds = seconds
        with self._engine.begin() as connection:
            connection.execute(text("UPDATE moved.by SET seconds = :seconds"), {"seconds": seconds})

    @property
    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.seconds)
