"""A refit from what a run recorded gives the same bytes, and says what differs where it does not."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features.sample import SampleCounts
from modelling.origin import Origin, read_origin
from modelling.recipe import train_model
from modelling.refit import compare_refit, find_snapshot, refit_model
from modelling.risk import RiskThresholds
from modelling.snapshot import hash_file, read_snapshot
from tqs.errors import ModelError

from .table import GAP, make_table

ORIGIN = Origin("abc", "1" * 64)


def write_table(file: Path, frame) -> str:
    """A table as a snapshot of `reschedule`; its hash."""
    counts = asdict(SampleCounts(len(frame), {}, len(frame), int(frame["label"].sum()), 0))
    about = {"form": "tqs-snapshot/1", "target": "reschedule", "cut_off": 0, "horizon": GAP, "gap": GAP}
    arrow = pa.Table.from_pandas(frame, preserve_index=False)
    file.parent.mkdir(parents=True)
    pq.write_table(arrow.replace_schema_metadata({b"tqs": json.dumps(about | {"counts": counts}).encode()}), file)
    return hash_file(file)


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A run's folder with a table in which some rows weigh 4 and some nothing."""
    frame, _ = make_table(3000)
    weights = np.random.default_rng(1).choice([0.0, 1.0, 4.0], len(frame), p=[0.1, 0.8, 0.1])
    home = tmp_path_factory.mktemp("home")
    write_table(home / "runs" / "20260101T000000Z-reschedule-0a" / "snapshot.parquet", frame.assign(weight=weights))
    return home


@pytest.fixture(scope="module")
def snapshot(home):
    return read_snapshot(next(home.glob("runs/*/snapshot.parquet")))


@pytest.fixture(scope="module")
def artifact(snapshot):
    """Trained with two threads."""
    frame, about = snapshot
    given = {"gap": about.gap, "thresholds": RiskThresholds(0.15, 0.35), "trials": 2, "seed": 5, "threads": 2}
    trained = train_model(frame, "reschedule", snapshot_sha256=about.sha256, origin=ORIGIN, **given)
    return replace(trained.artifact, version="v3")


@pytest.mark.parametrize("threads", [1, 2])
def test_the_same_bytes_come_out_on_any_number_of_threads(artifact, home, threads):
    done = refit_model(artifact, home, threads=threads)
    assert done.same
    assert (done.version, done.differing, done.booster_bytes) == ("v3", (), len(artifact.booster))


def test_what_a_refit_needs_is_in_the_manifest(artifact, snapshot):
    training = artifact.manifest.training
    assert training.snapshot_sha256 == snapshot[1].sha256
    assert (training.seed, training.code_commit, training.lock_sha256) == (5, "abc", "1" * 64)
    assert artifact.manifest.booster.trees > 0
    assert training.parameters["max_depth"] >= 2


def changed(artifact, **training):
    manifest = artifact.manifest
    return replace(
        artifact, manifest=manifest.model_copy(update={"training": manifest.training.model_copy(update=training)})
    )


def test_another_seed_or_another_parameter_is_another_model(artifact, snapshot):
    frame, about = snapshot
    for other in (
        changed(artifact, seed=6),
        changed(artifact, parameters=artifact.manifest.training.parameters | {"learning_rate": 0.199}),
    ):
        assert "booster" in compare_refit(other, frame, about, threads=1).differing


def test_one_label_turned_or_one_weight_is_another_model(artifact, snapshot):
    frame, about = snapshot
    row = frame.index[(frame["part"] == "development") & (frame["weight"] == 1)][50]
    turned, heavier = frame.copy(), frame.copy()
    turned.loc[row, "label"] = 1 - turned.loc[row, "label"]
    heavier.loc[row, "weight"] = 4.0
    for other in (turned, heavier):
        assert compare_refit(artifact, other, about, threads=1).differing


def test_a_calibrator_that_was_changed_is_found(artifact, snapshot):
    calibrator = artifact.manifest.calibrator.model_copy(update={"lowest": 0.01})
    other = replace(artifact, manifest=artifact.manifest.model_copy(update={"calibrator": calibrator}))
    assert compare_refit(other, *snapshot, threads=1).differing == ("calibrator",)


def test_the_snapshot_is_found_by_its_hash_and_one_that_is_gone_is_said(artifact, home, tmp_path):
    sha256 = artifact.manifest.training.snapshot_sha256
    shutil.copytree(home / "runs", tmp_path / "runs")
    other, _ = make_table(100)
    write_table(tmp_path / "runs" / "20260202T000000Z-reschedule-0b" / "snapshot.parquet", other)
    assert find_snapshot(tmp_path, "reschedule", sha256).parent.name == "20260101T000000Z-reschedule-0a"
    with (tmp_path / "runs" / "20260101T000000Z-reschedule-0a" / "snapshot.parquet").open("ab") as file:
        file.write(b"x")
    with pytest.raises(ModelError, match=f"none of the 2 snapshots of reschedule .* SHA-256 {sha256[:12]}"):
        refit_model(artifact, tmp_path, threads=1)


def test_the_origin_is_that_of_this_checkout():
    import hashlib
    import subprocess

    project = Path(__file__).parents[2]
    head = subprocess.run(["git", "-C", project, "rev-parse", "HEAD"], capture_output=True, text=True, check=False)
    origin = read_origin()
    assert origin.code_commit.removesuffix("+changes") == head.stdout.strip()
    assert origin.lock_sha256 == hashlib.sha256((project / "requirements" / "dev.txt").read_bytes()).hexdigest()
