"""Commands that bring records in and tables out: demo, import, features, score."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from records.columns import TARGETS
from tqs.cli.output import print_json, print_table, progress_bars
from tqs.errors import UsageError
from tqs.settings import load_settings

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]
Target = Annotated[str, typer.Option("--target", help=f"What to predict: {', '.join(TARGETS)}.")]


def add_commands(app: typer.Typer) -> None:
    """Add this file's commands to the command line."""
    app.command()(demo)
    app.command("import")(import_records)
    app.command()(features)
    app.command()(score)


def require_target(target: str) -> str:
    """Refuse a target that does not exist."""
    if target not in TARGETS:
        raise UsageError(f"there is no target {target!r}; the targets are {', '.join(TARGETS)}")
    return target


def demo(
    tutors: Annotated[int | None, typer.Option(help="How many tutors.", min=1)] = None,
    students: Annotated[int | None, typer.Option(help="How many students.", min=1)] = None,
    days: Annotated[int | None, typer.Option(help="How many days of history.", min=30)] = None,
    seed: Annotated[int, typer.Option(help="The same seed and the same day make the same world.")] = 7,
    only_missing: Annotated[bool, typer.Option("--only-missing", help="Leave a database with records alone.")] = False,
    json: AsJson = False,
) -> None:
    """Write the synthetic world, never over records that are not its own. Example: tqs demo --tutors 50 --seed 3."""
    from records.engine import open_databases
    from records.load import holds_records, write_world
    from records.world import make_world

    sizes = {name: size for name, size in (("tutors", tutors), ("students", students), ("days", days)) if size}
    with progress_bars() as report, open_databases(load_settings()) as databases:
        if only_missing and holds_records(databases.app):
            if json:
                print_json([])
            else:
                print("the database holds records already: left alone")
            return
        world = make_world(**sizes, seed=seed, end=datetime.now(UTC).date())
        report("world", 0, 1)
        loaded = write_world(databases.app, world)
        report("world", 1, 1)
    rows = [{"records": kind, **asdict(counts)} for kind, counts in loaded.items()]
    if json:
        print_json(rows)
    else:
        print_table(rows, empty="")


def import_records(
    paths: Annotated[list[Path] | None, typer.Argument(help="A folder, or tutors/students/sessions files.")] = None,
    rejects: Annotated[bool, typer.Option("--rejects", help="List the rows that earlier imports refused.")] = False,
    json: AsJson = False,
) -> None:
    """Take in tutors, students and sessions from .csv or .parquet files. Example: tqs import exports/.

    Running it twice changes nothing. A bad row goes to the rejects with its line and reason; the good ones go in.
    """
    from records.engine import open_databases
    from records.importing import import_files, list_rejects

    if not paths and not rejects:
        raise UsageError("name a folder or files to import, for example: tqs import exports/")
    with progress_bars() as report, open_databases(load_settings()) as databases:
        results = []
        if paths:
            results = import_files(databases.app, paths, lambda file, _, done: report(file.name, int(100 * done), 100))
        rejected = list_rejects(databases.app) if rejects else []
    if json:
        print_json({"imports": [asdict(result) for result in results], "rejects": [asdict(row) for row in rejected]})
        return
    if results:
        print_table([asdict(result) for result in results], empty="")
        if sum(result.rejected for result in results):
            print("some rows were refused; see them with: tqs import --rejects")
    if rejects:
        print_table([asdict(row) for row in rejected], empty="no row was ever refused")


def features(
    target: Target,
    out: Annotated[Path, typer.Option("--out", help="Where to write the table, as Parquet.")],
    json: AsJson = False,
) -> None:
    """Write the training table of a target. Example: tqs features --target reschedule --out reschedule.parquet."""
    from modelling.snapshot import write_snapshot
    from records.engine import open_databases

    settings = load_settings()
    with open_databases(settings) as databases:
        snapshot = write_snapshot(databases.app, require_target(target), out, timezone=settings.timezone)
    if json:
        print_json(asdict(snapshot))
        return
    counts = snapshot.counts
    print(f"wrote {counts.rows:,} rows of {target} ({counts.positives:,} positive) to {snapshot.file}")
    print(f"SHA-256 {snapshot.sha256}")
    print_table([{"left out": reason, "rows": n} for reason, n in counts.left.items() if n], empty="")


def score(json: AsJson = False) -> None:
    """Compute tutor scores, upcoming sessions' predictions and all pairs' predictions. Example: tqs score --json."""
    from records.engine import open_databases
    from scoring.jobs import score_all

    settings = load_settings()
    with progress_bars() as report, open_databases(settings) as databases:
        done = score_all(databases.app, settings, datetime.now(UTC), report)
    if json:
        print_json(asdict(done))
        return
    print(f"{done.tutors.computed} tutors scored, {done.tutors.high_risk} of high risk")
    print_table([asdict(item) for item in done.predictions], empty="nothing to predict")
