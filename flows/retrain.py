"""Retrain: per target the notebooks 10_build_features and 20_train_model, kept with their MLflow run.

The gate inside the second notebook decides which model serves. Two retrains of one target at once would judge
against a champion that the other replaces, so the second one ends at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, cast
from uuid import UUID

from prefect import State, flow, get_run_logger, task
from prefect.states import Failed
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from flows.environment import quiet_run_logs
from flows.lateness import comes_too_late
from flows.notebooks import run_notebook
from modelling.cpus import usable_cpus
from modelling.decisions import Decision, list_decisions
from modelling.origin import Origin, read_origin
from modelling.parameters import BuildFeatures, TrainModel
from modelling.registry import LabBook, close_run, log_notebook, mirror_aliases, open_run
from modelling.runs import TrainingRun, begin_run, end_run, note_place, note_snapshot
from modelling.snapshot import hash_file
from modelling.store import champion_versions, list_models, record_decision
from records.columns import TARGETS
from records.engine import Databases, open_databases
from tqs.errors import LabBookError, ModelError, TqsError, UnfitDataError
from tqs.private_files import ensure_private_folder
from tqs.settings import load_settings

BUILD_LIMIT_S: Final = 3600.0
TRAIN_LIMIT_S: Final = 6 * 3600.0
UNEXPECTED: Final = "an error that nobody expected ended it; the log of its flow run has it"
INTERVAL: Final = timedelta(days=7)
LEFT: Final = "left to another run"


@dataclass(frozen=True)
class Place:
    """Where a retrain of one target keeps what it makes."""

    book: LabBook
    run_id: str
    folder: Path

    @property
    def snapshot(self) -> Path:
        """The table that is learned from."""
        return self.folder / "snapshot.parquet"


@flow(name="retrain")
def retrain(
    targets: Sequence[str] | None = None, trials: int = 30, seed: int = 7, only_missing: bool = False
) -> list[dict[str, Any]] | State[Any]:
    """Retrain each target (all of them by default); returns the decision on each.

    Fails with UnfitDataError where a target's records carry no model or the gate refused it; the other targets are
    retrained all the same. A run that is late by more than a week leaves it to the next one.
    """
    quiet_run_logs()
    if comes_too_late(INTERVAL):
        get_run_logger().info("late by more than %s: left to the next run", INTERVAL)
        return []
    settings = load_settings()
    outcomes: list[dict[str, Any]] = []
    failures: list[TqsError] = []
    with open_databases(settings) as databases:
        present = champion_versions(databases.app) if only_missing else {}
        for target in [name for name in targets or TARGETS if name not in present]:
            with retrain_lock(databases.app, target) as alone:
                if not alone:
                    outcomes.append({"target": target, "decision": LEFT, "version": None})
                    continue
                decision, failure = retrain_target(databases, settings.home, target, trials, seed)
            if decision is not None:
                outcomes.append({"target": target, "decision": decision.decision, "version": decision.version})
                get_run_logger().info(
                    "%s %s: %s. %s", target, decision.version or "", decision.decision, decision.reason
                )
            if failure is not None:
                failures.append(failure)
    if failures:
        return failed(type(failures[0])(" ".join(str(failure) for failure in failures)))
    return outcomes


def retrain_target(
    databases: Databases, home: Path, target: str, trials: int, seed: int
) -> tuple[Decision | None, TqsError | None]:
    """Both notebooks of one target under one MLflow run; the decision made, and the error where one failed.

    The run is written down in our own database from its begin to its end, also where the lab book cannot be.
    """
    origin = read_origin()
    run, lost = begin_run(databases.app, target, seed=seed, trials=trials, origin=origin)
    place: Place | None = None
    decision: Decision | None = None
    failure: TqsError | None = None
    trouble = UNEXPECTED
    try:
        try:
            place = _open_place(databases, run, lost, home, target, origin)
            # a failed state raises its error here
            sha256 = cast(str, build_features(place, target, return_state=True).result())
            note_snapshot(databases.app, run, place.snapshot, sha256)
            train_model(place, target, sha256, trials, seed, return_state=True).result()
        except TqsError as error:
            failure = error
        except OSError as error:
            failure = ModelError(f"the run cannot be kept ({error}); free some disk below {home}")
        decision = _decide(databases.app, target, place, failure)
        trouble = str(failure or "")
    finally:
        unwritten: LabBookError | None = None
        try:
            if place is not None:
                unwritten = _close_lab_book(databases.app, target, place, trouble, decision)
        finally:
            told = trouble or str(unwritten or "")
            version = None if decision is None else decision.version
            end_run(databases.app, run, failed=bool(told), reason=told, version=version)
    return decision, failure or unwritten


def _open_place(
    databases: Databases, run: UUID, lost: Sequence[TrainingRun], home: Path, target: str, origin: Origin
) -> Place:
    """Open the run in the lab book, and close there those that were lost."""
    book = LabBook(databases.url_of("mlflow"), home / "mlruns")
    run_id = open_run(book, target, {"code.commit": origin.code_commit, "lock.sha256": origin.lock_sha256})
    folder = Path("runs") / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{target}-{run_id[:8]}"
    note_place(databases.app, run, mlflow_run_id=run_id, folder=str(folder))
    ensure_private_folder(home / "runs")  # its tables hold ids and ages of students
    for one in lost:
        if one.mlflow_run_id is not None:
            _close_lost(book, one.mlflow_run_id, one.reason or "")
    return Place(book, run_id, home / folder)


def _close_lost(book: LabBook, run_id: str, reason: str) -> None:
    try:
        close_run(book, run_id, failed=True, reason=reason)
    except LabBookError as error:  # somebody may have deleted it there; ours says that it was lost
        get_run_logger().warning("the lost run %s stays open in MLflow: %s", run_id, error)


def _decide(engine: Engine, target: str, place: Place | None, failure: TqsError | None) -> Decision | None:
    """The decision that the run made; one that the champion stays where an error came before it."""
    run_id = place.run_id if place else None
    made = next((item for item in list_decisions(engine, target) if run_id and item.mlflow_run_id == run_id), None)
    if made is not None or failure is None:
        return made
    kind = "refused" if isinstance(failure, UnfitDataError) else "kept"
    decision = Decision(target, kind, str(failure), "retrain", mlflow_run_id=run_id)
    record_decision(engine, decision)
    return decision


def _close_lab_book(
    engine: Engine, target: str, place: Place, trouble: str, decision: Decision | None
) -> LabBookError | None:
    """End the run in the lab book and show there which model serves; the error where that cannot be written."""
    reason = trouble or (decision.reason if decision else "")
    try:
        close_run(place.book, place.run_id, failed=bool(trouble), reason=reason)
        mirror_aliases(place.book, target, list_models(engine, target))
    except LabBookError as error:
        return error
    return None


@task
def build_features(place: Place, target: str) -> str | State[Any]:
    """Run 10_build_features; returns the snapshot's SHA-256 (text)."""
    parameters = BuildFeatures(target=target, snapshot=str(place.snapshot)).as_plain()  # type: ignore[arg-type]
    error = _run(place, "10_build_features", parameters, BUILD_LIMIT_S)
    return hash_file(place.snapshot) if error is None else failed(error)


