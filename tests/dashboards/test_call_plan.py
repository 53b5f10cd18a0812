from __future__ import annotations

import threading
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import numpy as np
import panel as pn
import pytest

from dashboards.call_card import CallCard
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
    html = render_plan(PLAN, 2, None, None, by_rule=False)
    # none in 0.25 · 0.75, both in 0.75 · 0.25 of all cases: neither is in the tail of one in 20
    assert "Among the 2 likeliest sessions <b>1.0 reschedule</b> is expected, 0 to 2 in 9 of 10 cases." in html
    assert (
        "In all 1.1 are expected among the 3 of this list that nobody handled yet. 2 more are not predicted yet."
        in html
    )
    assert "rule" not in html
    assert "The documented rule answers" in render_plan(PLAN, 1, None, None, by_rule=True)


def test_what_calls_save_is_said_with_its_source_or_why_it_is_not() -> None:
    ten = np.full(10, 0.5)
    assert "being looked up" in say_saved(None, ten, 0.4)
    assert "was due yet" in say_saved(report(treated=NONE, hold_out=NONE, too_early="x"), ten, 0.4)
    assert say_saved(report(too_early="each arm needs 30 tutors"), ten, 0.4).endswith(
        "not known yet: each arm needs 30 tutors."
    )
    uplift = Uplift(0.08, 0.03, 0.13)
    doubtful = say_saved(report(uplift=uplift, doubt="outcomes are untold"), ten, 0.4)
    assert doubtful.endswith("in doubt: outcomes are untold.")
    assert say_saved(report(uplift=uplift), ten, None).endswith("are off.")
    said = say_saved(report(uplift=uplift), ten, 0.4)
    assert said.startswith("Calls to those at 40% or more should save 0.8 reschedules (0.3 to 1.3), if a call does")
    assert "8.0 in 100 fewer" in said
    assert "(3.0 to 13.0)" in said
    assert say_saved(report(uplift=Uplift(0.08, -0.03, 0.13)), ten, 0.4).endswith("It may be nothing.")


def test_what_calls_save_is_said_only_of_sessions_that_it_was_measured_for() -> None:
    known = report(uplift=Uplift(0.08, 0.03, 0.13))
    assert say_saved(known, np.full(100, 0.04), 0.4) == (
        "How many calls save is not known here: it is measured only for sessions at 40% or more."
    )
    said = say_saved(known, np.array([0.75, 0.4, 0.399, 0.04]), 0.4)  # the first two
    assert said.startswith("It is known for 2 of the 4 sessions. Calls to those at 40% or more should save 0.2 ")
    assert "(0.1 to 0.3)" in said


def test_the_card_says_what_the_review_holds_and_waits_for_nothing() -> None:
    kept: Any = SimpleNamespace(value=None)
    context: Any = SimpleNamespace(kept_review=kept, settings=SimpleNamespace(reminder_threshold=0.2))
    card = CallCard(context, lambda: None)
    threads = threading.enumerate()

    card.show(PLAN, by_rule=False)
    assert "being looked up" in shown_words(card)
    kept.value = SimpleNamespace(reminders=report(uplift=Uplift(0.5, 0.25, 0.75)))
    card.show(PLAN, by_rule=False)

    assert "It is known for 2 of the 3 sessions." in shown_words(card)
    assert "should save 1.0 reschedules (0.5 to 1.0)" in shown_words(card)  # 0.75 + 0.25 are expected
    assert threading.enumerate() == threads


def shown_words(card: CallCard) -> str:
    return "".join(pane.object for pane in card.view.select(pn.pane.HTML))


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
