"""The pictures of a drift watch: effects beside their thresholds, the rate over time, calibration."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from modelling.blocks import TWO_SIDED_95, mean_by_blocks
from modelling.drift import Finding
from modelling.drift_effect import blocks_of
from modelling.drift_judge import STATISTIC, Watched
from modelling.reliability import measure_reliability

INK: Final = "#31507a"
SECOND: Final = "#c8692c"
PALE: Final = "#b9c4d3"
DAYS_A_POINT: Final = 7


def draw_effects(findings: list[Finding]) -> Figure:
    """The effect of each column that has a verdict, largest multiple of its threshold first, beside that threshold."""
    shown = [finding for finding in findings if finding.statistic_name == STATISTIC]
    shown.sort(key=lambda finding: finding.excess)
    figure, axes = _axes((9, 0.3 * len(shown) + 1.2))
    places = np.arange(len(shown))
    colours = [SECOND if finding.verdict == "drift" else INK for finding in shown]
    axes.barh(places, [finding.statistic or 0.0 for finding in shown], color=colours)
    axes.plot(
        [finding.threshold or 0.0 for finding in shown], places, "|", color="black", markersize=11, label="threshold"
    )
    axes.set_yticks(places, [f"{finding.subject} ({finding.window_days} d)" for finding in shown], fontsize=8)
    axes.set_xlabel("distance from the reference, standard deviations")
    if shown:
        axes.legend(frameon=False, loc="lower right")
    return figure


def draw_rate(watched: Watched) -> Figure:
    """What happened and what was predicted, by weeks up to the watched day; 95 % interval with tutors as blocks."""
    figure, axes = _axes((9, 3.5))
    for rows, colour, name in ((watched.reference, INK, "reference"), (watched.current, SECOND, "watched")):
        weeks = (watched.day - rows["day"]) // DAYS_A_POINT
        by_week = {
            week: (mean_by_blocks(part["label"].to_numpy(dtype=np.float64), blocks_of(part)), part["prediction"].mean())
            for week, part in rows.groupby(weeks)
            if len(np.unique(part["tutor"])) > 1
        }
        times = pd.to_datetime([watched.day - DAYS_A_POINT * int(week) for week in by_week], unit="D")
        rates = np.array([mean.value for mean, _ in by_week.values()])
        half = TWO_SIDED_95 * np.array([mean.error for mean, _ in by_week.values()])
        style: dict[str, Any] = {"fmt": "o", "markersize": 4, "capsize": 2}
        axes.errorbar(times, rates, yerr=half, color=colour, label=f"happened, {name}", **style)
        axes.plot(times, [predicted for _, predicted in by_week.values()], ".", color=PALE)
    axes.plot([], [], ".", color=PALE, label="predicted")
    axes.set_ylim(bottom=0)
    axes.set_ylabel("rate")
    axes.set_xlabel("week up to")
    axes.legend(frameon=False, ncols=3)
    return figure


def draw_calibration(watched: Watched) -> Figure:
    """What was predicted against what happened of the watched rows, in bins of equal mass with 95 % intervals."""
    labels = watched.current["label"].to_numpy(dtype=np.int8)
    measured = measure_reliability(labels, watched.current["prediction"].to_numpy())
    figure, axes = _axes((5, 4.5))
    low = np.maximum(measured.observed - measured.observed_low, 0)
    high = np.maximum(measured.observed_high - measured.observed, 0)
    axes.errorbar(measured.predicted, measured.observed, yerr=[low, high], fmt="o", markersize=4, capsize=2, color=INK)
    top = 1.05 * float(max(measured.predicted.max(), measured.observed_high.max()))
    axes.plot([0, top], [0, top], color=PALE, linestyle="--")
    axes.set_xlim(0, top)
    axes.set_ylim(0, top)
    axes.set_xlabel("mean prediction")
    axes.set_ylabel("share that happened")
    axes.set_title(f"ECE {measured.ece:.4f}, chance alone gives {measured.noise_floor:.4f}", fontsize=9)
    return figure


def _axes(size: tuple[float, float]) -> tuple[Figure, Axes]:
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes
