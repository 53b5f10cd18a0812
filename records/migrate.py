"""The schema's migrations, up and down, run under a lock so that two processes starting at once do it once."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine

from records.locking import run_alone
from tqs.errors import RecordsError

SCRIPTS = Path(__file__).parent / "migrations"


def upgrade(engine: Engine, revision: str = "head") -> str | None:
    """Bring the schema up to `revision`; returns the revision that stands now.

    Raises
    ------
    RecordsError
        where the schema is of a newer version than this program knows, or there is no such revision.
    """
    with engine.connect() as connection:
        if revision == "head" and current_revision(connection) == head_revision():
            return head_revision()
    return _migrate(engine, command.upgrade, revision)


def downgrade(engine: Engine, revision: str = "-1") -> str | None:
    """Take the schema back to `revision` ("-1": one step, "base": nothing left); returns what stands now.

    Raises
    ------
    RecordsError
        where there is no such revision below the one that stands.
    """
    return _migrate(engine, command.downgrade, revision)


def current_revision(connection: Connection) -> str | None:
    """The revision of the schema, None where there is none; refuses one that this program does not know."""
    revision = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in _scripts().walk_revisions()}
    if revision is not None and revision not in known:
        raise RecordsError(
            f"the database has schema {revision}, which this version of tqs does not know (its newest is "
            f"{head_revision()}); install the newer tqs, or restore a backup made by this one"
        )
    return revision


def head_revision() -> str:
    """The newest revision that this program knows."""
    head = _scripts().get_current_head()
    assert head is not None, "the migrations folder is empty"  # noqa: S101  # a broken installation, not an input
    return head


def _migrate(engine: Engine, run: object, revision: str) -> str | None:
    with engine.begin() as connection:
        run_alone(connection, "migrate")
        current_revision(connection)
        config = _config()
        config.attributes["connection"] = connection
        try:
            run(config, revision)  # type: ignore[operator]
        except CommandError as error:
            raise RecordsError(
                f"the schema cannot go to {revision!r} ({error}); name a revision up to {head_revision()}, or head, "
                "or base, or -1 where there is one step to go back"
            ) from error
        return MigrationContext.configure(connection).get_current_revision()


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    return config
