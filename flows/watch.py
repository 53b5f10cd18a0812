"""Watch for drift: per target the notebook 30_watch_drift, and a retraining where it found drift and nothing holds it.

The notebook's verdict is in our database before anything else is done with it. The retraining is a subflow, so it
needs no server and no event that somebody must listen to.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from prefect import State, flow, get_run_logger, task
from sqlalchemy import Engine

from flows.environment import quiet_run_logs
from flows.lateness import comes_too_late
from flows.notebooks import run_notebook
from flows.retrain import LEFT, failed, retrain, retrain_lock
from modelling.drift_store import HELD_BACK, RETRAINED, read_findings, store_retraining
from modelling.parameters import WatchDrift
from modelling.registry import LabBook, close_run, log_notebook, open_run
from modelling.retraining import Brake, apply_brakes, recent_retrainings
from modelling.watch import DAYS, folder_name
from records.columns import TARGETS
from records.engine import explain_outage, open_databases
from tqs.errors import ModelError, RecordsError, TqsError
from tqs.private_files import ensure_private_folder
from tqs.settings import load_settings

WATCH_LIMIT_S: Final = 1800.0
INTERVAL: Final = timedelta(days=1)


@flow(name="watch-drift")
def watch_drift(
    targets: Sequence[str] | None = None,
    day: str | None = None,
    days: int = DAYS,
    brakes: bool = True,
    trials: int = 30,
    seed: int = 7,
) -> list[dict[str, Any]] | State[Any]:
    """Watch each target (all of them by default) up to `day` (ISO 8601, by default yesterday in UTC).

    Returns target, verdict, reason and what followed of each. A target whose watch fails holds up no other; the run
    then fails with its sentence. A run that is late by more than a day leaves it to the next one. brakes=False retrains
    on drift whatever `modelling.retraining` has against it, unless the target is being retrained.
    """
    quiet_run_logs()
    if comes_too_late(INTERVAL):
        get_run_logger().info("late by more than %s: left to the next run", INTERVAL)
        return []
    settings = load_settings()
    watched = date.fromisoformat(day) if day else datetime.now(UTC).date() - timedelta(days=1)
    outcomes: list[dict[str, Any]] = []
    failures: list[TqsError] = []
    with open_databases(settings) as databases:
        book = LabBook(databases.url_of("mlflow"), settings.home / "mlruns")
        for target in targets or TARGETS:
            folder = settings.home / folder_name(target, watched)
            failure = run_watch(folder, target, watched, days)
            if failure is not None:
                failures.append(failure)
                continue
            try:
                with explain_outage(databases.app):
                    outcome = follow_up(databases.app, target, watched, brakes=brakes, trials=trials, seed=seed)
            except TqsError as error:
                failures.append(error)
                continue
            outcomes.append({"target": target, **outcome})
            get_run_logger().info("%s: %s. %s %s", target, *outcome.values())
            kept = keep_notebook(book, target, folder, outcome["verdict"], return_state=True)
            if kept.is_failed():
                failures.append(ModelError(f"MLflow did not take the watch of {target} ({kept.message}); see {folder}"))
    if failures:
        return failed(type(failures[0])(" ".join(str(failure) for failure in failures)))
    return outcomes


def run_watch(folder: Path, target: str, day: date, days: int) -> TqsError | None:
    """Run 30_watch_drift, which stores what it finds; the error that ended it, None where it ran through."""
    parameters = WatchDrift(target=target, day=day.isoformat(), days=days).as_plain()  # type: ignore[arg-type]
    try:
        ensure_private_folder(folder)
        return run_notebook(
            "30_watch_drift", parameters, folder, limit_s=WATCH_LIMIT_S, log=get_run_logger().info
        ).error
    except OSError as error:
        return RecordsError(f"the files of the watch cannot be kept ({error}); free some disk below {folder}")


def follow_up(engine: Engine, target: str, day: date, *, brakes: bool, trials: int, seed: int) -> dict[str, str]:
    """Retrain where the day's verdict is drift and no brake holds; verdict, reason and what followed, in words."""
    overall = read_findings(engine, target, day)[0]
    told = {"verdict": overall["verdict"], "reason": overall["reason"]}
    if overall["verdict"] != "drift":
        return told | {"retraining": "Nothing to retrain for."}
    brake = brake_for(engine, target, overall, brakes=brakes)
    if not brake.retrain:
        return told | hold_back(engine, target, day, brake.reason)
    ended: State[Any] = retrain(targets=[target], trials=trials, seed=seed, return_state=True)
    # Said, since Prefect would hand out a coroutine where a loop runs in this thread; its types do not know the word.
    outcomes = ended.result(_sync=True) if ended.is_completed() else None  # type: ignore[call-overload]
    decision = outcomes[0]["decision"] if outcomes else None
    if decision == LEFT:
        return told | hold_back(engine, target, day, f"{target} is being retrained already")
    came = f"the gate's decision: {decision}" if decision else f"no new champion: {ended.message or ended.name}"
    reason = f"{brake.reason}; {came}"
    store_retraining(engine, target, day, RETRAINED, reason)
    return told | {"retraining": f"Retrained: {reason}."}


def hold_back(engine: Engine, target: str, day: date, reason: str) -> dict[str, str]:
    """Write down what holds the retraining of a day back; it in words."""
    store_retraining(engine, target, day, HELD_BACK, reason)
    return {"retraining": f"Retraining held back: {reason}."}


def brake_for(engine: Engine, target: str, overall: dict[str, Any], *, brakes: bool) -> Brake:
    """Whether anything holds the retraining back that a day's overall row asks for."""
    with retrain_lock(engine, target) as alone:
        running = not alone
    if not brakes and not running:
        return Brake(True, "the brakes were off for this run")
    return apply_brakes(
        target,
        new_rows=overall["new_rows"] or 0,
        trained_rows=overall["trained_rows"] or 0,
        retrained_at=recent_retrainings(engine, target),
        running=running,
        now=datetime.now(UTC),
    )


@task
def keep_notebook(book: LabBook, target: str, folder: Path, verdict: str) -> None:
    """Keep the executed notebook with a run of its own in MLflow; Evidently's page stays in the folder, 4 MB a day."""
    run_id = open_run(book, target, {"kind": "drift watch", "verdict": verdict, "folder": str(folder)})
    log_notebook(book, run_id, folder / "30_watch_drift.ipynb", folder / "30_watch_drift.html")
    close_run(book, run_id, failed=False)
