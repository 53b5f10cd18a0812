from __future__ import annotations

import io

import numpy as np
import pytest

from features.catalogue import names_of
from modelling.pictures import draw_base_rate, draw_departures, draw_features, draw_run
from modelling.recipe import train_model
from modelling.risk import RiskThresholds

from .table import GAP, make_table


@pytest.fixture(scope="module")
def frame():
    return make_table(3000)[0]


def is_drawn(figure) -> bool:
    figure.savefig(buffer := io.BytesIO(), dpi=30)
    return buffer.getvalue().startswith(b"\x89PNG")


def test_the_pictures_of_a_run_show_what_was_measured(frame):
    given = {"gap": GAP, "thresholds": RiskThresholds(0.15, 0.35), "trials": 2, "seed": 1, "threads": 1}
    first = train_model(frame, "reschedule", **given)
    trained = train_model(frame, "reschedule", champion=first.artifact, **given)
    pictures = draw_run(trained)
    assert set(pictures) == {"search", "reliability", "importance", "comparison"}
    assert all(map(is_drawn, pictures.values()))
    comparison = pictures["comparison"].axes[0]
    assert [label.get_text() for label in comparison.get_yticklabels()] == [
        "against the base rate",
        "against the rule",
        "against the champion",
    ]
    np.testing.assert_allclose(comparison.lines[0].get_xdata()[0], -trained.verdict.against_base_rate.mean)
    curve = pictures["reliability"].axes[0]
    np.testing.assert_allclose(curve.containers[0].lines[0].get_ydata(), trained.reliability.observed)


def test_the_data_pictures_count_every_row(frame):
    weekly = draw_base_rate(frame, "reschedule")
    assert sum(bar.get_height() for bar in weekly.axes[0].patches if bar.get_width() == 6) == len(frame)
    assert is_drawn(weekly)
    left = draw_departures(100, {"history only": 30}, 70)
    assert [bar.get_width() for bar in left.axes[0].patches] == [100, 30, 70]


def test_a_feature_that_never_varies_has_no_panel(frame):
    names = names_of("reschedule")
    figure = draw_features(frame.assign(hour_of_day=15.0), names)
    titles = [axes.get_title() for axes in figure.axes if axes.get_visible()]
    assert set(titles) == set(names) - {"hour_of_day"}
    assert is_drawn(figure)
