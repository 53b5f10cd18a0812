"""Commands that look back: is a model what it is said to be, are predictions, and how did they come out."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from tqs.cli.data import AsJson, Target, require_target
from tqs.cli.models import models_app
from tqs.cli.output import print_json, print_table
from tqs.errors import ModelError, TqsError
from tqs.settings import load_settings

if TYPE_CHECKING:
    from scoring.replay import Difference, Replay

SHOWN = 10  # predictions that differ


def add_commands(app: typer.Typer) -> None:
    """Add this file's commands to the command line."""
    app.command()(replay)
    models_app.command()(refit)
    models_app.command()(outcomes)
    models_app.command()(runs)


def refit(
    target: Annotated[str, typer.Argument(help="match, reschedule or no_show.")],
    version: Annotated[str | None, typer.Argument(help="A version like v3; the champion where none is given.")] = None,
    json: AsJson = False,
) -> None:
    """Fit a model again from its run's snapshot, parameters and seed. Example: tqs models refit reschedule v3.

    Exit status 0 where the same bytes come out, 1 where they do not.
    """
    from modelling.cpus import usable_cpus
    from modelling.refit import refit_model
    from modelling.store import load_champion, load_model
    from records.engine import open_databases

    settings = load_settings()
    with open_databases(settings) as databases:
        require_target(target)
        artifact = load_model(databases.app, target, version) if version else load_champion(databases.app, target)
        if artifact is None:
            raise ModelError(f"no model of {target} serves yet: train one with tqs retrain --target {target}")
        done = refit_model(artifact, settings.home, threads=usable_cpus())
    if json:
        print_json({**asdict(done), "same": done.same})
    elif done.same:
        print(
            f"the refit of {target} {done.version} gives the same bytes (a booster of {done.booster_bytes:,}, its "
            f"scaler and its calibrator), from {done.snapshot}"
        )
    if not done.same:
        training, libraries = artifact.manifest.training, artifact.manifest.libraries
        raise ModelError(
            f"the refit of {target} {done.version} differs in its {' and '.join(done.differing)}; it was trained by "
            f"commit {training.code_commit[:12] or 'unknown'} with XGBoost {libraries.get('xgboost', 'unknown')}: "
            "refit it with that"
        )


def outcomes(
    target: Annotated[str, typer.Argument(help="reschedule or no_show.")],
    json: AsJson = False,
) -> None:
    """Show how stored predictions came out, treated sessions apart. Example: tqs models outcomes reschedule.

    Of the sessions of the last 30 days, each with its first prediction.

    treated: somebody intervened about the session. spillover, hold_out: other sessions of tutors drawn to be reminded
    or to be left alone.
    """
    from records.engine import open_databases
    from scoring.outcomes import report_outcomes

    with open_databases(load_settings()) as databases:
        found = report_outcomes(databases.app, require_target(target), datetime.now(UTC))
    if json:
        print_json([asdict(one) for one in found])
        return
    figures = ("mean_prediction", "rate", "log_loss", "brier")
    rows = [asdict(one) | {name: f"{getattr(one, name):.4f}" for name in figures} for one in found]
    print_table(rows, empty=f"no session of the last 30 days with a stored prediction of {target} is over yet")


def runs(
    target: Annotated[str | None, typer.Argument(help="match, reschedule or no_show; all where none is given.")] = None,
    limit: Annotated[int, typer.Option(help="How many, at most.", min=1, max=500)] = 20,
    json: AsJson = False,
) -> None:
    """List training runs, the newest first, also those that were killed. Example: tqs models runs reschedule."""
    from modelling.runs import list_runs
    from records.engine import open_databases

    with open_databases(load_settings()) as databases:
        found = list_runs(databases.app, target and require_target(target), limit)
    if json:
        print_json([asdict(one) for one in found])
        return
    rows = [
        {
            "target": one.target,
            "began": one.started_at,
            "ended": one.ended_at,
            "state": one.state,
            "version": one.version,
            "seed": one.seed,
            "trials": one.trials,
            "code": one.code_commit[:12],
            "snapshot": (one.snapshot_sha256 or "")[:12],
            "folder": one.folder,
            "reason": one.reason,
        }
        for one in found
    ]
    print_table(rows, empty="no model was trained yet: train with tqs retrain --target all")


def replay(
    target: Target,
    sample: Annotated[int, typer.Option("--sample", help="How many stored predictions, at most.", min=1)] = 1000,
    json: AsJson = False,
) -> None:
    """Make stored predictions again from the records as of their time. Example: tqs replay --target reschedule.

    Exit status 1 where one differs and the records do not say why.
    """
    from records.engine import open_databases
    from scoring.replay import replay_predictions

    settings = load_settings()
    with open_databases(settings) as databases:
        done = replay_predictions(databases.app, require_target(target), sample=sample, timezone=settings.timezone)
    if json:
        print_json(asdict(done))
    else:
        _print_replay(done)
    strange = [one for one in done.differences if not one.explained]
    if strange:
        raise TqsError(
            f"{len(strange)} of {done.replayed} predictions of {target} do not come out the same, and no record of "
            f"their tutors and students was written since; the first is that of session {strange[0].session_id}"
        )


def _print_replay(done: Replay) -> None:
    same = done.replayed - len(done.differences)
    print(f"{same:,} of {done.replayed:,} stored predictions of {done.target} come out the same, bit for bit")
    if done.unanswered:
        print(f"of {done.unanswered:,} the model is not kept any more: their features were compared")
    counts = Counter(name for one in done.differences for name in one.features)
    print_table([{"feature": name, "differs in": n} for name, n in counts.most_common()], empty="no feature differs")
    for one in done.differences[:SHOWN]:
        print(
            f"session {one.session_id} as of {one.predicted_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC: {_explain(one)}"
        )


def _explain(one: Difference) -> str:
    if one.moved:
        return "the session was moved in its place since"
    if one.written_since:
        return (
            f"{one.written_since} sessions of its tutor or student that by their times were known then were written or "
            "changed after it"
        )
    return "nothing in the records says why"
