"""Models of the synthetic world against its truth, which no company has: how much of what can be known they know.

The truth's own log loss on the test part is the limit. What a model recovers is its gain over the base rate as a share
of the truth's. Calibration is judged against its noise floor, which perfect probabilities exceed once in twenty draws:
`full` tries more worlds than the default one. Bands are measured on the outcomes that the world drew, and on many other
draws from the same truth: the share of bins whose true rate they hold.
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
from modelling.bands import Bands, interval_of_share, measure_bands
from modelling.evaluation import log_losses
from modelling.groups import group_rows
from modelling.recipe import TrainedModel, train_model
from modelling.reliability import BINS
from modelling.risk import RISK_LEVELS, RiskThresholds
from modelling.snapshot import read_snapshot, write_snapshot
from modelling.split import RowTimes
from records.columns import TARGETS
from records.load import write_world
from records.world import World, make_world
from tqs.settings import Settings

END: Final = datetime(2026, 11, 1, tzinfo=UTC)
SEEDS: Final = (7,)
FULL_SEEDS: Final = (7, 8, 9, 10, 11)
TRIALS: Final = 12
LEAST_RECOVERED: Final = 0.6
LEAST_HELD: Final = 0.88
DRAWS: Final = 100
FLOOR_DRAWS: Final = 400
SMALLEST_GROUP: Final = 5_000


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
    return [*rows, *measure_groups(test, trained, name, seed), *check_bands(test, trained, truth, name, seed)]


def measure_groups(test: pd.DataFrame, trained: TrainedModel, name: str, seed: int) -> list[dict[str, Any]]:
    """The group of at least SMALLEST_GROUP rows whose calibration error is largest for its size, beside the floor.

    The floor is of all groups together: perfect probabilities exceed it in any of them once in twenty draws. Each
    group's errors count in units of its own floor.
    """
    features = trained.artifact.manifest.features
    scores = trained.test.challenger
    outcomes = np.vstack([trained.test.labels, np.random.default_rng(seed).random((FLOOR_DRAWS, len(scores))) < scores])
    errors = {
        f"{grouping} {group}": calibration_errors(outcomes[:, groups == group], scores[groups == group])
        for grouping, groups in group_rows(test[list(features)].to_numpy(), features).items()
        for group in np.unique(groups)
        if (groups == group).sum() >= SMALLEST_GROUP
    }
    if not errors:
        return []
    own = {group: float(np.quantile(error[1:], 0.95)) for group, error in errors.items()}
    relative = np.array([error / own[group] for group, error in errors.items()])
    floor = float(np.quantile(relative[:, 1:].max(axis=0), 0.95))
    ratio, worst = max(zip((relative[:, 0] / floor).tolist(), errors, strict=True))
    told = f"{name}: calibration error of the worst of {len(errors)} groups ({worst})"
    return [result(told, errors[worst][0], floor * own[worst], "ECE", "<= 1", ratio)]


def calibration_errors(outcomes: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """The ECE (k,) of scores (n,) against each of k draws of outcomes (k, n), as `modelling.reliability` has it."""
    order = np.argsort(scores, kind="stable")
    starts = np.linspace(0, len(scores), BINS + 1).astype(np.int64)[:-1]
    gaps = np.add.reduceat(outcomes[:, order] - scores[order], starts, axis=1)
    return np.abs(gaps).sum(axis=1) / len(scores)


def check_bands(
    test: pd.DataFrame, trained: TrainedModel, truth: np.ndarray, name: str, seed: int
) -> list[dict[str, Any]]:
    """How many bins hold their true rate, and how wide they are beside what independent rows give."""
    scores, scheduled = trained.test.challenger, RowTimes.of_frame(test).scheduled
    bands, rng = trained.artifact.manifest.bands, np.random.default_rng(seed)
    assert bands is not None
    drawn = [measure_bands((rng.random(len(truth)) < truth).astype(np.int8), scores, scheduled) for _ in range(DRAWS)]
    held, once = np.mean([hold_truth(one, scores, truth) for one in drawn]), hold_truth(bands, scores, truth)
    width = float(np.mean(np.array(bands.high) - np.array(bands.low)))
    rows = np.array(bands.rows, dtype=float)
    low, high = interval_of_share(rows * np.array(bands.happened), rows)
    by_chance = float(np.mean(high - low))
    least = f">= {LEAST_HELD}"
    return [
        result(
            f"{name}: bands that hold the true rate, {DRAWS} draws", held, bands.level, "share of bins", least, held
        ),
        result(f"{name}: of {len(rows)} bands as drawn", once, bands.level, "share of bins", least, once),
        result(f"{name}: mean width of a band", width, by_chance, "probability", "<= 1.5", width / by_chance),
    ]


def hold_truth(bands: Bands, scores: np.ndarray, truth: np.ndarray) -> float:
    """The share of bins whose mean true probability lies within the band."""
    member = np.searchsorted(bands.edges, scores, side="right")
    rate = np.bincount(member, truth) / np.bincount(member)
    return float(np.mean((np.array(bands.low) <= rate) & (rate <= np.array(bands.high))))


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
