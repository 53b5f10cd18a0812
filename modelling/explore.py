"""What a data scientist does at a desk, each in one line: load a table, try a feature, train, compare, ask the gate."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sqlalchemy import Engine

from features.catalogue import names_of
from features.feature import Feature
from features.table import uuid_texts
from features.windows import Countable, count_in_windows, counted_from
from modelling.artifact import Artifact
from modelling.cpus import usable_cpus
from modelling.decisions import Decision, list_decisions
from modelling.evaluation import evaluate, log_losses
from modelling.gate import STANDARD_ERRORS, compare_losses
from modelling.origin import read_origin
from modelling.pictures import draw_run
from modelling.publishing import Reigning, apply_verdict, find_champion
from modelling.recipe import NewestPart, TrainedModel, train_model
from modelling.registry import LabBook, close_run, log_model, log_run, mirror_aliases, open_run
from modelling.risk import RiskThresholds
from modelling.snapshot import Snapshot, read_snapshot, write_snapshot
from modelling.store import list_models, save_challenger
from modelling.weights import take_weights
from records.columns import DAY_US, STATUSES, History, Int64
from records.engine import open_databases
from records.reading import read_history
from tqs.errors import ModelError, QueryError, TqsError, UnfitDataError
from tqs.private_files import ensure_private_folder
from tqs.settings import load_settings

Float64 = NDArray[np.float64]
Person = Literal["tutor", "student"]

FOLDER: Final = "explore"  # below TQS_HOME; may be emptied at any time


@dataclass(frozen=True)
class Table:
    """A training table (`features.table.TrainingTable`) to explore, kept as the snapshot that a model is known by."""

    target: str
    frame: pd.DataFrame
    snapshot: Snapshot

    @cached_property
    def history(self) -> History:
        """The records that the table was computed from, as they were known at its cut-off."""
        with open_databases(load_settings()) as databases:
            return read_history(databases.app, self.snapshot.cut_off)

    def count_sessions(self, person: Person, *, days: float, status: str | None = None) -> Float64:
        """How many sessions each row's tutor or student had in the `days` before its as_of, as known then, (n,).

        status: only those that were completed, rescheduled or no_show. A column that is right point in time: nothing
        that was known later counts.
        """
        if status is not None and status not in STATUSES:
            raise QueryError(f"there is no status {status!r}; there are {', '.join(STATUSES)}")
        sessions = self.history.sessions
        key: Int64 = sessions.tutor if person == "tutor" else sessions.student
        kind = np.ones(len(sessions), dtype=np.bool_) if status is None else sessions.status == STATUSES.index(status)
        countable = Countable(key, sessions.scheduled, counted_from(sessions), (kind,))
        as_of = self.frame["as_of"].dt.as_unit("us").astype(np.int64).to_numpy()
        windows = (int(days * DAY_US),)
        counts: Float64 = count_in_windows(countable, self._people(person), as_of, windows)[0, 1].astype(np.float64)
        return counts

    def _people(self, person: Person) -> Int64:
        """The code of each row's tutor or student (n,)."""
        directory, sessions = self.history.directory, self.history.sessions
        if self.target == "match":
            ids = directory.tutors if person == "tutor" else directory.students
            wanted, codes = self.frame[f"{person}_id"], np.arange(len(ids))
        else:
            ids, wanted = uuid_texts(sessions.id), self.frame["session_id"]
            codes = sessions.tutor if person == "tutor" else sessions.student
        return pd.Series(codes, index=ids).loc[wanted].to_numpy(dtype=np.int64)


def load_table(target: str) -> Table:
    """The training table of `match`, `reschedule` or `no_show` from the records as they are."""
    settings = load_settings()
    folder = ensure_private_folder(settings.home / FOLDER)  # tables hold ids and ages of students
    with open_databases(settings) as databases:
        written = write_snapshot(databases.app, target, folder / f"{target}.parquet", timezone=settings.timezone)
    file = written.file.rename(folder / f"{target}-{written.sha256[:12]}.parquet")
    frame, snapshot = read_snapshot(file, target=target, sha256=written.sha256)
    return Table(target, frame, snapshot)


def train_challenger(
    table: Table, extra_features: Mapping[str, Float64] | None = None, *, trials: int = 6, seed: int = 7
) -> TrainedModel:
    """Train and judge a model by the recipe, with further columns (name to values (n,)) where given. Nothing is saved.

    Raises UnfitDataError where the rows carry no model or a column holds what is no finite number.
    """
    settings = load_settings()
    extra = extra_features or {}
    for name, values in extra.items():
        if wrong := int((~np.isfinite(values)).sum()):
            raise UnfitDataError(f"the feature {name} holds {wrong:,} values that are no finite numbers: fill them")
    with open_databases(settings) as databases:
        champion = find_champion(databases.app, table.target)
    trained = train_model(
        table.frame.assign(**extra),
        table.target,
        gap=table.snapshot.gap,
        thresholds=RiskThresholds(*settings.risk_thresholds(table.target)),
        trials=trials,
        seed=seed,
        threads=usable_cpus(),
        champion=champion.artifact,
        snapshot_sha256=table.snapshot.sha256,
        origin=read_origin(),
        extra_features=[Feature(name, "", "a feature that is being tried", name, name) for name in extra],
    )
    return replace(trained, champion_version=champion.version)  # also of one that cannot be read


