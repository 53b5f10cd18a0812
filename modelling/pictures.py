"""The pictures of a training run. Each function draws one and returns the figure; nothing is kept open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from modelling.blocks import TWO_SIDED_95
from modelling.gate import STANDARD_ERRORS
from modelling.recipe import TrainedModel
from modelling.reliability import Reliability, measure_reliability
from modelling.tuning import Search
from modelling.weights import take_weights, weighted_rows

INK: Final = "#31507a"
SECOND: Final = "#c8692c"
PALE: Final = "#b9c4d3"
TOP_FEATURES: Final = 12
FEATURES_ACROSS: Final = 4
BINS_OF_A_FEATURE: Final = 10


def draw_base_rate(frame: pd.DataFrame, target: str) -> Figure:
    """Rows a week, and the share of positives, by weight, with its 95 % interval, over development and test part."""
    frame = weighted_rows(frame)
    week = frame["scheduled_time"].dt.tz_localize(None).dt.to_period("W").dt.start_time
    rows_of = frame.assign(hit=frame["label"] * frame["weight"], square=frame["weight"] ** 2).groupby(week)
    weekly = rows_of[["hit", "weight", "square"]].sum().assign(size=rows_of.size())
    weekly["mean"] = weekly["hit"] / weekly["weight"]
    alike = weekly["weight"] ** 2 / weekly["square"]  # Kish's effective number of rows
    half = TWO_SIDED_95 * np.sqrt(weekly["mean"] * (1 - weekly["mean"]) / alike)
    figure, (rows, share) = _axes(2, 1, (9, 5), sharex=True)
    rows.bar(weekly.index, weekly["size"], width=6, color=PALE)
    rows.set_ylabel("rows a week")
    share.plot(weekly.index, weekly["mean"], color=INK)
    share.fill_between(weekly.index, weekly["mean"] - half, weekly["mean"] + half, color=INK, alpha=0.15)
    share.set_ylabel(f"share of {target}")
    share.set_ylim(bottom=0)
    test = frame.loc[frame["part"] == "test", "scheduled_time"]
    for axes in (rows, share):
        axes.axvspan(test.min().tz_localize(None), test.max().tz_localize(None), color=SECOND, alpha=0.1)
    rows.set_title("the tinted part is the test part, looked at once")
    return figure


def draw_departures(considered: int, left: Mapping[str, int], rows: int) -> Figure:
    """How many rows were looked at, left for which reason, and stayed."""
    counts = {"considered": considered, **{f"− {reason}": number for reason, number in left.items()}, "stayed": rows}
    figure, axes = _axes(1, 1, (9, 0.4 * len(counts) + 1))
    positions = np.arange(len(counts))
    colours = [PALE if name.startswith("−") else INK for name in counts]
    bars = axes.barh(positions, list(counts.values()), color=colours)
    axes.bar_label(bars, [f" {number:,}" for number in counts.values()])
    axes.set_yticks(positions, list(counts))
    axes.invert_yaxis()
    axes.set_xlabel("rows")
    return figure


def draw_features(frame: pd.DataFrame, features: Sequence[str]) -> Figure:
    """The share of positives, by weight, over each feature that varies: by value, or over ten bins of equal mass."""
    development = weighted_rows(frame[frame["part"] == "development"])
    development = development.assign(hit=development["label"] * development["weight"])
    varying = [name for name in features if development[name].min() < development[name].max()]
    down = -(-len(varying) // FEATURES_ACROSS)
    figure, grid = _axes(down, FEATURES_ACROSS, (11, 2.1 * down), sharey=True)
    for axes, name in zip(grid.flat, varying, strict=False):
        values = development[name]
        bins = (
            values if values.nunique() <= BINS_OF_A_FEATURE else pd.qcut(values, BINS_OF_A_FEATURE, duplicates="drop")
        )
        by_bin = development.groupby(bins.rename("bin"), observed=True).agg(
            x=(name, "mean"), hit=("hit", "sum"), weight=("weight", "sum")
        )
        axes.plot(by_bin["x"], by_bin["hit"] / by_bin["weight"], marker="o", markersize=3, color=INK)
        axes.set_title(name, fontsize=8)
        axes.tick_params(labelsize=7)
    for axes in list(grid.flat)[len(varying) :]:
        axes.set_visible(False)
    grid.flat[0].set_ylim(bottom=0)
    return figure


def draw_search(search: Search) -> Figure:
    """Each trial's log loss over the folds (pruned ones where they were stopped), and the best so far."""
    numbers = np.array([trial.number for trial in search.trials])
    losses = np.array([trial.log_loss for trial in search.trials])
    complete = np.array([trial.state == "complete" for trial in search.trials])
    figure, axes = _axes(1, 1, (9, 3.5))
    axes.scatter(numbers[complete], losses[complete], color=INK, s=18, label="complete")
    axes.scatter(numbers[~complete], losses[~complete], color=PALE, marker="x", s=18, label="pruned")
    axes.plot(numbers[complete], np.minimum.accumulate(losses[complete]), color=SECOND, label="best so far")
    spread = max(np.ptp(losses[complete]), 1e-4)
    axes.set_ylim(losses[complete].min() - 0.1 * spread, losses[complete].max() + 0.3 * spread)
    axes.set_xlabel("trial")
    axes.set_ylabel("log loss over the folds")
    axes.legend(frameon=False)
    return figure


