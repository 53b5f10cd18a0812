"""Reschedule rates as pictures, always with the threshold of high risk in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from bokeh.models import ColumnDataSource, DatetimeTickFormatter, HoverTool, NumeralTickFormatter, Span
from bokeh.plotting import figure

from dashboards.formats import NOTHING, format_percent
from dashboards.theme import BLUE, GREEN, GREY, RED
from dashboards.views.tutor_events import RateEvent
from features.catalogue_tutor import HIGH_RISK_PERCENT
from scoring.tutor_history import RatePoint

BIN_PERCENT: Final = 3  # divides the threshold, so no bar stands on both sides of it
LEAST_RANGE_PERCENT: Final = 30  # a picture of small rates still shows how far the threshold is
HEIGHT_PX: Final = 165
MARKERS: Final = {  # of events, as views.tutor_events.render_key tells them
    "raised": ("inverted_triangle", RED),
    "lifted": ("triangle", GREEN),
    "intervention": ("circle", BLUE),
    "profile": ("diamond", GREY),
}
FLAG_CHANGES: Final = ("raised", "lifted")


def draw_rate_distribution(rate_counts: Sequence[int]) -> figure:
    """How many tutors have which 30-day rate; `rate_counts[i]` of them one in (i, i + 1] percent."""
    source = ColumnDataSource()
    plot = _start_plot(x_range=(0, 1), y_range=(0, 1))
    bars = plot.quad(
        left="left", right="right", bottom=0, top="top", fill_color="color", line_color=None, source=source
    )
    plot.add_tools(HoverTool(renderers=[bars], tooltips=[("30-day rate", "@range"), ("tutors", "@top{0,0}")]))
    plot.add_layout(_threshold("height"))
    plot.xaxis.formatter = NumeralTickFormatter(format="0")
    plot.xaxis.axis_label = "30-day rate, %"
    plot.yaxis.axis_label = "tutors"
    plot.xgrid.visible = False
    update_rate_distribution(plot, rate_counts)
    return plot


def update_rate_distribution(plot: figure, rate_counts: Sequence[int]) -> None:
    """Let the picture show these counts: quicker than another picture in its place."""
    counts = np.add.reduceat(np.asarray(rate_counts, dtype=np.int64), np.arange(0, len(rate_counts), BIN_PERCENT))
    low = BIN_PERCENT * np.arange(len(counts))
    end = max(LEAST_RANGE_PERCENT, int(low[counts > 0].max(initial=0)) + BIN_PERCENT)
    shown = low < end
    low, counts = low[shown], counts[shown]
    high = np.minimum(low + BIN_PERCENT, 100)
    plot.renderers[0].data_source.data = {
        "left": low + 0.2,
        "right": high - 0.2,
        "top": counts,
        "range": [f"{start}–{stop}%" for start, stop in zip(low, high, strict=True)],
        "color": np.where(low >= HIGH_RISK_PERCENT, RED, BLUE),
    }
    plot.x_range.end = end
    plot.y_range.end = max(1, 1.12 * counts.max(initial=0))


def draw_rate_history(points: Sequence[RatePoint], events: Sequence[RateEvent] = (), height: int = HEIGHT_PX) -> figure:
    """One tutor's 30-day rate over time, with gaps where there was no session, and what happened above it."""
    source, top = ColumnDataSource(_list_points(points)), _top_of(points)
    plot = _start_plot(x_axis_type="datetime", y_range=(-0.02 * top, top), height=height)
    plot.line("moment", "rate", line_color=GREY, line_width=1.5, source=source)
    dots = plot.scatter("moment", "rate", size=7, fill_color="color", line_color=None, source=source)
    plot.add_tools(
        HoverTool(
            renderers=[dots],
            tooltips=[("30 days to", "@moment{%d %b %Y}"), ("rate", "@shown"), ("rescheduled", "@sessions")],
            formatters={"@moment": "datetime"},
        )
    )
    plot.add_layout(_threshold("width"))
    if events:
        _mark_events(plot, events, top)
    plot.xaxis.formatter = DatetimeTickFormatter(
        days="%d %b",
        months="%b",
        context=DatetimeTickFormatter(months="%Y"),  # the year once, so that the months' names do not meet
        context_which="start",
        context_location="below",
        hide_repeats=True,
    )
    plot.yaxis.formatter = NumeralTickFormatter(format="0")
    plot.yaxis.axis_label = "30-day rate, %"
    plot.xgrid.visible = False
    return plot


def update_rate_history(plot: figure, points: Sequence[RatePoint]) -> None:
    """Let a picture without events show these points: quicker than another picture in its place."""
    plot.renderers[0].data_source.data = _list_points(points)
    top = _top_of(points)
    plot.y_range.update(start=-0.02 * top, end=top)


def _list_points(points: Sequence[RatePoint]) -> dict[str, Any]:
    rates = np.array([np.nan if point.rate is None else point.rate for point in points])
    return {
        "moment": [point.moment for point in points],
        "rate": rates,
        "shown": [NOTHING if point.rate is None else format_percent(point.rate) for point in points],
        "sessions": [f"{point.rescheduled} of {point.sessions}" for point in points],
        "color": np.where(np.nan_to_num(rates) > HIGH_RISK_PERCENT, RED, BLUE),
    }


def _top_of(points: Sequence[RatePoint]) -> float:
    """Up to where the picture goes, in percent."""
    return max(LEAST_RANGE_PERCENT, 1.12 * max((point.rate for point in points if point.rate is not None), default=0))


def _mark_events(plot: figure, events: Sequence[RateEvent], top: float) -> None:
    """A mark for each along the top: above those that change the flag, with a line down to the rate."""
    heads = [(0.95 if event.kind in FLAG_CHANGES else 0.86) * top for event in events]
    source = ColumnDataSource(
        {
            "moment": [event.moment for event in events],
            "words": [event.words for event in events],
            "marker": [MARKERS[event.kind][0] for event in events],
            "color": [MARKERS[event.kind][1] for event in events],
            "head": heads,
            "foot": [0.0 if event.kind in FLAG_CHANGES else head for event, head in zip(events, heads, strict=True)],
        }
    )
    plot.segment("moment", "foot", "moment", "head", line_color="color", line_dash="dotted", source=source)
    marks = plot.scatter(
        "moment", "head", size=11, marker="marker", fill_color="color", line_color="color", source=source
    )
    tooltips = [("", "@moment{%d %b %Y}"), ("", "@words")]
    plot.add_tools(HoverTool(renderers=[marks], tooltips=tooltips, formatters={"@moment": "datetime"}))


def _start_plot(**options: Any) -> figure:
    sized = {"height": HEIGHT_PX, **options}
    plot = figure(sizing_mode="stretch_width", tools="", toolbar_location=None, **sized)
    plot.min_border_left = plot.min_border_right = 8
    plot.axis.axis_label_text_font_style = "normal"
    plot.axis.axis_label_text_font_size = "12px"
    plot.axis.major_label_text_font_size = "12px"
    plot.outline_line_color = None
    plot.axis.minor_tick_line_color = None
    plot.xaxis.ticker.desired_num_ticks = 5
    plot.yaxis.ticker.desired_num_ticks = 4
    return plot


def _threshold(dimension: str) -> Span:
    return Span(location=HIGH_RISK_PERCENT, dimension=dimension, line_color=RED, line_dash="dashed", line_width=1.5)
