"""The command `tqs drift`: has what a model sees, says or gets right moved away from what it learned from?"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

import typer

from tqs.cli.data import AsJson, Target, require_target
from tqs.cli.output import print_json, print_table
from tqs.errors import UsageError
from tqs.settings import load_settings


def add_commands(app: typer.Typer) -> None:
    """Add this file's commands to the command line."""
    app.command()(drift)


def drift(
    target: Target,
    days: Annotated[int, typer.Option(help="How many days to look back over.", min=1, max=90)] = 7,
    day: Annotated[str | None, typer.Option(help="The last of them, as 2026-11-28 in UTC; else yesterday.")] = None,
    json: AsJson = False,
) -> None:
    """Compare the last days with what the champion learned from, and store it. Example: tqs drift --target match.

    The verdict is drift, stable or no verdict. Exit status 0 whichever it is: a script reads `verdict` of --json. It
    starts no retraining; the daily schedule does.
    """
    from modelling.watch import watch_drift
    from records.engine import open_databases

    require_target(target)
    watched = _read_day(day) if day else datetime.now(UTC).date() - timedelta(days=1)
    settings = load_settings()
    with open_databases(settings) as databases:
        verdict = watch_drift(databases.app, settings, target, watched, days=days)
    if json:
        print_json(
            {
                "target": target,
                "day": watched.isoformat(),
                "days": days,
                "model_version": verdict.model_version,
                "verdict": verdict.overall.verdict,
                "reason": verdict.overall.reason,
                "page": verdict.page and str(settings.home / verdict.page),
                "new_rows": verdict.new_rows,
                "findings": [asdict(finding) for finding in verdict.findings],
            }
        )
        return
    print_table(verdict.as_rows(), empty="")
    against = f" {verdict.model_version}" if verdict.model_version else ""
    print(f"{target}{against} {watched}: {verdict.overall.verdict}. {verdict.overall.reason}")
    if verdict.page:
        print(f"both distributions of each column: {settings.home / verdict.page}")


def _read_day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise UsageError(f"--day {text!r} is no day; write it as 2026-11-28") from error
