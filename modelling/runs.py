"""Training runs in our own database, from their begin: the lab book may be away, and a process may be killed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID

import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlalchemy import ColumnElement, Engine, func, insert, select, update

from modelling.decisions import Decision, list_decisions
from modelling.origin import Origin
from modelling.store import record_decision
from records.tables.runs import training_runs

ACTOR: Final = "retrain"
LOST: Final = "it ended without a word, since its process was killed, or lost its database"


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """A row of `training_runs`. state: running, finished, failed or lost (it ended without a word)."""

    id: UUID
    target: str
    state: str
    seed: int
    trials: int
    code_commit: str
    lock_sha256: str
    mlflow_run_id: str | None
    folder: str | None
    snapshot_sha256: str | None
    window_from: datetime | None
    window_to: datetime | None
    version: str | None
    reason: str | None
    started_at: datetime
    ended_at: datetime | None


def begin_run(engine: Engine, target: str, *, seed: int, trials: int, origin: Origin) -> tuple[UUID, list[TrainingRun]]:
    """Write down that a run begins; its id, and the runs that were lost.

    To be called by who holds the lock of the target's retraining: any other run of it that has not ended is lost, since
    its process was killed. It is marked so, with a decision that the champion was kept where the run left none.
    """
    running = (training_runs.c.target == target, training_runs.c.state == "running")
    marked = update(training_runs).where(*running).values(state="lost", reason=LOST, ended_at=func.clock_timestamp())
    begun = insert(training_runs).values(
        target=target, seed=seed, trials=trials, code_commit=origin.code_commit, lock_sha256=origin.lock_sha256
    )
    with engine.begin() as connection:
        lost = [TrainingRun(**row._mapping) for row in connection.execute(marked.returning(training_runs))]
        run: UUID = connection.execute(begun.returning(training_runs.c.id)).scalar_one()
    decided = {decision.mlflow_run_id for decision in list_decisions(engine, target)} - {None}
    for one in lost:
        if one.mlflow_run_id not in decided:
            told = f"The run that began at {one.started_at:%Y-%m-%d %H:%M} did not get to a decision: {LOST}."
            record_decision(engine, Decision(target, "kept", told, ACTOR, mlflow_run_id=one.mlflow_run_id))
    return run, lost


def note_place(engine: Engine, run: UUID, *, mlflow_run_id: str, folder: str) -> None:
    """Write down where a run is kept: in the lab book, and in which folder below TQS_HOME."""
    _change(engine, run, mlflow_run_id=mlflow_run_id, folder=folder)


def note_snapshot(engine: Engine, run: UUID, file: Path, sha256: str) -> None:
    """Write down what a run learns from: the hash of its snapshot, and the window of its rows' scheduled times."""
    window = pc.min_max(pq.read_table(file, columns=["scheduled_time"])["scheduled_time"]).as_py()
    _change(engine, run, snapshot_sha256=sha256, window_from=window["min"], window_to=window["max"])


def end_run(engine: Engine, run: UUID, *, failed: bool, reason: str = "", version: str | None = None) -> None:
    """Write down how a run ended, unless it has been given up as lost."""
    state = "failed" if failed else "finished"
    ended = training_runs.c.state == "running"
    _change(engine, run, ended, state=state, reason=reason or None, version=version, ended_at=func.clock_timestamp())


def list_runs(engine: Engine, target: str | None = None, limit: int = 20) -> list[TrainingRun]:
    """Runs of a target or of all, the newest first."""
    query = select(training_runs).order_by(training_runs.c.started_at.desc(), training_runs.c.id).limit(limit)
    if target is not None:
        query = query.where(training_runs.c.target == target)
    with engine.connect() as connection:
        return [TrainingRun(**row._mapping) for row in connection.execute(query)]


def _change(engine: Engine, run: UUID, *where: ColumnElement[bool], **values: object) -> None:
    with engine.begin() as connection:
        connection.execute(update(training_runs).where(training_runs.c.id == run, *where).values(**values))
