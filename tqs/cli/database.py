"""`tqs db`: the schema, and copies of the data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tqs.settings import load_settings

app = typer.Typer(help="The database: schema up and down, backup and restore.", no_args_is_help=True)


@app.command()
def upgrade(revision: Annotated[str, typer.Argument(help="A revision, or head.")] = "head") -> None:
    """Bring the schema up to date. Example: tqs db upgrade."""
    from records.engine import connect, explain_outage
    from records.migrate import upgrade as run

    databases = connect(load_settings())
    with explain_outage(databases.app):
        print(f"schema is at {run(databases.app, revision)}")


@app.command()
def downgrade(
    revision: Annotated[str, typer.Argument(help="A revision, -1 for one step, or base for nothing left.")] = "-1",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Take the schema back; tables that the step had added go with their rows. Example: tqs db downgrade -- -1."""
    from records.engine import connect, explain_outage
    from records.migrate import downgrade as run

    databases = connect(load_settings())
    if not yes:
        typer.confirm(f"Take {databases.app.url.database} back to {revision}, and lose what it drops?", abort=True)
    with explain_outage(databases.app):
        print(f"schema is at {run(databases.app, revision) or 'nothing'}")


@app.command()
def backup(file: Annotated[Path, typer.Argument(help="Where to write the copy.")]) -> None:
    """Write all records, models and predictions to one file. Example: tqs db backup records.dump."""
    from records.backup import back_up
    from records.engine import open_databases

    with open_databases(load_settings()) as databases:
        back_up(databases.app, file)
    print(f"wrote {file} ({file.stat().st_size:,} bytes)")


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="A file that `tqs db backup` wrote.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Replace everything by what a backup holds. Example: tqs db restore records.dump."""
    from access.keys import holds_first_key
    from records.backup import restore as run
    from records.engine import connect

    settings = load_settings()
    databases = connect(settings)
    if not yes:
        typer.confirm(f"Replace everything in {databases.app.url.database} by {file}?", abort=True)
    run(databases.app, file)
    print(f"restored {file}, with the API keys of its time")
    if not holds_first_key(databases.app, settings.home):
        print(f"{settings.home / 'api-key'} is not one of them; make a key with: tqs keys create NAME --scope admin")
