from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest
from scipy.stats import beta

from dashboards.views.tutor_detail import render_tutor
from dashboards.views.tutor_table import TUTOR_COLUMNS, show_flag, show_likely, show_trend, show_tutor_rows
from scoring.shrinkage import RatePrior
from scoring.tutor_list import ListedTutor
from scoring.tutor_page import LIKELY, SORTS

PRIOR = RatePrior(reschedules=2.0, sessions=16.0)
TUTOR = ListedTutor(
    id=UUID(int=1),
    name="Ada",
    email=None,
    reschedule_rate_7d=50.0,
    reschedule_rate_30d=40.0,
    reschedule_rate_90d=None,
    total_sessions_7d=2,
    total_sessions_30d=1200,
    total_sessions_90d=0,
    tutor_reschedules_30d=480,
    reschedule_trend=0.1,
    is_high_risk=True,
    last_calculated_at=None,
)


def test_a_row_in_words_and_figures() -> None:
    (row,) = show_tutor_rows([TUTOR], PRIOR)

    assert row["id"] == "00000000-0000-0000-0000-000000000001"
    assert {key: cell["text"] for key, cell in row["cells"].items()} == {
        "name": "Ada",
        "flag": "High",
        "reschedule_rate_30d": "40.0%",
        "likely_rate_30d": "39.6%",  # 482 of 1,216
        "trend": "+10.0 pp",
        "reschedule_rate_7d": "50.0%",
        "reschedule_rate_90d": "–",
        "total_sessions_30d": "1,200",
    }
    assert set(row["cells"]) == {column["key"] for column in TUTOR_COLUMNS}
    rate = row["cells"]["reschedule_rate_30d"]
    assert (rate["share"], rate["limit"]) == (pytest.approx(0.8), pytest.approx(0.3))  # of a bar that is full at 50 %


def test_what_can_be_sorted_is_what_the_list_sorts_by() -> None:
    assert {column["key"] for column in TUTOR_COLUMNS if column.get("sortable")} == {*SORTS, LIKELY}


def test_the_rate_of_few_sessions_is_marked_and_drawn_towards_that_of_all() -> None:
    (row,) = show_tutor_rows([replace(TUTOR, tutor_reschedules_30d=1, total_sessions_30d=2)], PRIOR)
    likely, sessions = row["cells"][LIKELY], row["cells"]["total_sessions_30d"]
    low, high = beta(3, 15).interval(0.9)  # 2 of 16, and 1 of 2
    assert (likely["text"], likely["detail"], likely["tone"]) == (
        "16.7%",
        f"{100 * low:.0f}–{100 * high:.0f}%",
        "quiet",
    )
    assert sessions == {"text": "2", "detail": "few"}


@pytest.mark.parametrize("counts", [(None, None), (0, 0)])
def test_without_a_session_no_rate_is_likely(counts: tuple[int | None, int | None]) -> None:
    tutor = replace(TUTOR, tutor_reschedules_30d=counts[0], total_sessions_30d=counts[1])
    assert show_likely(tutor, PRIOR) == show_likely(TUTOR, None) == {"text": "–", "tone": "quiet"}


def test_each_flag_has_a_word_and_an_icon_of_its_own() -> None:
    flags = [
        show_flag(TUTOR),
        show_flag(replace(TUTOR, is_high_risk=False)),
        show_flag(replace(TUTOR, is_high_risk=False, reschedule_rate_30d=None)),
    ]

    assert [flag["text"] for flag in flags] == ["High", "Low", "No sessions"]
    assert len({flag["icon"] for flag in flags}) == 3


@pytest.mark.parametrize(
    ("trend", "icon", "tone"),
    [
        (0.1, "trending_up", "bad"),
        (-0.1, "trending_down", "good"),
        (0.009, "trending_flat", "quiet"),
        (-0.009, "trending_flat", "quiet"),
    ],
)
def test_a_rising_rate_is_bad(trend: float, icon: str, tone: str) -> None:
    cell = show_trend(trend)

    assert (cell["icon"], cell["tone"]) == (icon, tone)


def test_the_detail_holds_names_as_text() -> None:
    html = render_tutor(replace(TUTOR, name="<script>alert(1)</script>", email='"><img src=x>'))

    assert "<script" not in html
    assert "<img" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "High risk" in html
    assert "1,200 sessions" in html
