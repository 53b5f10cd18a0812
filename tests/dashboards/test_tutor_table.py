from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

import pytest
from scipy.stats import beta

from dashboards.csv_export import write_csv
from dashboards.views.tutor_csv import tabulate_tutors
from dashboards.views.tutor_detail import render_tutor
from dashboards.views.tutor_table import TUTOR_COLUMNS, show_flag, show_likely, show_trend, show_tutor_rows
from scoring.shrinkage import RatePrior
from scoring.tutor_history import RatePoint
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
    (row,) = show_tutor_rows([TUTOR], PRIOR, {})

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


def test_the_name_leads_to_the_tutor_and_says_who_left() -> None:
    present, gone, silent = (
        row["cells"]["name"]
        for row in show_tutor_rows(
            [
                replace(TUTOR, email="ada@example.org"),
                replace(TUTOR, email="ada@example.org", is_active=False),
                replace(TUTOR, is_active=False),
            ],
            PRIOR,
            {},
        )
    )

    assert present["link"] == gone["link"] == "tutor?id=00000000-0000-0000-0000-000000000001"
    assert [present["detail"], gone["detail"], silent["detail"]] == [
        "ada@example.org",
        "Former tutor · ada@example.org",
        "Former tutor",
    ]


def test_the_line_of_the_rate_has_gaps_and_is_left_out_where_nothing_is_known() -> None:
    moment = datetime(2026, 3, 11, tzinfo=UTC)
    known = [RatePoint(moment, 4, 1, 25.0), RatePoint(moment, 0, 0, None), RatePoint(moment, 2, 1, 50.0)]
    (drawn,) = show_tutor_rows([TUTOR], PRIOR, {TUTOR.id: known})
    (unknown,) = show_tutor_rows([TUTOR], PRIOR, {TUTOR.id: known[1:2]})

    assert (drawn["cells"]["trend"]["spark"], drawn["cells"]["trend"]["spark_limit"]) == ([25.0, None, 50.0], 15)
    assert drawn["cells"]["trend"]["text"] == "+10.0 pp"
    assert "spark" not in unknown["cells"]["trend"]


def test_what_leaves_as_csv() -> None:
    unscored = replace(
        TUTOR,
        name="=1+1",
        reschedule_rate_7d=None,
        reschedule_rate_30d=None,
        total_sessions_30d=None,
        tutor_reschedules_30d=None,
        reschedule_trend=None,
        is_high_risk=False,
        is_active=False,
    )
    scored = replace(TUTOR, email="ada@example.org", last_calculated_at=datetime(2026, 3, 11, 12, tzinfo=UTC))
    table = tabulate_tutors([unscored, scored], PRIOR)
    rows = [dict(zip(table.header, row, strict=True)) for row in table.rows]

    low, high = beta(482, 734).interval(0.9)  # 480 of 1,200 and 2 of 16
    assert rows[1] == {
        "tutor_id": "00000000-0000-0000-0000-000000000001",
        "name": "Ada",
        "email": "ada@example.org",
        "active": "yes",
        "high_risk": "yes",
        "reschedule_rate_7d_percent": 50.0,
        "reschedule_rate_30d_percent": 40.0,
        "reschedule_rate_90d_percent": None,
        "sessions_7d": 2,
        "sessions_30d": 1200,
        "sessions_90d": 0,
        "rescheduled_by_tutor_30d": 480,
        "likely_rate_30d_percent": 39.64,  # 482 of 1,216
        "likely_rate_low_percent": round(100 * low, 2),
        "likely_rate_high_percent": round(100 * high, 2),
        "trend_points": 10.0,
        "calculated_at_utc": "2026-03-11T12:00:00Z",
    }
    assert (rows[0]["name"], rows[0]["active"], rows[0]["high_risk"]) == ("=1+1", "no", "no")
    assert [rows[0][name] for name in table.header[12:]] == [None] * 5
    assert write_csv(table.header, table.rows).splitlines()[1].split(",")[1] == "'=1+1"


def test_what_can_be_sorted_is_what_the_list_sorts_by() -> None:
    assert {column["key"] for column in TUTOR_COLUMNS if column.get("sortable")} == {*SORTS, LIKELY}


def test_the_rate_of_few_sessions_is_marked_and_drawn_towards_that_of_all() -> None:
    (row,) = show_tutor_rows([replace(TUTOR, tutor_reschedules_30d=1, total_sessions_30d=2)], PRIOR, {})
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
    assert '<a href="tutor?id=00000000-0000-0000-0000-000000000001">' in html
