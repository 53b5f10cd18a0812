"""Commands about models: retrain, predict, and `tqs models list|show|promote|rollback` (see `challengers`)."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from json import loads
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from records.engine import Databases
from tqs.cli import challengers
from tqs.cli.data import AsJson, Target, require_target
from tqs.cli.output import print_json, print_table, progress_bars
from tqs.cli.person import name_person
from tqs.errors import ModelError
from tqs.settings import Settings, load_settings

if TYPE_CHECKING:
    from modelling.bands import Bands
    from modelling.expected_performance import Expected
    from scoring.expected_weeks import ExpectedWeek

models_app = typer.Typer(
    help="The models: list, show, what to expect, promote, roll back; their cards, and challengers in shadow.",
    no_args_is_help=True,
)


def add_commands(app: typer.Typer) -> None:
    """Add this file's commands to the command line."""
    app.command()(retrain)
    app.command()(predict)
    challengers.add_commands(models_app)


def retrain(
    target: Annotated[str, typer.Option("--target", help="match, reschedule, no_show, or all.")] = "all",
    trials: Annotated[int, typer.Option("--trials", help="Trials of the parameter search.", min=1, max=1000)] = 30,
    seed: Annotated[int, typer.Option(help="The same seed and data give the same model.")] = 7,
    only_missing: Annotated[bool, typer.Option("--only-missing", help="Only targets that have no model.")] = False,
    json: AsJson = False,
) -> None:
    """Build features, train, and let the gate decide which model serves. Example: tqs retrain --target all --trials 30.

    Exit status 0 also where a new model lost to the one that serves; 1 where the data carry no model.
    """
    from flows.environment import use_prefect
    from records.engine import open_databases

    settings = load_settings()
    targets = None if target == "all" else [require_target(target)]
    with open_databases(settings) as databases:
        os.environ.update(use_prefect(settings, databases))
        from flows.retrain import retrain as flow

        state = flow(targets=targets, trials=trials, seed=seed, only_missing=only_missing, return_state=True)
        outcomes = cast(list[dict[str, Any]], state.result())
    if json:
        print_json(outcomes)
    else:
        print_table(outcomes, empty="every target has a model already")
        if any(outcome["decision"] == "promoted" for outcome in outcomes):
            print("What is stored follows the new model with the next hourly run, or now: tqs score")


def predict(
    target: Target,
    source: Annotated[Path, typer.Option("--in", help="A table that `tqs features` wrote.")],
    out: Annotated[Path, typer.Option("--out", help="Where to write the predictions, as Parquet.")],
    json: AsJson = False,
) -> None:
    """Predict each row of a feature table. Example: tqs predict --target reschedule --in f.parquet --out p.parquet."""
    from records.engine import open_databases
    from scoring.models import load_served_model
    from scoring.tables import predict_table

    settings = load_settings()
    with progress_bars() as report, open_databases(settings) as databases:
        model = load_served_model(databases.app, settings, require_target(target))
        done = predict_table(model, source, out, report)
    if json:
        print_json(asdict(done))
    else:
        by = "the rule (no model yet)" if done.fallback else f"model {done.model_version}"
        print(f"wrote {done.rows:,} predictions of {target} by {by} to {done.file}")


@models_app.command("list")
def list_models(json: AsJson = False) -> None:
    """List the models of all targets. Example: tqs models list --json."""
    from modelling.store import list_models as rows_of
    from records.engine import open_databases

    with open_databases(load_settings()) as databases:
        rows = rows_of(databases.app)
    if json:
        fields = ("target", "version", "alias", "created_at", "metrics")
        print_json([{name: getattr(row, name) for name in fields} for row in rows])
        return
    shown = [
        {
            "target": row.target,
            "version": row.version,
            "alias": row.alias,
            "created at": f"{row.created_at:%Y-%m-%d %H:%M}",
            **{name: _rounded(row.metrics.get(name)) for name in ("log_loss", "base_rate_log_loss", "ece", "roc_auc")},
        }
        for row in rows
    ]
    print_table(shown, empty="no model yet: the rules answer; train with: tqs retrain --target all")


