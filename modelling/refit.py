"""Refit a model from what its run recorded, and see whether the same bytes come out.

The search is not run again: its result, the parameters, is in the manifest. What follows from them is: the models of
the folds, the calibration on what those predict, and the model of the whole development part, each on one thread.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from modelling.artifact import Artifact
from modelling.calibration import refit_calibration
from modelling.parts import take_part
from modelling.pipeline import TreeParameters, booster_bytes, fit_pipeline
from modelling.snapshot import Snapshot, hash_file, read_snapshot
from modelling.split import RowTimes, expanding_folds
from modelling.tuning import Search, out_of_fold_log_odds
from modelling.weights import weighted_rows, weights_by_fold
from tqs.errors import ModelError


@dataclass(frozen=True, slots=True)
class Refit:
    """What a refit gave beside what is saved. differing: which of booster, scaler and calibrator are not the same."""

    target: str
    version: str
    snapshot: Path
    booster_bytes: int
    differing: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether everything is, byte for byte."""
        return not self.differing


def refit_model(artifact: Artifact, home: Path, *, threads: int) -> Refit:
    """Refit a saved model from the snapshot of its run below `home`; `threads` folds at a time.

    Raises ModelError where the snapshot is not there any more, RecordsError where this release computes other features.
    """
    training = artifact.manifest.training
    file = find_snapshot(home, artifact.target, training.snapshot_sha256)
    frame, snapshot = read_snapshot(file, target=artifact.target, sha256=training.snapshot_sha256)
    return compare_refit(artifact, frame, snapshot, threads=threads)


def find_snapshot(home: Path, target: str, sha256: str) -> Path:
    """The snapshot of a run of `target` with that hash. Raises ModelError where there is none."""
    files = sorted(home.glob(f"runs/*-{target}-*/snapshot.parquet"), reverse=True)
    for file in files:
        if hash_file(file) == sha256:
            return file
    raise ModelError(
        f"none of the {len(files)} snapshots of {target} in {home / 'runs'} has the SHA-256 {sha256[:12]}…: the one "
        "that the model was fitted on was removed or changed; put the folder of its run back from a backup"
    )


def compare_refit(artifact: Artifact, frame: pd.DataFrame, snapshot: Snapshot, *, threads: int) -> Refit:
    """As `refit_model`, from the table that the snapshot holds."""
    manifest = artifact.manifest
    training = manifest.training
    development = take_part(weighted_rows(frame), "development", manifest.features)
    X, y, weights = development.X, development.y, development.weights
    search = Search(TreeParameters(**training.parameters), manifest.booster.trees, np.nan, ())  # type: ignore[arg-type]
    folds = expanding_folds(RowTimes.of_frame(development.rows), y, snapshot.gap)
    unseen = out_of_fold_log_odds(X, y, folds, search, seed=training.seed, threads=threads, weights=weights)
    labels = [y[fold.score] for fold in folds]
    calibrator = refit_calibration(
        manifest.calibrator.kind, training.calibration_fading, unseen, labels, weights_by_fold(weights, folds)
    )
    fitted = fit_pipeline(X, y, search.parameters, trees=search.trees, seed=training.seed, threads=1, weights=weights)
    compared = {
        "booster": booster_bytes(fitted.booster) == artifact.booster,
        "scaler": fitted.scaler == manifest.scaler,
        "calibrator": calibrator == manifest.calibrator,
    }
    differing = tuple(name for name, same in compared.items() if not same)
    return Refit(artifact.target, artifact.version, snapshot.file, len(artifact.booster), differing)