def compare(challengers: Mapping[str, TrainedModel]) -> pd.DataFrame:
    """Challengers of one table (name to model) beside the champion and the base rate, all on the same rows.

    These are the test rows that the champion did not learn from; all test rows where there is no champion, or where
    those that it did not learn from hold not both classes. better_by: log loss saved a row against the champion (the
    base rate where there is none), ± two standard errors of the paired difference.
    """
    first = next(iter(challengers.values()))
    rows, reference, against = _choose_rows(first.test)
    weights, labels = take_weights(first.test.weights, rows), first.test.labels[rows]
    rivals = {"base rate": first.test.base_rate}
    if first.test.champion is not None and against == "champion":
        rivals["champion"] = first.test.champion
    rivals |= {name: trained.test.challenger for name, trained in challengers.items()}
    thresholds = first.artifact.manifest.thresholds
    risk = RiskThresholds(thresholds.low, thresholds.high)
    compared: dict[str, dict[str, Any]] = {}
    for name, probabilities in rivals.items():
        own = probabilities[rows]
        saved = compare_losses(log_losses(labels, own), log_losses(labels, reference), weights)
        measured = evaluate(labels, own, risk, weights=weights).as_metrics()
        chosen = ("rows", "base_rate", "mean_prediction", "log_loss", "roc_auc", "ece", "ece_noise_floor")
        compared[name] = {metric: measured[metric] for metric in chosen}
        compared[name] |= {"better_by": 0.0 - saved.mean, "plus_minus": STANDARD_ERRORS * saved.standard_error}
    return pd.DataFrame(compared).T


def send_through_gate(table: Table, trained: TrainedModel, *, promote: bool = False) -> Decision:
    """Save a challenger, do what the gate decides, and return the decision; without `promote` no champion changes.

    Its snapshot is kept among those of the runs, so that the model can be refitted, and the lab book shows the run,
    which ends here whatever happens.

    Raises
    ------
    ModelError
        the model has a feature that serving does not compute, its snapshot cannot be kept, or, after that is recorded,
        it cannot be loaded or is to take the place of another champion than it was compared with.
    """
    own = sorted(set(trained.artifact.manifest.features) - set(names_of(table.target)))
    if own:
        raise ModelError(
            f"a model with {', '.join(own)} cannot serve, since serving does not compute it: add it to "
            "features/catalogue.py with its function (the tests in tests/contracts hold it to the past), then retrain"
        )
    settings = load_settings()
    training = trained.artifact.manifest.training
    with open_databases(settings) as databases:
        app, book = databases.app, LabBook(databases.url_of("mlflow"), settings.home / "mlruns")
        run_id = open_run(book, table.target, {"origin": "explore", "code.commit": training.code_commit})
        failed, reason = True, "an error that nobody expected ended it; it was shown where the run was started"
        try:
            kept = _keep_snapshot(settings.home, table, run_id)
            saved = save_challenger(app, trained.artifact, run_id)
            decision = _decide(app, trained, saved, run_id, promote=promote)
            log_run(
                book,
                run_id,
                parameters=trained.parameters(),
                metrics=saved.manifest.metrics,
                tags={"version": saved.version, "verdict": trained.verdict.decision, "snapshot": str(kept)},
                pictures=draw_run(trained),
            )
            log_model(book, run_id, saved)
            failed, reason = False, decision.reason
        except TqsError as error:
            reason = str(error)
            raise
        finally:
            close_run(book, run_id, failed=failed, reason=reason)
        mirror_aliases(book, table.target, list_models(app, table.target))
    return decision


def _decide(engine: Engine, trained: TrainedModel, saved: Artifact, run_id: str, *, promote: bool) -> Decision:
    """Apply the verdict beside the champion that the model was compared with; the decision, also a refusal."""
    compared = Reigning(trained.champion_version, None)
    try:
        return apply_verdict(engine, trained, saved, compared, mlflow_run_id=run_id, may_promote=promote)
    except UnfitDataError:  # a refusal is what was asked for here, and it is on record
        made = list_decisions(engine, trained.target, version=saved.version)
        return next(decision for decision in made if decision.mlflow_run_id == run_id)


def _choose_rows(test: NewestPart) -> tuple[NDArray[np.bool_], Float64, str]:
    """Which test rows (n,) are compared on, and with what: its probabilities on them and its name."""
    unseen = test.comparable
    if test.champion is not None and len(set(test.labels[unseen].tolist())) == 2:
        return unseen, test.champion[unseen], "champion"
    return np.ones(len(test.labels), dtype=np.bool_), test.base_rate, "base rate"


def _keep_snapshot(home: Path, table: Table, run_id: str) -> Path:
    """Put the table among those of the runs, where a refit finds it. Raises ModelError where the disk is full."""
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{table.target}-{run_id[:8]}"
    try:
        folder = ensure_private_folder(home / "runs" / name)
        return Path(shutil.copy2(table.snapshot.file, folder / "snapshot.parquet"))
    except OSError as error:
        raise ModelError(f"the run cannot be kept ({error}); free some disk below {home}") from error
