"""What a model predicted beside what happened, on rows that it never saw: as a curve, in a sentence and as a table."""

from __future__ import annotations

from math import sqrt
from typing import Any, Final

import numpy as np
from bokeh.models import ColumnDataSource, CustomJSTickFormatter, FixedTicker, HoverTool, Range1d
from bokeh.plotting import figure
from markupsafe import Markup

from dashboards.formats import format_count, format_percent
from dashboards.theme import BLUE, GREY, RED
from modelling.bands import FEWEST_ROWS, Bands

HEIGHT_PX: Final = 340
ROOM: Final = 1.04  # of the axes beyond the furthest mark
LEAST_END: Final = 0.05
TICKS: Final = (0, 1, 2, 5, 10, 20, 30, 40, 50, 60, 80, 100)  # percent
NOT_MEASURED: Final = "Not measured: the model was saved before calibration was kept with it. Retrain: tqs retrain"


def draw_calibration(bands: Bands) -> figure:
    """A mark for each bin of scores at what was predicted and what happened, with its interval.

    Where the interval leaves out what was predicted the mark is a red triangle, else a blue dot. Both axes are those of
    square roots, which leave the diagonal where it is: most scores are small, and would lie on each other.
    """
    predicted, happened = np.array(bands.predicted), np.array(bands.happened)
    low, high = (np.array(bound, dtype=np.float64) for bound in (bands.low, bands.high))
    off = (predicted < low) | (predicted > high)
    told = ~np.isnan(low)
    source = ColumnDataSource(
        {
            "predicted": np.sqrt(predicted),
            "happened": np.sqrt(happened),
            "low": np.sqrt(np.where(told, low, happened)),
            "high": np.sqrt(np.where(told, high, happened)),
            "predicted_told": [format_percent(share) for share in 100 * predicted],
            "happened_told": [format_percent(share) for share in 100 * happened],
            "rows": bands.rows,
            "interval": [_tell_interval(*bounds) for bounds in zip(bands.low, bands.high, strict=True)],
            "color": np.where(off, RED, BLUE),
            "marker": np.where(off, "triangle", "circle"),
        }
    )
    end = ROOM * float(np.sqrt(max(*predicted, *happened, *high[told], LEAST_END)))
    plot = figure(
        height=HEIGHT_PX, sizing_mode="stretch_width", tools="", toolbar_location=None,
        x_range=Range1d(0, end), y_range=Range1d(0, end),
    )  # fmt: skip
    plot.line([0, end], [0, end], line_color=GREY, line_dash="dashed", line_width=1.5)
    plot.segment("predicted", "low", "predicted", "high", line_color="color", line_width=2, source=source)
    marks = plot.scatter(
        "predicted", "happened", size=9, fill_color="color", line_color="color", marker="marker", source=source
    )
    tips = [("predicted", "@predicted_told"), ("happened", "@happened_told"), ("interval", "@interval")]
    plot.add_tools(HoverTool(renderers=[marks], tooltips=[*tips, ("rows", "@rows{0,0}")]))
    _style(plot)
    return plot


def render_verdict(bands: Bands, rows: str) -> Markup:
    """The curve in a sentence or two. rows: what the rows are, such as "sessions"."""
    judged = [
        low <= predicted <= high
        for predicted, low, high in zip(bands.predicted, bands.low, bands.high, strict=True)
        if low is not None and high is not None
    ]
    total, bins = sum(bands.rows), len(bands.rows)
    said = f"{format_count(total)} {rows} that the model never saw, in {bins} groups by what it predicted, "
    said += f"of {_tell_sizes(bands.rows)} each. " if bins > 1 else "a single one: they are too few for more. "
    if judged:
        said += (
            f"In {sum(judged)} of {len(judged)} what was predicted lies in the {bands.level:.0%} interval of what "
            f"happened; chance alone leaves out about {(1 - bands.level) * len(judged):.0f}."
        )
    else:
        said += f"Each holds fewer than {FEWEST_ROWS}, which is too few for an interval."
    return Markup("<p class=reason>{}</p>").format(said)


def render_table(bands: Bands, rows: str) -> Markup:
    """The curve as a table, folded until it is asked for."""
    begins = (0.0, *bands.edges)
    columns = zip(begins, bands.rows, bands.predicted, bands.happened, bands.low, bands.high, strict=True)
    lines = (
        Markup(
            "<tr><th scope=row>{}</th><td class=number>{}</td><td class=number>{}</td><td class=number>{}</td>"
            "<td class=number>{}</td></tr>"
        ).format(
            format_percent(100 * begin),
            format_count(count),
            format_percent(100 * predicted),
            format_percent(100 * happened),
            _tell_interval(low, high),
        )
        for begin, count, predicted, happened, low, high in columns
    )
    return Markup(
        "<details><summary>The curve as a table</summary><div class=wide tabindex=0 role=region "
        'aria-label="Calibration as a table"><table><thead><tr>'
        "<th scope=col>Scored from</th><th scope=col class=number>{rows}</th>"
        "<th scope=col class=number>Predicted</th><th scope=col class=number>Happened</th>"
        "<th scope=col class=number>{level} interval</th></tr></thead><tbody>{lines}</tbody></table></div></details>"
    ).format(rows=rows.capitalize(), level=f"{bands.level:.0%}", lines=Markup("").join(lines))


def _tell_interval(low: float | None, high: float | None) -> str:
    return "too few" if low is None or high is None else f"{100 * low:.1f}–{100 * high:.1f}%"


def _tell_sizes(rows: tuple[int, ...]) -> str:
    least, most = min(rows), max(rows)
    return format_count(least) if least == most else f"{format_count(least)} to {format_count(most)}"


def _style(plot: Any) -> None:
    plot.xaxis.axis_label, plot.yaxis.axis_label = "predicted, %", "happened, %"
    plot.axis.ticker = FixedTicker(ticks=[sqrt(percent / 100) for percent in TICKS])
    plot.axis.formatter = CustomJSTickFormatter(code="return Math.round(100 * tick * tick).toString()")
    plot.axis.axis_label_text_font_style = "normal"
    plot.axis.axis_label_text_font_size = plot.axis.major_label_text_font_size = "12px"
    plot.axis.minor_tick_line_color = None
    plot.outline_line_color = None
    plot.min_border_left = plot.min_border_right = 8