def draw_reliability(trained: TrainedModel) -> Figure:
    """What was predicted against what happened in each bin, with 95 % intervals; the champion beside it."""
    figure, (curve, masses) = _axes(1, 2, (11, 4.5))
    _plot_reliability(curve, trained.reliability, INK, "challenger")
    if trained.champion_evaluation is not None and trained.test.champion is not None:
        rows = trained.test.comparable
        weights = take_weights(trained.test.weights, rows)
        measured = measure_reliability(trained.test.labels[rows], trained.test.champion[rows], weights=weights)
        _plot_reliability(curve, measured, SECOND, "champion")
    top = 1.05 * float(max(trained.reliability.predicted.max(), trained.reliability.observed_high.max()))
    curve.plot([0, top], [0, top], color=PALE, linestyle="--", label="perfect")
    curve.set_xlim(0, top)
    curve.set_ylim(0, top)
    curve.set_xlabel("mean prediction")
    curve.set_ylabel("share that happened")
    quality = trained.evaluation
    curve.set_title(f"ECE {quality.ece:.4f} ({quality.ece_low:.4f}–{quality.ece_high:.4f})", fontsize=9)
    curve.legend(frameon=False)
    masses.hist(trained.test.challenger, bins=60, color=INK)
    thresholds = trained.artifact.manifest.thresholds
    for threshold, name in ((thresholds.low, "medium"), (thresholds.high, "high")):
        masses.axvline(threshold, color=SECOND, linestyle="--")
        masses.text(threshold, masses.get_ylim()[1], f" {name}", va="top", color=SECOND)
    masses.set_xlabel("prediction")
    masses.set_ylabel("rows of the test part")
    return figure


def draw_importance(trained: TrainedModel) -> Figure:
    """Share of the gain, the log loss that shuffling a feature costs, and the gain summed by concept."""
    figure, axes = _axes(1, 3, (13, 4.5))
    for place, (title, values) in zip(
        axes,
        (
            ("share of gain", trained.gains),
            ("log loss when shuffled", trained.permutation),
            ("gain by concept", trained.concepts),
        ),
        strict=True,
    ):
        names = list(values)[:TOP_FEATURES]
        place.barh(np.arange(len(names)), [values[name] for name in names], color=INK)
        place.set_yticks(np.arange(len(names)), names, fontsize=8)
        place.invert_yaxis()
        place.set_title(title, fontsize=10)
    return figure


def draw_comparison(trained: TrainedModel) -> Figure:
    """How much log loss the challenger saves a row against each rival, with two standard errors."""
    verdict = trained.verdict
    rivals = {
        "base rate": verdict.against_base_rate,
        "rule": verdict.against_rule,
        "champion": verdict.against_champion,
    }
    shown = {name: difference for name, difference in rivals.items() if difference is not None}
    figure, axes = _axes(1, 1, (9, 0.6 * len(shown) + 1.4))
    axes.errorbar(
        [-difference.mean for difference in shown.values()],
        np.arange(len(shown)),
        xerr=[STANDARD_ERRORS * difference.standard_error for difference in shown.values()],
        fmt="o",
        color=INK,
        capsize=4,
    )
    axes.axvline(0, color=PALE)
    axes.set_yticks(np.arange(len(shown)), [f"against the {name}" for name in shown])
    axes.set_ylim(-0.6, len(shown) - 0.4)
    axes.set_xlabel("log loss saved a row (right of the line the challenger is better)")
    return figure


def draw_run(trained: TrainedModel) -> dict[str, Figure]:
    """All pictures of a trained model, by the name they are kept under."""
    return {
        "search": draw_search(trained.search),
        "reliability": draw_reliability(trained),
        "importance": draw_importance(trained),
        "comparison": draw_comparison(trained),
    }


def _plot_reliability(axes: Axes, measured: Reliability, colour: str, name: str) -> None:
    low = np.maximum(measured.observed - measured.observed_low, 0)
    high = np.maximum(measured.observed_high - measured.observed, 0)
    style: dict[str, Any] = {"fmt": "o", "markersize": 4, "capsize": 2, "color": colour, "label": name}
    axes.errorbar(measured.predicted, measured.observed, yerr=[low, high], **style)


def _axes(
    down: int, across: int, size: tuple[float, float], *, sharex: bool = False, sharey: bool = False
) -> tuple[Figure, Any]:
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(down, across, sharex=sharex, sharey=sharey)
    for one in np.atleast_1d(axes).flat:
        one.spines[["top", "right"]].set_visible(False)
    return figure, axes
