"""The parts of a tutor's page as HTML: what they say, and that names, notes and reasons stay text."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from dashboards.views.intervention_list import render_interventions
from dashboards.views.rate_charts import MARKERS, draw_rate_history
from dashboards.views.tutor_drivers import render_drivers, tell_effect
from dashboards.views.tutor_events import EVENTS, collect_events, render_history, render_key
from dashboards.views.tutor_head import describe_profile, describe_state, render_figures, render_head
from dashboards.views.tutor_peers import render_peers, tell_standing
from dashboards.views.tutor_sessions import render_ahead, render_reschedules
from dashboards.views.tutor_week import render_week
from scoring.interventions import ListedIntervention, Outcome
from scoring.shrinkage import RatePrior
from scoring.tutor_ahead import ConceptEffect, SessionAhead
from scoring.tutor_changes import ProfileChange, TutorFlagChange
from scoring.tutor_history import RatePoint
from scoring.tutor_list import ListedTutor
from scoring.tutor_peers import Peers
from scoring.tutor_person import TutorPerson
from scoring.tutor_reschedules import Reschedule
from scoring.tutor_week import WeekHour

BERLIN = "Europe/Berlin"
NOW = datetime(2026, 3, 11, 12, tzinfo=UTC)  # 13:00 in Berlin
XSS = "<img src=x onerror=alert(1)>"
ADA = TutorPerson(UUID(int=1), "Ada", "ada@example.org", True, 31, 1, "modern", 3, None, 5, None, NOW, NOW)
SCORES: dict[str, Any] = {
    **{"reschedule_rate_7d": 50.0, "reschedule_rate_30d": 40.0, "reschedule_rate_90d": None},
    **{"total_sessions_7d": 2, "total_sessions_30d": 1205, "total_sessions_90d": 0, "tutor_reschedules_30d": 482},
    **{"reschedule_trend": 0.1, "is_high_risk": True, "last_calculated_at": None},
}
TUTOR = ListedTutor(id=UUID(int=1), name="Ada", email=None, **SCORES)
PEERS = Peers(RatePrior(2.0, 16.0), np.array([0.1, 0.2, 0.4]), np.array([100, 250, 50]), None)


def test_whether_they_teach_and_since_when() -> None:
    begun = replace(ADA, first_session=NOW - timedelta(days=365))
    assert describe_state(begun, BERLIN) == "Active, first session on 11 Mar 2025"
    former = replace(begun, is_active=False)
    assert describe_state(former, BERLIN) == "Former tutor, sessions from 11 Mar 2025 to 11 Mar 2026"
    late = replace(ADA, first_session=datetime(2026, 3, 10, 23, 30, tzinfo=UTC))  # past midnight in Berlin
    assert describe_state(late, BERLIN) == "Active, first session on 11 Mar 2026"
    nothing = replace(ADA, first_session=None, last_session=None)
    assert describe_state(nothing, BERLIN) == "Active, no session yet"
    assert describe_state(replace(nothing, is_active=False), BERLIN) == "Former tutor, without a session"


def test_the_profile_in_words() -> None:
    assert describe_profile(ADA) == [
        ("Age", "31 years"),
        ("Experience", "1 year"),
        ("Style", "Modern"),
        ("Pace", "3 of 5"),
        ("Communication", "–"),
        ("Confidence", "5 of 5"),
        ("Preferred level", "–"),
    ]
    assert "&lt;img" in render_head(replace(ADA, email=XSS), BERLIN)


def test_rates_say_what_they_are_of() -> None:
    shown = render_figures(TUTOR, (0.396, 0.37, 0.42))
    for told in ("High risk", "50.0%<small>1 of 2<", "40.0%<small>482 of 1,205<", "–<small>no session<"):
        assert told in shown
    assert "39.6%<small>37–42%<" in shown
    assert "+10.0 pp" in shown
    few = render_figures(replace(TUTOR, total_sessions_30d=9), (0.2, 0.1, 0.3))
    assert "20.0%<small>10–30%, few sessions<" in few
    assert "–<small>not enough sessions<" in render_figures(TUTOR, None)


@pytest.mark.parametrize(
    ("rate", "told"),
    [
        (0.2, "Likely rate of 20.0%, higher than that of 56% of 400 active tutors."),  # 100 below, 250 alike: 225
        (0.1, "Likely rate of 10.0%, lower than that of 88% of 400 active tutors."),  # 300 above, 100 alike: 350
        (0.9, "Likely rate of 90.0%, higher than that of all 400 active tutors."),  # of one who is not active any more
        (0.05, "Likely rate of 5.0%, lower than that of all 400 active tutors."),
    ],
)
def test_where_a_tutor_stands(rate: float, told: str) -> None:
    assert tell_standing(PEERS, (rate, rate / 2, rate + 0.1)) == told
    assert f'aria-label="{told}"' in render_peers(PEERS, (rate, rate / 2, rate + 0.1))


def test_where_nothing_can_be_compared_it_says_why() -> None:
    assert "nothing to compare" in tell_standing(PEERS, None)
    nobody = Peers(None, np.empty(0), np.empty(0, dtype=np.int64), None)
    assert "Too few" in render_peers(nobody, None)
    assert "<svg" not in render_peers(nobody, None) + render_peers(PEERS, None)


def test_the_picture_marks_the_bar_of_the_tutor() -> None:
    drawn = render_peers(PEERS, (0.2, 0.1, 0.3))

    # 0 to 40 % in bars of 2.5 % of which three hold tutors; the 250 of 20 % in the tallest, which is the tutor's own
    assert drawn.count("<rect class=") == 3
    assert drawn.count('<rect class="own" x="182.8" y="30.0"') == 1


INTERVENTION = ListedIntervention(
    UUID(int=5), None, UUID(int=1), "call", f"Said {XSS}", "person ann", NOW, "Ada", False, None, None
)


def test_events_in_order_and_in_words() -> None:
    flags = [TutorFlagChange(date(2026, 3, 1), True, 20.0), TutorFlagChange(date(2026, 3, 5), False, None)]
    profile = ProfileChange(
        NOW - timedelta(days=8),
        {"preferred_pace": (3, 4), "teaching_style": (None, "modern"), "preferences_json": (1, 2)},
    )
    long = replace(INTERVENTION, kind="note", note="x\n" * 200, automatic=True)

    events = collect_events(flags, [profile], [INTERVENTION, long], NOW - timedelta(days=20), NOW)

    assert [(one.kind, one.words) for one in events[:4]] == [
        ("raised", "Flag of high risk raised: 20.0% in 30 days"),
        ("profile", "Profile changed: pace 3 → 4, teaching style unknown → modern, further preferences"),
        ("lifted", "Flag lifted"),
        ("intervention", f"Called by ann: Said {XSS}"),
    ]
    assert events[4].words.startswith("Noted, automatic: x x x")
    assert (len(events[4].words), events[4].words[-1]) == (120, "…")
    assert collect_events(flags, [profile], [INTERVENTION], NOW, NOW) == []


def test_the_list_tells_what_the_picture_shows() -> None:
    points = [
        RatePoint(NOW - timedelta(weeks=1), 0, 0, None),
        RatePoint(NOW, 1204, 301, 25.0),
    ]
    events = collect_events(
        [], [], [replace(INTERVENTION, created_at=NOW - timedelta(days=2))], NOW - timedelta(weeks=1), NOW
    )

    told = str(render_history(points, events, BERLIN))

    assert told.index("11 Mar 2026") < told.index("4 Mar 2026")  # the newest first
    assert "25.0%</td><td class=number>301 of 1204" in told
    assert "9 Mar 2026: Called by ann: Said &lt;img" in told
    plot = draw_rate_history(points, events)
    marks = next(one.data_source.data for one in plot.renderers if "words" in one.data_source.data)
    assert list(marks["words"]) == [f"Called by ann: Said {XSS}"]  # Bokeh shows it as text
    assert set(MARKERS) == set(EVENTS)
    assert "intervention" in render_key(events)
    assert "flag raised" not in render_key(events)


def test_the_newest_row_has_what_happened_since_and_nothing_is_ahead() -> None:
    scored = NOW.replace(hour=6)
    points = [RatePoint(scored - timedelta(weeks=1), 4, 1, 25.0), RatePoint(scored, 4, 1, 25.0)]
    flags = [TutorFlagChange(scored.date(), True, 25.0), TutorFlagChange(date(2026, 3, 4), False, 10.0)]

    events = collect_events(flags, [], [INTERVENTION], scored - timedelta(weeks=26), scored)

    assert [one.moment for one in events] == [datetime(2026, 3, 4, 12, tzinfo=UTC), scored, NOW]
    newest = str(render_history(points, events, BERLIN)).split("<tr>")[2]  # after the head
    assert "Flag of high risk raised" in newest
    assert "Called by ann" in newest


def test_a_session_ahead_leads_to_where_one_acts_on_it() -> None:
    session = SessionAhead(UUID(int=7), NOW, 60, "music", XSS, 0.181, "medium", "v1", {})

    shown = render_ahead([session, replace(session, probability=None, risk_level=None)], BERLIN)

    assert f"<a href='sessions?session={UUID(int=7)}'>Wed 11 Mar 2026, 13:00</a>" in shown
    assert ("18.1%" in shown, "Medium" in shown, "not predicted yet" in shown, "&lt;img" in shown) == (True,) * 4


def test_reschedules_say_who_why_and_how_late() -> None:
    moved = Reschedule(UUID(int=7), NOW, NOW + timedelta(days=1), "student", XSS, "x", 1234.4)
    rows = [
        moved,
        replace(moved, new_time=None, initiator="tutor", reason=None, reason_code="not_prepared", notice_hours=5.04),
        replace(moved, reason=None, reason_code=None, notice_hours=-2.0),
        replace(moved, notice_hours=None),
    ]

    one, two, three, four = str(render_reschedules(rows, BERLIN)).split("<tr>")[2:]

    assert ("Thu 12 Mar 2026, 13:00" in one, "Student" in one, "&lt;img" in one, "1,234 h" in one) == (True,) * 4
    assert ("Cancelled" in two, "Tutor" in two, "not prepared" in two) == (True,) * 3
    assert "5.0 h</span><small>less than a day" in two
    assert "2.0 h</span><small>after the start" in three
    assert "data-title=Notice>–" in four


def test_the_week_has_its_shares_sums_and_few() -> None:
    hours = [WeekHour(0, 9, 8, 2), WeekHour(0, 11, 2, 1), WeekHour(6, 9, 10, 0)]

    shown = str(render_week(hours))

    assert 'title="Monday 09:00–10:00: 2 of 8 rescheduled (25.0%)"' in shown
    assert 'class="few" style="--tint:0%" title="Monday 11:00–12:00: 1 of 2 rescheduled (50.0%)"' in shown
    assert 'style="--tint:21%" title="Monday 09:00' in shown  # 25 % is half of what is darkest, 42
    assert 'title="All days 09:00–10:00: 2 of 18 rescheduled (11.1%)"' in shown
    assert 'title="Monday, all hours: 3 of 10 rescheduled (30.0%)"' in shown
    assert 'title="All sessions: 3 of 20 rescheduled (15.0%)"' in shown
    assert shown.count("<th scope=row>") == 4  # 9, 10 and 11 o'clock, and all
    assert "<span class=heard>2 of 8</span>" in shown


def test_what_drives_the_risk_in_words() -> None:
    effects = [
        ConceptEffect("tutor history", 1.0, "the tutor rescheduled 56% of the sessions", True),
        ConceptEffect("lead time", -0.25, "the session is 1.0 days ahead", False),
        ConceptEffect("session", 0.01, "the session is booked for 60 minutes", True),
    ]

    one, two, three = str(render_drivers(effects)).split("<li>")[1:]

    assert ("The tutor&#39;s past sessions" in one, "Raises the risk strongly" in one) == (True, True)
    assert "left:50.0%;width:50.0%" in one
    assert "The tutor rescheduled 56% of the sessions." in one
    assert "Lowers the risk clearly" in two
    assert "left:37.5%;width:12.5%" in two
    assert "Most of all where the session is 1.0 days ahead." in two
    assert "Hardly matters" in three
    assert [tell_effect(value) for value in (0.5, 0.2, 0.05, -0.05, 0.049)] == [
        "Raises the risk strongly",
        "Raises the risk clearly",
        "Raises the risk a little",
        "Lowers the risk a little",
        "Hardly matters",
    ]


def test_interventions_with_what_became_of_their_sessions() -> None:
    session = replace(INTERVENTION, session_id=UUID(int=7), scheduled_time=NOW, note=None)
    listed = [
        INTERVENTION,
        replace(session, kind="reminder", automatic=True),
        replace(session, outcome=Outcome("rescheduled", True)),
        replace(session, outcome=Outcome("rescheduled", False)),
        replace(session, outcome=Outcome("completed", False)),
        replace(session, outcome=Outcome("no_show", False)),
    ]

    one, two, three, four, five, six = str(render_interventions(listed, BERLIN)).split("<li>")[1:]

    assert ("Called</b> about the tutor" in one, "&lt;img" in one, "by ann" in one) == (True,) * 3
    assert f"<a href='sessions?session={UUID(int=7)}'>" in two
    assert ("Reminded" in two, ", automatic" in two) == (True, True)
    assert ("Rescheduled by the tutor" in three, "<a href" in three) == (True, False)
    assert "Rescheduled by the student" in four
    assert "Held" in five
    assert "Missed" in six
