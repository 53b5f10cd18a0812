"""How many reschedules are among the sessions that can be called, in words and as a picture."""

from __future__ import annotations

from typing import Final

import numpy as np
from bokeh.models import ColumnDataSource, HoverTool, Span
from bokeh.plotting import figure
from markupsafe import Markup

from dashboards.formats import format_count
from dashboards.theme import BLUE, GREY
from records.columns import Float64
from scoring.call_plan import CallPlan, Expectation, expect_reschedules, expect_saved
from scoring.reminder_report import ReminderReport, Uplift

HEIGHT_PX: Final = 150


def render_plan(
    plan: CallPlan, calls: int, report: ReminderReport | None, threshold: float | None, *, by_rule: bool
) -> Markup:
    """What the chosen number of calls reaches and may save, as HTML.

    report: of automatic reminders; None until it is there. threshold: the probability from which on sessions call for
    one; None where none is sent. by_rule: whether no model answers.
    """
    called = plan.probabilities[:calls]
    found = expect_reschedules(called)
    doubt = " The documented rule answers, so take these figures as rough." if by_rule else ""
    left_out = f" {format_count(plan.unpredicted)} more are not predicted yet." if plan.unpredicted else ""
    return Markup(
        "<p class=main>Among the {calls} <b>{value} {noun}</b> {verb} expected, {range}.</p>"
        "<p>In all {total} are expected among the {sessions} of this list that nobody handled yet.{left_out}{doubt}</p>"
        "<p>{saved}</p>"
        "<details><summary>How this is counted</summary><p>Expected is the sum of the probabilities. The range holds "
        "the number in 9 of 10 cases by chance alone: it is the exact distribution of that sum (Poisson-binomial), and "
        "takes the probabilities for right and the sessions for independent of each other.</p></details>"
    ).format(
        calls="likeliest session" if calls == 1 else f"{calls} likeliest sessions",
        value=f"{found.value:.1f}",
        noun="reschedule" if f"{found.value:.1f}" == "1.0" else "reschedules",
        verb="is" if f"{found.value:.1f}" == "1.0" else "are",
        range=say_range(found),
        total=f"{plan.expected:,.1f}",
        sessions=format_count(plan.sessions),
        left_out=left_out,
        doubt=doubt,
        saved=say_saved(report, called, threshold),
    )


def say_range(found: Expectation) -> str:
    """The bounds as a part of a sentence."""
    if found.low == found.high:
        return f"most likely {found.low:.0f}"
    return f"{found.low:.0f} to {found.high:.0f} in 9 of 10 cases"


def say_saved(report: ReminderReport | None, called: Float64, threshold: float | None) -> str:
    """How many reschedules calls should save, or why that is not known. called: their probabilities (n,)."""
    if report is None:
        return "How many calls save is being looked up."
    if report.treated.tutors + report.hold_out.tutors + report.treated.ahead + report.hold_out.ahead == 0:
        return "How many calls save is not known: no automatic reminder, whose hold-out measures it, was due yet."
    if report.uplift is None:
        return f"How many calls save is not known yet: {report.too_early}."
    if report.doubt is not None:
        return f"How many calls save is in doubt: {report.doubt}."
    if threshold is None:
        return "How many calls save is not known: automatic reminders, whose hold-out measures it, are off."
    return _say_measured(report.uplift, called, threshold)


def _say_measured(uplift: Uplift, called: Float64, threshold: float) -> str:
    """For the sessions that the uplift was measured for: the others have hardly as much that could be saved."""
    measured, least = called[called >= threshold], f"{100 * threshold:g}%"
    if not len(measured):
        return f"How many calls save is not known here: it is measured only for sessions at {least} or more."
    saved = expect_saved(uplift, measured)
    known = "" if len(measured) == len(called) else f"It is known for {len(measured)} of the {len(called)} sessions. "
    said = (
        f"{known}Calls to those at {least} or more should save {saved.value:.1f} reschedules "
        f"({saved.low:.1f} to {saved.high:.1f}), if a call does what an automatic reminder by mail did: of the "
        f"sessions that called for one, {100 * uplift.value:.1f} in 100 fewer were rescheduled where the tutor was "
        f"reminded than where none was sent ({100 * uplift.low:.1f} to {100 * uplift.high:.1f})."
    )
    return said if uplift.low > 0 else f"{said} It may be nothing."


def draw_gain(probabilities: Float64, mean: float, calls: int) -> figure:
    """Reschedules expected among the first N of sessions with these probabilities (n,), descending, against N.

    mean: the probability of all, for the line of calls at random. calls: the chosen N.
    """
    plot = figure(
        height=HEIGHT_PX, sizing_mode="stretch_width", tools="", toolbar_location=None, x_range=(0, 1), y_range=(0, 1)
    )
    source, chosen = (
        ColumnDataSource({"calls": [], "gained": [], "random": []}),
        ColumnDataSource({"calls": [], "gained": []}),
    )
    line = plot.line("calls", "gained", line_color=BLUE, line_width=2, source=source)
    plot.line("calls", "random", line_color=GREY, line_dash="dotted", line_width=1.5, source=source)
    plot.scatter("x", "y", size=9, fill_color=BLUE, line_color=None, source=chosen)
    plot.add_layout(Span(location=calls, dimension="height", line_color=BLUE, line_dash="dashed", line_width=1))
    plot.add_tools(
        HoverTool(
            renderers=[line], mode="vline", tooltips=[("calls", "@calls"), ("reschedules expected", "@gained{0.0}")]
        )
    )
    plot.xaxis.axis_label, plot.yaxis.axis_label = "calls", "reschedules"
    plot.axis.axis_label_text_font_style = "normal"
    plot.axis.axis_label_text_font_size = plot.axis.major_label_text_font_size = "12px"
    plot.axis.axis_label_standoff = 2
    plot.outline_line_color = plot.axis.minor_tick_line_color = None
    plot.xaxis.ticker.desired_num_ticks, plot.yaxis.ticker.desired_num_ticks = 5, 3
    plot.xgrid.visible = False
    plot.min_border_left = plot.min_border_right = 8
    update_gain(plot, probabilities, mean, calls)
    return plot


def update_gain(plot: figure, probabilities: Float64, mean: float, calls: int) -> None:
    """Let the picture show these: quicker than another picture in its place."""
    counts = np.arange(len(probabilities) + 1)
    gained = np.concatenate(([0.0], np.cumsum(probabilities)))
    curves, _, chosen = plot.renderers
    curves.data_source.data = {"calls": counts, "gained": gained, "random": counts * mean}
    chosen.data_source.data = {"x": [calls], "y": [float(gained[min(calls, len(gained) - 1)])]}
    plot.x_range.end = 1.02 * max(int(counts[-1]), 1)
    plot.y_range.end = max(1.0, 1.08 * float(gained[-1]))
    next(mark for mark in plot.center if isinstance(mark, Span)).location = calls
