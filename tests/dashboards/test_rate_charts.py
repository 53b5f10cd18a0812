from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from bokeh.models import Span

from dashboards.theme import BLUE, RED
from dashboards.views.rate_charts import (
    draw_rate_distribution,
    draw_rate_history,
    update_rate_distribution,
    update_rate_history,
)
from scoring.tutor_history import RatePoint


def data_of(plot: Any, key: str) -> list[Any]:
    (source,) = {renderer.data_source for renderer in plot.renderers}
    return list(source.data[key])


def threshold_of(plot: Any) -> float:
    (span,) = plot.select({"type": Span})
    return float(span.location)


def test_bars_count_tutors_and_change_colour_at_the_threshold() -> None:
    counts = [0] * 100
    counts[0], counts[2], counts[14], counts[15], counts[40] = 5, 1, 2, 3, 1

    plot = draw_rate_distribution(counts)

    shown = dict(
        zip(data_of(plot, "range"), zip(data_of(plot, "top"), data_of(plot, "color"), strict=True), strict=True)
    )
    assert shown["0–3%"] == (6, BLUE)
    assert shown["12–15%"] == (2, BLUE)
    assert shown["15–18%"] == (3, RED)
    assert shown["39–42%"] == (1, RED)
    assert sum(top for top, _ in shown.values()) == 12
    assert list(shown)[-1] == "39–42%"
    assert threshold_of(plot) == 15


def test_the_last_bar_ends_at_all_of_it() -> None:
    plot = draw_rate_distribution([0] * 99 + [1])

    assert (data_of(plot, "range")[-1], data_of(plot, "top")[-1]) == ("99–100%", 1)


def test_no_scores_still_draw() -> None:
    plot = draw_rate_distribution([0] * 100)

    assert data_of(plot, "range")[-1] == "27–30%"
    assert sum(data_of(plot, "top")) == 0


def test_the_history_has_gaps_where_there_is_no_rate() -> None:
    moments = [datetime(2026, month, 1, tzinfo=UTC) for month in (1, 2, 3)]
    plot = draw_rate_history(
        [RatePoint(moments[0], 20, 3, 15.0), RatePoint(moments[1], 0, 0, None), RatePoint(moments[2], 10, 6, 60.0)]
    )

    np.testing.assert_array_equal(data_of(plot, "rate"), [15.0, np.nan, 60.0])
    assert data_of(plot, "color") == [BLUE, BLUE, RED]
    assert data_of(plot, "sessions") == ["3 of 20", "0 of 0", "6 of 10"]
    assert plot.y_range.end > 60
    assert threshold_of(plot) == 15


def test_a_picture_that_is_updated_shows_what_a_new_one_would() -> None:
    few, many = [0] * 99 + [1], [5, 0, 40] + [0] * 97
    plot = draw_rate_distribution(few)
    update_rate_distribution(plot, many)
    new = draw_rate_distribution(many)
    assert data_of(plot, "top") == data_of(new, "top")
    assert data_of(plot, "range") == data_of(new, "range")
    assert (plot.x_range.end, plot.y_range.end) == (new.x_range.end, new.y_range.end)

    moment = datetime(2026, 3, 11, tzinfo=UTC)
    low, high = [RatePoint(moment, 0, 0, None)], [RatePoint(moment, 2, 1, 50.0), RatePoint(moment, 10, 1, 10.0)]
    history = draw_rate_history(low)
    update_rate_history(history, high)
    assert data_of(history, "rate") == [50.0, 10.0]
    assert data_of(history, "color") == [RED, BLUE]
    assert (history.y_range.start, history.y_range.end) == pytest.approx((-1.12, 56.0))
