"""Commands that run the product: up, lab, doctor, and `tqs keys create|list|revoke`."""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from tqs.cli.data import AsJson
from tqs.cli.output import print_json, print_table
from tqs.errors import TqsError
from tqs.settings import load_settings

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
FIRST = "90_explore.ipynb"  # what opens with JupyterLab
keys_app = typer.Typer(help="API keys: create, list, revoke.", no_args_is_help=True)


def add_commands(app: typer.Typer) -> None:
    """Add this file's commands to the command line."""
    app.command()(up)
    app.command()(lab)
    app.command()(doctor)


def up(
    parts: Annotated[
        list[str] | None,
        typer.Argument(help="service, dashboards, processor, mlflow, prefect; all where none is named."),
    ] = None,
) -> None:
    """Start all parts, or those named; Ctrl-C stops them. Example: tqs up service dashboards."""
    from access.keys import ensure_first_key
    from access.people import ADMIN
    from bentos.preflight import check_settings
    from dashboards.password_file import PASSWORD_FILE, ensure_password
    from flows.environment import announced_server, serve_environment
    from records.engine import open_databases
    from tqs.cli.up import parts_of, run_parts

    settings = load_settings()
    chosen = parts_of(settings, parts or [])
    check_settings(settings)
    with open_databases(settings) as databases:
        key = None if settings.api_key else ensure_first_key(databases.app, settings.home)
        if key is not None:
            print(f"API key (all scopes, shown once; also in {settings.home / 'api-key'}): {key}")
        if any(part.name == "dashboards" for part in chosen):
            ensure_password(settings.home)
            print(f"dashboard login: user {ADMIN}, password in {settings.home / PASSWORD_FILE}")
        with announced_server(settings) if any(part.name == "prefect" for part in chosen) else nullcontext():
            run_parts(chosen, serve_environment(settings, databases), settings.home / "logs" / "up.log")


def lab(
    port: Annotated[int, typer.Option(help="Where JupyterLab listens, on 127.0.0.1.")] = 8888,
) -> None:
    """Open JupyterLab on the notebooks, with the settings of this shell. Example: tqs lab."""
    from records.engine import open_databases
    from tqs.cli.lab import run_lab

    settings = load_settings()
    with open_databases(settings):
        env = {**os.environ, "TQS_HOME": str(settings.home), "TQS_TIMEZONE": settings.timezone}
        run_lab(["--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0", str(NOTEBOOKS / FIRST)], env)


def doctor(json: AsJson = False) -> None:
    """Check what tqs needs and say what is wrong. Example: tqs doctor."""
    from tqs.cli.doctor import examine

    findings = examine(load_settings())
    if json:
        print_json([asdict(finding) for finding in findings])
    else:
        print_table([asdict(finding) for finding in findings], empty="")
    if not all(finding.ok for finding in findings):
        raise TqsError("something is wrong; see the table")


@keys_app.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="Who or what will use it.")],
    scope: Annotated[list[str] | None, typer.Option("--scope", help="read, ingest or admin; repeat for more.")] = None,
    days: Annotated[int | None, typer.Option("--days", help="Expires after so many days.", min=1, max=36_500)] = None,
) -> None:
    """Create a key and print it once. One more of a name is to replace the first, which is good until it is revoked.

    Example: tqs keys create rails-app --scope ingest --days 365.
    """
    from access.keys import create_key as run
    from access.keys import live_prefixes
    from records.engine import open_databases

    expires_at = datetime.now(UTC) + timedelta(days=days) if days else None
    with open_databases(load_settings()) as databases:
        older = live_prefixes(databases.app, name)
        print(run(databases.app, name, scopes=scope or ["read"], expires_at=expires_at))
    for prefix in older:
        print(f"{name} has an older key; once nobody uses it: tqs keys revoke {prefix}", file=sys.stderr)


@keys_app.command("list")
def list_keys(json: AsJson = False) -> None:
    """List the keys, without the keys themselves. Example: tqs keys list."""
    from access.keys import list_keys as run
    from records.engine import open_databases

    with open_databases(load_settings()) as databases:
        rows = [asdict(row) for row in run(databases.app)]
    if json:
        print_json(rows)
    else:
        print_table(rows, empty="no key yet; create one with: tqs keys create NAME --scope read")


@keys_app.command("revoke")
def revoke_key(prefix: Annotated[str, typer.Argument(help="The key's id or prefix, as listed.")]) -> None:
    """Revoke a key; every worker refuses it within 5 seconds. Example: tqs keys revoke tqs_1a2b3c4d."""
    from access.keys import revoke_key as run
    from records.engine import open_databases

    with open_databases(load_settings()) as databases:
        print(f"revoked {run(databases.app, prefix)}")