@models_app.command()
def show(
    target: Annotated[str, typer.Argument(help="match, reschedule or no_show.")],
    version: Annotated[str | None, typer.Argument(help="A version like v3; the champion where none is given.")] = None,
    json: AsJson = False,
) -> None:
    """Show why a model serves, its window and its metrics; --json shows all of it. Example: tqs models show match."""
    from modelling.decisions import list_decisions
    from modelling.store import load_champion, load_model
    from records.engine import open_databases

    require_target(target)
    with open_databases(load_settings()) as databases:
        artifact = load_model(databases.app, target, version) if version else load_champion(databases.app, target)
        decisions = list_decisions(databases.app, target, version=version)
    if artifact is None:
        raise ModelError(
            f"no model of {target} serves yet: the rule answers; train with: tqs retrain --target {target}"
        )
    manifest = loads(artifact.manifest_bytes)
    if json:
        print_json(
            {
                "target": target,
                "version": artifact.version,
                "manifest": manifest,
                "decisions": [asdict(decision) for decision in decisions],
            }
        )
        return
    for decision in decisions:
        when = "" if decision.decided_at is None else f"{decision.decided_at:%Y-%m-%d %H:%M} UTC "
        what = f"{decision.version or 'the data'} {decision.decision}"
        print(f"{when}{target} {what} by {decision.actor}: {decision.reason}")
        for warning in decision.warnings:
            print(f"  warning: {warning}")
    print(f"{target} {artifact.version}:")
    training = manifest["training"]
    print(
        f"trained on {training['rows']:,} rows, {training['first_scheduled']:.10} to {training['last_scheduled']:.10}, "
        f"{training['base_rate']:.4f} of them positive; calibration: {manifest['calibrator']['kind']}"
    )
    code, lock = (training.get(name, "")[:12] or "unknown" for name in ("code_commit", "lock_sha256"))
    print(f"snapshot {training['snapshot_sha256'][:12]}, seed {training['seed']}, code {code}, lock {lock}")
    metrics = [{"metric": name, "value": _rounded(value)} for name, value in sorted(manifest["metrics"].items())]
    print_table(metrics, empty="")
    print("how often rows scored alike came to happen on the test part, which the model never saw:")
    print_table(
        _tell_bands(artifact.manifest.bands), empty="not measured: the model was saved before bands were; retrain"
    )


@models_app.command()
def expected(
    target: Annotated[str, typer.Argument(help="reschedule or no_show.")],
    json: AsJson = False,
) -> None:
    """Say how good predictions are expected to be, week by week, and what came. Example: tqs models expected no_show.

    Expected of the probabilities alone, with the interval of 90 %; what came stands beside it once outcomes are in.
    """
    from records.engine import open_databases
    from scoring.expected_weeks import read_expected_weeks

    require_target(target)
    with open_databases(load_settings()) as databases:
        weeks = read_expected_weeks(databases.app, target, datetime.now(UTC))
    if json:
        print_json([asdict(week) for week in weeks])
    else:
        print_table([_tell_week(week) for week in weeks], empty="no prediction of a model is stored yet: tqs score")


@models_app.command()
def promote(
    target: Annotated[str, typer.Argument(help="match, reschedule or no_show.")],
    version: Annotated[str, typer.Argument(help="A version that `tqs models list` shows.")],
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "promoted by hand",
) -> None:
    """Make a model the one that serves, whatever the gate said. Example: tqs models promote match v2.

    It is loaded and asked in a child process first: one that cannot answer is refused.
    """
    from modelling.canary import check_artifact
    from modelling.store import champion_versions, load_model
    from modelling.store import promote as run
    from records.engine import open_databases

    settings = load_settings()
    with open_databases(settings) as databases:
        before = champion_versions(databases.app).get(require_target(target))
        check_artifact(load_model(databases.app, target, version))
        run(databases.app, target, version, expected_champion=before, reason=reason, actor=name_person())
        print(f"{target} {version} serves now (before: {before or 'the rule'})", flush=True)
        _mirror(databases, settings, target)


@models_app.command()
def rollback(
    target: Annotated[str, typer.Argument(help="match, reschedule or no_show.")],
    reason: Annotated[str, typer.Option(help="Why, for the record.")] = "rolled back by hand",
) -> None:
    """Let the model before this one serve again. Example: tqs models rollback reschedule."""
    from modelling.store import roll_back
    from records.engine import open_databases

    settings = load_settings()
    with open_databases(settings) as databases:
        now, before = roll_back(databases.app, require_target(target), reason=reason, actor=name_person())
        print(f"{target} {now} serves again (before: {before})", flush=True)
        _mirror(databases, settings, target)


def _tell_bands(bands: Bands | None) -> list[dict[str, object]]:
    if bands is None:
        return []
    begins = (0.0, *bands.edges)
    columns = zip(begins, bands.rows, bands.predicted, bands.happened, bands.low, bands.high, strict=True)
    return [
        {
            "scored from": f"{begin:.4f}",
            "rows": f"{rows:,}",
            "predicted": f"{predicted:.4f}",
            "happened": f"{happened:.4f}",
            f"{bands.level:.0%} band": "too few rows" if low is None or high is None else f"{low:.4f}–{high:.4f}",
            "width": "" if low is None or high is None else f"{high - low:.4f}",
        }
        for begin, rows, predicted, happened, low, high in columns
    ]


def _tell_week(week: ExpectedWeek) -> dict[str, object]:
    found = week.expected
    return {
        "week of": f"{week.week:%Y-%m-%d}",
        "predictions": f"{week.predictions:,}",
        "outcomes": f"{week.told:,}",
        "expected rate": "too few" if found is None else _tell_expected(found.rate),
        "rate": _rounded(week.rate),
        "expected log loss": "" if found is None else _tell_expected(found.log_loss),
        "log loss": _rounded(week.log_loss),
        "": week.state,
    }


def _tell_expected(expected: Expected) -> str:
    return f"{expected.value:.4f} ({expected.low:.4f}–{expected.high:.4f})"


def _rounded(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else ""


def _mirror(databases: Databases, settings: Settings, target: str) -> None:
    from modelling.mirror import mirror_champion

    if trouble := mirror_champion(databases, settings, target):
        print(f"it serves, and MLflow does not show it yet: {trouble}", file=sys.stderr)
