from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from dashboards.views.call_plan import draw_gain, render_plan, say_saved, update_gain
from scoring.call_plan import CallPlan
from scoring.reminder_report import ArmReport, ReminderReport, Uplift

PLAN = CallPlan(3, 2, 1.125, ((UUID(int=1), 0.75), (UUID(int=2), 0.25), (UUID(int=3), 0.125)))
NONE = ArmReport(0, 0, 0, None, 0, 0, 0)
SOME = ArmReport(40, 300, 60, 0.2, 290, 5, 0)


def report(**known: Any) -> ReminderReport:
    values = {"treated": SOME, "hold_out": SOME, "uplift": None, "too_early": None, "first_uplift": None, "doubt": None}
    return ReminderReport(as_of=datetime(2026, 1, 1, tzinfo=UTC), **values | known)


def test_what_two_calls_reach() -> None:
    html = render_plan(PLAN, 2, None, by_rule=False)
    # none in 0.25 · 0.75, both in 0.75 · 0.25 of all cases: neither is in the tail of one in 20
    assert "Among the 2 likeliest sessions <b>1.0 reschedule</b> is expected, 0 to 2 in 9 of 10 cases." in html
    assert (
        "In all 1.1 are expected among the 3 of this list that nobody handled yet. 2 more are not predicted yet."
        in html
    )
    assert "rule" not in html
    assert "The documented rule answers" in render_plan(PLAN, 1, None, by_rule=True)


def test_what_calls_save_is_said_with_its_source_or_why_it_is_not() -> None:
    assert "being looked up" in say_saved(None, 10)
    assert "was due yet" in say_saved(report(treated=NONE, hold_out=NONE, too_early="x"), 10)
    assert say_saved(report(too_early="each arm needs 30 tutors"), 10).endswith(
        "not known yet: each arm needs 30 tutors."
    )
    uplift = Uplift(0.08, 0.03, 0.13)
    assert say_saved(report(uplift=uplift, doubt="outcomes are untold"), 10).endswith("in doubt: outcomes are untold.")
    said = say_saved(report(uplift=uplift), 10)
    assert "Calls should save 0.8 of them (0.3 to 1.3), if a call does what an automatic reminder by mail did" in said
    assert "8.0 in 100 fewer" in said
    assert "(3.0 to 13.0)" in said
    assert say_saved(report(uplift=Uplift(0.08, -0.03, 0.13)), 10).endswith("It may be nothing.")


@pytest.mark.parametrize("drawn_before", [False, True])
def test_the_picture_rises_by_each_of_the_likeliest(drawn_before: bool) -> None:
    shown = np.array([0.75, 0.25, 0.125]), 0.375, 2
    if drawn_before:
        update_gain(plot := draw_gain(np.array([0.5]), 0.1, 1), *shown)
    else:
        plot = draw_gain(*shown)
    lines = {renderer.glyph.y: renderer.data_source.data for renderer in plot.renderers if renderer.glyph.y != "y"}
    assert lines["gained"]["gained"] == pytest.approx([0, 0.75, 1.0, 1.125])
    assert lines["random"]["random"] == pytest.approx([0, 0.375, 0.75, 1.125])
    dot = plot.renderers[-1].data_source.data
    assert (list(dot["x"]), list(dot["y"])) == ([2], [1.0])
