"""What is done about tutors and their sessions: `tqs interventions list|add|report`."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer

from records.tables.operations import INTERVENTIONS
from tqs.cli.data import AsJson
from tqs.cli.output import print_json, print_table
from tqs.cli.person import name_person
from tqs.errors import UsageError
from tqs.settings import Settings, load_settings

if TYPE_CHECKING:
    from scoring.interventions import ListedIntervention
    from scoring.reminder_report import ReminderReport, Uplift

app = typer.Typer(help="What is done about tutors and sessions: list, add, and whether it helps.", no_args_is_help=True)
Session = Annotated[UUID | None, typer.Option("--session", help="The id of a session.")]
Tutor = Annotated[UUID | None, typer.Option("--tutor", help="The id of a tutor.")]


@app.command("list")
def list_interventions(
    session: Session = None,
    tutor: Tutor = None,
    limit: Annotated[int, typer.Option(help="How many at most.", min=1, max=500)] = 50,
    json: AsJson = False,
) -> None:
    """List interventions, the newest first, with what became of the session. Example: tqs interventions list --json.

    Those about a tutor are with those about the tutor's sessions.
    """
    from records.engine import open_databases
    from scoring.interventions import list_interventions as run

    with open_databases(load_settings()) as databases:
        rows = run(databases.app, session_id=session, tutor_id=tutor, limit=limit)
    if json:
        print_json([asdict(row) for row in rows])
    else:
        print_table([_show(row) for row in rows], empty="no intervention yet")


@app.command()
def add(
    kind: Annotated[str, typer.Argument(help=f"{', '.join(INTERVENTIONS)}.")],
    session: Session = None,
    tutor: Tutor = None,
    note: Annotated[str | None, typer.Option(help="For the people who look after the sessions.")] = None,
    json: AsJson = False,
) -> None:
    """Record what is done about a session or a tutor. Example: tqs interventions add call --tutor TUTOR_ID.

    A reminder is of a session ahead and queues an e-mail to its tutor.
    """
    from records.engine import open_databases
    from scoring.interventions import intervene, intervene_tutor

    if kind not in INTERVENTIONS:
        raise UsageError(f"there is no intervention {kind!r}; they are {', '.join(INTERVENTIONS)}")
    settings, now, actor = load_settings(), datetime.now(UTC), name_person()
    if (session is None) == (tutor is None):
        raise UsageError("name either --session or --tutor, by id")
    with open_databases(settings) as databases:
        if session is not None:
            made = intervene(databases.app, session, kind, note, now, timezone=settings.timezone, actor=actor)
        elif tutor is not None:
            made = intervene_tutor(databases.app, tutor, kind, note, now, actor=actor)
    if json:
        print_json(asdict(made))
    else:
        print(f"recorded a {kind} {made.id}" + (": the tutor is sent an e-mail" if kind == "reminder" else ""))


@app.command()
def report(json: AsJson = False) -> None:
    """Say what automatic reminders are worth, or that it is too early. Example: tqs interventions report --json.

    Tutors with reminders are compared with tutors held out, drawn by lot, whoever was reminded by hand besides.
    """
    from records.engine import open_databases
    from scoring.reminder_report import report_reminders

    settings = load_settings()
    with open_databases(settings) as databases:
        done = report_reminders(databases.app, datetime.now(UTC))
    if json:
        print_json(asdict(done))
    else:
        _print_report(done, settings)


def _show(row: ListedIntervention) -> dict[str, object]:
    outcome = "" if row.outcome is None else row.outcome.status.replace("_", "-")
    if row.outcome is not None and row.outcome.status == "rescheduled":
        outcome += " by the tutor" if row.outcome.tutor_rescheduled else " by the student"
    return {
        "at": row.created_at,
        "kind": row.kind,
        "tutor": row.tutor,
        "session": row.session_id,
        "starts": row.scheduled_time,
        "outcome": outcome,
        "by": f"{row.actor} (automatic)" if row.automatic else row.actor,
        "note": row.note,
    }


def _print_report(report: ReminderReport, settings: Settings) -> None:
    arms = (("reminded", report.treated), ("held out", report.hold_out))
    print_table(
        [
            {
                "arm": name,
                "tutors": arm.tutors,
                "sessions": arm.sessions,
                "rescheduled by the tutor": arm.tutor_rescheduled,
                "rate": "" if arm.rate is None else f"{100 * arm.rate:.1f} %",
                "sent a reminder": arm.reminded,
                "still ahead": arm.ahead,
                "outcome untold": arm.untold,
            }
            for name, arm in arms
        ],
        empty="",
    )
    if report.uplift is None:
        print(f"too early to say: {report.too_early}")
    else:
        print(f"of 100 sessions, reminders keep {_words(report.uplift)} from being rescheduled by the tutor")
        print(f"not to be trusted: {report.doubt}" if report.doubt else _judge(report.uplift))
    if report.first_uplift is not None:
        print(f"from each tutor's first sessions alone, which no reminder has selected: {_words(report.first_uplift)}")
    if settings.reminder_threshold is None:
        print("automatic reminders are off (TQS_REMINDER_THRESHOLD)")


def _words(uplift: Uplift) -> str:
    return f"{100 * uplift.value:.1f} (95 % interval {100 * uplift.low:.1f} to {100 * uplift.high:.1f})"


def _judge(uplift: Uplift) -> str:
    if uplift.low > 0:
        return "reminders help: the interval lies above 0"
    if uplift.high < 0:
        return "reminders do harm: the interval lies below 0"
    return "no difference is shown: the interval holds 0"
