"""`tqs process`: work off by hand what waits, list what failed, queue it again."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from tqs.cli.data import AsJson
from tqs.cli.output import print_json, print_table, progress_bars
from tqs.errors import UsageError
from tqs.settings import Settings, load_settings

if TYPE_CHECKING:
    from sqlalchemy import Engine


def add_commands(app: typer.Typer) -> None:
    """Add this file's command to the command line."""
    app.command()(process)


def process(
    ids: Annotated[
        list[UUID] | None, typer.Argument(help="With --requeue: only these sessions, as --failed lists them.")
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="List the sessions that could not be processed.")] = False,
    requeue: Annotated[
        bool,
        typer.Option(
            "--requeue",
            help="Queue again what failed: all sessions and the mails of the last seven days, or the sessions named.",
        ),
    ] = False,
    json: AsJson = False,
) -> None:
    """Process the sessions that wait, and send the mails that are due. Example: tqs process --json.

    The resident form is: tqs up processor.
    """
    from processing.upkeep import list_failed
    from records.engine import open_databases

    if ids and not requeue:
        raise UsageError("ids are for --requeue; for example: tqs process --requeue ID")
    if failed and requeue:
        raise UsageError("name one of --failed and --requeue")
    settings = load_settings()
    with open_databases(settings) as databases:
        if failed:
            with databases.app.connect() as connection:
                rows = [asdict(row) for row in list_failed(connection)]
            if json:
                print_json(rows)
            else:
                print_table(rows, empty="no session failed")
        elif requeue:
            _requeue(databases.app, ids, json=json)
        else:
            _work_off(databases.app, settings, json=json)


def _requeue(engine: Engine, ids: list[UUID] | None, *, json: bool) -> None:
    from processing.upkeep import requeue_failed
    from reports.upkeep import requeue_failed_mails
    from reports.wording import write_count

    sessions, mails = requeue_failed(engine, ids), 0
    if not ids:
        with engine.begin() as connection:
            mails = requeue_failed_mails(connection)
    if json:
        print_json({"sessions": sessions, "mails": mails})
    else:
        print(
            f"{write_count(sessions, 'session')} and {write_count(mails, 'mail')} queued again; "
            "the processor takes them up, or: tqs process"
        )


def _work_off(engine: Engine, settings: Settings, *, json: bool) -> None:
    from processing.drain import DrainReport
    from processing.round import work_off
    from processing.upkeep import count_queue
    from reports.wording import write_count

    with engine.connect() as connection:
        waiting = count_queue(connection).pending
    with progress_bars() as report:

        def tell(done: DrainReport) -> None:
            seen = done.processed + done.delayed + done.failed
            report("sessions", seen, max(waiting, seen))

        done, mails = work_off(engine, settings, progress=tell)
    with engine.connect() as connection:
        left = count_queue(connection)
    if json:
        print_json({"sessions": asdict(done), "mails": asdict(mails), "queue": asdict(left)})
        return
    print(f"{write_count(done.processed, 'session')} processed, {left.pending:,} wait, {left.failed:,} failed")
    print(f"{write_count(mails.sent, 'mail')} sent, {mails.delayed:,} delayed, {mails.failed:,} failed")
    if mails.trouble:
        print(mails.trouble)
    if done.delayed:
        print(f"{write_count(done.delayed, 'session')} failed for now, to be tried again within minutes")
    if left.failed:
        print("see what failed with: tqs process --failed")
