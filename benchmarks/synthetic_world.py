"""Models of the synthetic world against its truth, which no company has: how much of what can be known they know.

The truth's own log loss on the test part is the limit. What a model recovers is its gain over the base rate as a share
of the truth's. Calibration is judged against its noise floor, which perfect probabilities exceed once in twenty draws:
`full` tries more worlds than the default one.
"""

from __future__ import annotations

import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from benchmarks._server import temporary_engine
from modelling.evaluation import log_losses
from modelling.recipe import TrainedModel, train_model
from modelling.risk import RISK_LEVELS, RiskThresholds
from modelling.snapshot import read_snapshot, write_snapshot
from records.columns import TARGETS
from records.load import write_world
from records.world import World, make_world
from tqs.settings import Settings

END: Final = datetime(2026, 11, 1, tzinfo=UTC)
SEEDS: Final = (7,)
FULL_SEEDS: Final = (7, 8, 9, 10, 11)
TRIALS: Final = 12
LEAST_RECOVERED: Final = 0.6


def run(full: bool = False) -> list[dict[str, Any]]:
    """Rows of results for each world and target."""
    rows = []
    for seed in FULL_SEEDS if full else SEEDS:
        world = make_world(seed=seed, end=END)
        with temporary_engine() as engine, tempfile.TemporaryDirectory() as folder:
            write_world(engine, world)
            for target in TARGETS:
                file = Path(folder) / f"{target}.parquet"
                snapshot = write_snapshot(engine, target, file)
                frame, _ = read_snapshot(file)
                trained = train_model(
                    frame,
                    target,
                    gap=snapshot.gap,
                    thresholds=RiskThresholds(*Settings().risk_thresholds(target)),
                    trials=TRIALS,
                    seed=seed,
                    threads=os.cpu_count() or 1,
                )
                rows += measure(world, frame[frame["part"] == "test"], trained, seed)
    return rows


def measure(world: World, test: pd.DataFrame, trained: TrainedModel, seed: int) -> list[dict[str, Any]]:
    labels = test["label"].to_numpy()
    truth = true_probabilities(world, test, trained.target)
    base = float(trained.test.log_losses()["base_rate"])
    possible = base - float(log_losses(labels, truth).mean())
    gained = base - trained.evaluation.log_loss
    floor, ece = trained.evaluation.ece_noise_floor, trained.evaluation.ece
    name = f"world {seed}, {trained.target}"
    rows = [
        result(f"{name}: gain in log loss", gained, possible, "nats", f">= {LEAST_RECOVERED}", gained / possible),
        result(f"{name}: calibration error", ece, floor, "ECE", "<= 1", ece / floor),
    ]
    if trained.target == "reschedule":
        shares = [trained.evaluation.as_metrics()[f"share_{level}"] for level in RISK_LEVELS]
        occurring = sum(share > 0 for share in shares)
        rows.append(result(f"{name}: risk levels that occur", occurring, 3, "levels", ">= 1", occurring / 3))
    return rows


def true_probabilities(world: World, test: pd.DataFrame, target: str) -> np.ndarray:
    """The world's own probability of each test row."""
    if target == "match":
        places = pd.MultiIndex.from_frame(world.pairs[["student_id", "tutor_id"]])
        return world.true_churn(places.get_indexer(pd.MultiIndex.from_frame(test[["student_id", "tutor_id"]])))
    rows = pd.Index(world.sessions["id"]).get_indexer(test["session_id"])
    if target == "no_show":
        return world.true_no_show(rows)
    as_of = test["as_of"].dt.tz_localize(None).to_numpy().astype("datetime64[us]").astype(np.int64)
    return world.true_reschedule(rows, as_of)


def result(name: str, ours: float, limit: float, unit: str, target: str, ratio: float) -> dict[str, Any]:
    sign, bound = target.split()
    ok = ratio >= float(bound) if sign == ">=" else ratio <= float(bound)
    return {
        "name": name, "ours": float(ours), "limit": float(limit), "unit": unit,
        "ratio": float(ratio), "target": target, "ok": bool(ok),
    }  # fmt: skip
