"""What the page of the models says and draws, from figures worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from math import sqrt
from pathlib import Path
from typing import Any

import pytest
import yaml

from dashboards.theme import BLUE, RED
from dashboards.views.model_calibration import draw_calibration, render_table, render_verdict
from dashboards.views.model_change import Change, render_change, tell_done
from dashboards.views.model_drift import measure_distance, render_drift
from dashboards.views.model_head import METRICS, next_training, render_head
from dashboards.views.model_list import render_shadow
from dashboards.views.model_weeks import render_groups, render_outcomes, render_windows
from modelling.bands import Bands
from modelling.decisions import Decision
from modelling.expected_performance import Expected, ExpectedPerformance
from modelling.store import ModelRow
from scoring.expected_weeks import ExpectedWeek, State
from scoring.outcomes import GroupOutcome
from scoring.shadow_report import ShadowReport

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 3, 11, 12, tzinfo=UTC)  # a Wednesday
BANDS = Bands(
    level=0.9,
    dispersion=1.0,
    edges=(0.1, 0.3),
    rows=(400, 399, 100),
    predicted=(0.04, 0.16, 0.49),
    happened=(0.0625, 0.25, 0.36),
    low=(0.04, 0.2, None),
    high=(0.09, 0.3025, None),
)


def model(version: str, alias: str | None = None, loss: float = 0.25) -> ModelRow:
    return ModelRow("reschedule", version, alias, NOW, {"log_loss": loss}, "0" * 64, None)


def test_the_curve_on_axes_of_square_roots() -> None:
    plot = draw_calibration(BANDS)
    data: dict[str, Any] = plot.renderers[-1].data_source.data
    assert list(data["predicted"]) == pytest.approx([0.2, 0.4, 0.7])
    assert list(data["happened"]) == pytest.approx([0.25, 0.5, 0.6])
    assert list(data["low"]) == pytest.approx([0.2, sqrt(0.2), 0.6])  # without an interval its line has no length
    assert list(data["high"]) == pytest.approx([0.3, 0.55, 0.6])
    # 4 % is the lower end of its interval, 16 % lies below 20 to 30.25 %, and of 49 % nothing is said
    assert list(data["marker"]) == ["circle", "triangle", "circle"]
    assert list(data["color"]) == [BLUE, RED, BLUE]
    assert plot.x_range.end == plot.y_range.end == pytest.approx(1.04 * 0.7)


def test_the_curve_in_words_and_as_a_table() -> None:
    said = render_verdict(BANDS, "sessions")
    assert "899 sessions that the model never saw, in 3 groups by what it predicted, of 100 to 400 each." in said
    assert "In 1 of 2 what was predicted lies in the 90% interval" in said
    table = render_table(BANDS, "sessions")
    assert table.count("<tr>") == 1 + 3
    assert "<th scope=row>10.0%</th><td class=number>399</td><td class=number>16.0%</td>" in table
    assert "20.0–30.2%" in table
    assert "too few" in table


def finding(
    subject: str, verdict: str, statistic: float | None, threshold: float | None, reason: str
) -> dict[str, Any]:
    return {
        "subject": subject,
        "verdict": verdict,
        "statistic": statistic,
        "threshold": threshold,
        "reason": reason,
        "day": date(2026, 3, 10),
        "retraining": None,
        "retraining_reason": None,
    }


def test_drift_is_told_in_multiples_of_where_it_begins() -> None:
    drifted = finding("hour_of_day", "drift", -0.3, 0.2, "<b>it moved</b>")
    assert measure_distance(drifted) == pytest.approx(1.5)
    assert measure_distance(finding("rate", "no verdict", None, None, "")) is None
    overall = finding("overall", "drift", None, None, "1 of 2")
    within = finding("is_weekend", "stable", 0.05, 0.2, "nothing")
    shown = render_drift("reschedule", [overall, drifted, within], {})
    assert "up to 10 Mar 2026" in shown
    assert "width: 75.0%" in shown  # the bar has room for twice the threshold, which stands in its middle
    assert "left: 50.0%" in shown
    assert "150%" in shown
    assert "&lt;b&gt;it moved&lt;/b&gt;" in shown
    assert "1 more looks, none of them drift" in shown
    assert shown.index("150%") < shown.index("<details>") < shown.index("25%")


def test_without_a_watch_the_page_says_how_to_look() -> None:
    assert "tqs drift --target no_show" in render_drift("no_show", [], {})


def week(state: State, rate: float | None, told: int = 100) -> ExpectedWeek:
    expected = ExpectedPerformance(100, Expected(0.1, 0.05, 0.2), Expected(0.3, 0.25, 0.35), Expected(0.1, 0.0, 0.2))
    return ExpectedWeek(date(2026, 3, 2), 100, told, expected, rate, None if rate is None else 0.4, state)


def test_windows_tell_what_was_expected_beside_what_came() -> None:
    test_part = {
        "window": {"rows": 1000, "first_scheduled": "2026-01-05T08:00:00Z", "last_scheduled": "2026-02-20T08:00:00Z"},
        "losses": {"challenger": {"rows": 1000, "log_loss": 0.25, "standard_error": 0.01}},
    }
    metrics = {"mean_prediction": 0.11, "base_rate": 0.12, "log_loss": 0.25}
    shown = render_windows(metrics, test_part, [week("not as expected", 0.25), week("open", None, told=40)])
    assert "Test part, 5 Jan 2026 to 20 Feb 2026" in shown
    assert "0.2500<small>± 0.0196</small>" in shown  # 1.96 standard errors
    assert "Week of 2 Mar 2026" in shown
    assert "10.0%<small>5.0–20.0%</small>" in shown
    assert "rate and log loss outside" in shown  # 25 % of 5 to 20 %, and 0.4 of 0.25 to 0.35
    assert "40<small>of 100</small>" in shown
    # the track has room for 25 %, of which the band begins at a fifth and is three fifths wide
    assert "left: 20.0%; width: 60.0%" in shown
    assert "left: 100.0%" in shown
    assert render_windows({}, None, []) == ""


def test_outcomes_are_told_by_what_was_done() -> None:
    shown = render_outcomes([GroupOutcome("v2", "treated", 1200, 0.2, 0.15, 0.31, 0.1)])
    assert "somebody acted" in shown
    assert "<td class=number>1,200</td><td class=number>20.0%</td><td class=number>15.0%</td>" in shown


def test_groups_stand_in_their_order_and_those_apart_are_marked() -> None:
    def group(name: str, predicted: float) -> dict[str, Any]:
        figures = {"rows": 500, "log_loss": 0.3, "base_rate": 0.1, "chance_error": 0.01, "mean_prediction": predicted}
        return {"grouping": "lead time", "group": name} | figures

    shown = render_groups({"groups": [group("1–3 days", 0.119), group("under a day", 0.12)]})
    assert shown.index("under a day") < shown.index("1–3 days")
    assert "rowspan=2>lead time" in shown
    # 1.96 × 0.01: 12 % lies outside, 11.9 % does not
    assert shown.count("</span>apart</span>") == 1
    assert shown.index("apart") < shown.index("1–3 days")


def test_the_next_training_is_the_one_that_prefect_starts() -> None:
    deployments = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    (weekly,) = (one for one in deployments if one["entrypoint"] == "flows/retrain.py:retrain")
    assert weekly["schedules"] == [{"cron": "0 3 * * 1", "timezone": "UTC"}]
    monday = datetime(2026, 3, 16, 3, tzinfo=UTC)
    assert next_training(NOW) == monday
    assert next_training(datetime(2026, 3, 16, 2, 59, tzinfo=UTC)) == monday
    assert next_training(monday) == datetime(2026, 3, 23, 3, tzinfo=UTC)


def test_the_head_says_since_when_and_by_whom() -> None:
    change = Decision("reschedule", "rolled_back", "Odd.", "person ann", "v1", "v2", decided_at=NOW)
    head = render_head("reschedule", [model("v1", "champion")], change, None, NOW, "Europe/Berlin")
    assert "v1 serves since 11 Mar 2026, 13:00 CET, brought back by ann." in head
    assert "Next training: 16 Mar 2026, 04:00 CET" in head


@pytest.mark.parametrize(("loss", "told"), [(0.36, "10.0% below the base rate"), (0.412, "3.0% above the base rate")])
def test_a_model_that_is_worse_than_the_base_rate_is_above_it(loss: float, told: str) -> None:
    metrics = dict.fromkeys(METRICS, 0.4) | {"log_loss": loss}
    champion = replace(model("v1", "champion"), metrics=metrics)
    assert told in render_head("reschedule", [champion], None, None, NOW, "UTC")


def test_a_change_says_what_will_happen() -> None:
    kept = Decision(
        "reschedule", "kept", "It <i>lost</i>.", "gate", "v3", metrics={"test_part": {"warnings": ["A doubt."]}}
    )
    change = Change(model("v3", "challenger", 0.24), model("v2", "champion", 0.26), NOW, kept)
    assert change.deed == "Let v3 serve"
    said = render_change(change, "UTC")
    assert "v2 answers “Will this session be moved or cancelled?”, since 11 Mar 2026, 12:00 UTC." in said
    assert "v3 0.2400, v2 0.2600" in said
    assert "Last decision about it: kept out v3 by the gate. It &lt;i&gt;lost&lt;/i&gt;." in said
    assert "A doubt." in said
    assert tell_done(change) == "v3 serves reschedule; before it was v2."
    back = Change(model("v1", "previous"), model("v2", "champion"), None, None)
    assert (back.is_rollback, back.deed) == (True, "Roll back to v1")
    assert tell_done(back) == "v1 serves reschedule again; before it was v2."
    first = Change(model("v1", "challenger"), None, None, None)
    assert "No model serves: the rule answers" in render_change(first, "UTC")
    assert tell_done(first) == "v1 serves reschedule; before it was the rule."


def test_a_run_in_shadow_in_short() -> None:
    report = ShadowReport(
        "reschedule", "v3", ("v2",), NOW, NOW, True, 1200, 300, 4, None, "outcomes are in of 900 predictions", None
    )
    shown = render_shadow(report, "UTC")
    assert "v3 in shadow" in shown
    assert "until 11 Mar 2026, 12:00 UTC" in shown
    assert (
        "1,200 sessions predicted by both, 300 of them not over yet. Too early to say: outcomes are in of 900" in shown
    )
    assert render_shadow(None, "UTC") == ""