@task
def train_model(place: Place, target: str, sha256: str, trials: int, seed: int) -> State[Any] | None:
    """Run 20_train_model on the snapshot: train, judge, and promote what the gate lets through."""
    parameters = TrainModel(
        target=target,  # type: ignore[arg-type]
        snapshot=str(place.snapshot),
        snapshot_sha256=sha256,
        trials=trials,
        seed=seed,
        threads=usable_cpus(),
        mlflow_run_id=place.run_id,
    ).as_plain()
    error = _run(place, "20_train_model", parameters, TRAIN_LIMIT_S)
    return None if error is None else failed(error)


def failed(error: TqsError) -> State[Any]:
    """A failed state that raises `error` where it is awaited. Raising it here would log a traceback, not a sentence."""
    return Failed(message=str(error), data=error)


@contextmanager
def retrain_lock(engine: Engine, target: str) -> Iterator[bool]:
    """Whether this run is the only one that retrains `target`; the lock goes with the connection, also when killed."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        name = {"name": f"tqs retrain {target}"}
        alone = bool(connection.scalar(text("SELECT pg_try_advisory_lock(hashtext(:name))"), name))
        try:
            yield alone
        finally:
            if alone:
                with suppress(DBAPIError):  # a connection that broke has let the lock go
                    connection.execute(text("SELECT pg_advisory_unlock(hashtext(:name))"), name)


def _run(place: Place, name: str, parameters: dict[str, Any], limit_s: float) -> TqsError | None:
    try:
        executed = run_notebook(name, parameters, place.folder, limit_s=limit_s, log=get_run_logger().info)
        log_notebook(place.book, place.run_id, executed.ipynb, executed.html)
    except LabBookError as error:
        return executed.error or error
    except OSError as error:
        return ModelError(
            f"the files of {name} cannot be kept ({error}); free some disk below {place.book.files.parent}"
        )
    return executed.error
