"""Commands about what a model is and how a challenger fares: `tqs models card`, `tqs models shadow`."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from tqs.cli.data import AsJson, require_target
from tqs.cli.output import print_json, print_table
from tqs.cli.person import name_person
from tqs.errors import UsageError
from tqs.settings import load_settings

if TYPE_CHECKING:
    from scoring.shadow_report import ShadowReport

LONGEST_RUN_DAYS = 365

TargetName = Annotated[str, typer.Argument(help="match, reschedule or no_show.")]


def add_commands(app: typer.Typer) -> None:
    """Add this file's commands to the commands about models."""
    app.command()(card)
    app.command()(shadow)


def card(
    target: TargetName,
    version: Annotated[str | None, typer.Argument(help="A version like v3; the champion where none is given.")] = None,
) -> None:
    """Print a model's card as Markdown: use, data, quality by group, limits. Example: tqs models card reschedule v3."""
    from modelling.model_card import make_card
    from records.engine import open_databases

    require_target(target)
    with open_databases(load_settings()) as databases:
        print(make_card(databases.app, target, version))


def shadow(
    target: TargetName,
    version: Annotated[str | None, typer.Argument(help="The challenger to start, such as v3.")] = None,
    days: Annotated[int, typer.Option("--days", help="For how long it runs.", min=1, max=LONGEST_RUN_DAYS)] = 14,
    stop: Annotated[bool, typer.Option("--stop", help="End the run; what it predicted stays.")] = False,
    json: AsJson = False,
) -> None:
    """Let a challenger predict beside the champion, or show how it fares.

    Example: tqs models shadow match v3 --days 30

    Without a version it shows both on the sessions whose outcomes are in. In shadow a model answers nobody: the hourly
    run stores what it says of each session, and of each pair that is booked first, beside what the champion says.
    """
    from modelling.shadow import start_shadow, stop_shadow
    from records.engine import open_databases
    from scoring.shadow_report import report_shadow

    require_target(target)
    if stop and version is not None:
        raise UsageError("--stop ends whichever model of the target runs in shadow; name no version")
    with open_databases(load_settings()) as databases:
        if version is not None:
            run = start_shadow(databases.app, target, version, days=days, actor=name_person())
        elif stop:
            run = stop_shadow(databases.app, target)
        else:
            run = None
        report = report_shadow(databases.app, target, datetime.now(UTC))
    if json:
        print_json(asdict(report))
        return
    if run is not None:
        does = "ended its run" if stop else "runs"
        print(f"{target} {run.version} {does} in shadow, until {run.ends_at:%Y-%m-%d %H:%M} UTC")
    if run is None or stop:
        _show(report)


def _show(report: ShadowReport) -> None:
    ends = f"{'until' if report.running else 'ended'} {report.ends_at:%Y-%m-%d %H:%M} UTC"
    beside = f"beside {', '.join(report.champions)}" if report.champions else "nothing predicted yet"
    print(f"{report.target} {report.version} in shadow from {report.started_at:%Y-%m-%d %H:%M}, {ends}, {beside}")
    print(f"{report.predicted:,} predicted, {report.waiting:,} of them not over yet, {report.untold:,} over and untold")
    found = report.compared
    if found is not None:
        rows = [
            {"": "challenger", "log loss": f"{found.log_loss:.4f}"},
            {"": "champion", "log loss": f"{found.champion_log_loss:.4f}"},
            {"": "difference", "log loss": f"{found.difference:+.4f} ± {found.standard_error:.4f}"},
        ]
        print_table(rows, empty="")
        print(f"on {found.rows:,} outcomes of {found.tutors:,} tutors, {found.positives:,} of them positive")
    print(f"too early to say: {report.too_early}" if report.too_early else report.verdict)
