"""Sentences and the numbers in them, worked out by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from reports.contents import Move, SessionReport
from reports.sentences import name_outcome, name_risk, tell_insights, tell_outcome
from tests.reports.letters import CALM, FLAGGED, NOON, cancelled, figures, held, session_report

FRIDAY = NOON + timedelta(days=2, hours=3)


@pytest.mark.parametrize(
    ("report", "name", "story"),
    [
        (held(), "Session held", "The session was held."),
        (held(status="no_show"), "No-show", "The session was missed: a no-show."),
        (held(status="rescheduled"), "Session rescheduled", "The session was rescheduled."),
        (
            session_report(),
            "Session cancelled by the tutor",
            "2 hours before it was to begin, the tutor cancelled the session.",
        ),
        (
            session_report(move=cancelled(FRIDAY, 72, initiator="student", reason=" Ill,\nsorry ")),
            "Session moved by the student",
            "3 days before it was to begin, the student moved the session to Friday, 13 March 2026, 16:00. "
            "Reason given: “Ill, sorry”.",
        ),
        (
            session_report(move=cancelled(hours_before=-0.5)),
            "Session cancelled by the tutor",
            "30 minutes after it was to begin, the tutor cancelled the session.",
        ),
        (
            session_report(move=Move("tutor", None, None, None)),
            "Session cancelled by the tutor",
            "The tutor cancelled the session.",
        ),
    ],
)
def test_outcomes(report: SessionReport, name: str, story: str) -> None:
    assert name_outcome(report) == name
    assert tell_outcome(report, "Europe/Berlin") == story


def test_the_flag_and_how_it_changed() -> None:
    assert name_risk(CALM, FLAGGED) == name_risk(None, FLAGGED) == "High risk now"
    assert name_risk(FLAGGED, FLAGGED) == "High risk"
    assert name_risk(FLAGGED, CALM) == "No longer high risk"
    assert name_risk(CALM, CALM) == name_risk(None, CALM) == name_risk(None, None) == "Not high risk"


def insights(**changes: Any) -> list[str]:
    return tell_insights(session_report(**changes), "Europe/Berlin")


def test_a_flag_that_was_raised() -> None:
    # 3 of 18 are 16.67%; 3 of 20 are 15%; 2 of 6 are 33.33%, 16.67 points more
    assert insights() == [
        "At high risk now: the tutor rescheduled 3 of 18 sessions in 30 days, 16.7%; the limit is 15%.",
        "2 more sessions without a reschedule would bring the rate back to 15% or less.",
        "The last 7 days were worse: 2 of 6 rescheduled (33.3%), 16.7 percentage points above the rate of 30 days.",
    ]


def test_a_flag_that_was_taken_back_at_the_limit() -> None:
    # 3 of 20 are not above 15%; 4 of 21 would be 19.0%
    assert insights(before=FLAGGED, after=figures((0, 8), (3, 20), (6, 51)))[:3] == [
        "No longer at high risk: the tutor rescheduled 3 of 20 sessions in 30 days, 15.0%; the limit is 15%.",
        "One more session rescheduled by the tutor would bring the rate to 19.0%, and make it high risk.",
        "The last 7 days were better: 0 of 8 rescheduled (0.0%), 15.0 percentage points below the rate of 30 days.",
    ]


def test_far_from_the_limit_there_is_little_to_say() -> None:
    # 2 of 41 would be 4.9%; the week is 4 points from the month
    steady = figures((1, 15), (1, 40), (1, 40))
    assert insights(before=steady, after=steady) == [
        "Not at high risk: the tutor rescheduled 1 of 40 sessions in 30 days, 2.5%; the limit is 15%.",
        "No figure of the tutor changed.",
    ]


def test_the_first_of_all_sessions() -> None:
    assert insights(before=None, after=figures((0, 1), (0, 1), (0, 1))) == [
        "Not at high risk: the tutor rescheduled 0 of 1 session in 30 days, 0.0%; the limit is 15%.",
        "One more session rescheduled by the tutor would bring the rate to 50.0%, and make it high risk.",
        "One session in 30 days says little: the rate rests on it alone.",
        "These are the tutor's first figures, so there is nothing to compare them with.",
    ]


def test_few_sessions_and_a_session_that_is_not_counted_yet() -> None:
    after = figures((0, 2), (1, 5), (1, 5))
    later = NOON + timedelta(days=1)
    told = insights(before=after, after=after, scheduled_time=later, counts_from=later)
    assert told == [
        "Still at high risk: the tutor rescheduled 1 of 5 sessions in 30 days, 20.0%; the limit is 15%.",
        "2 more sessions without a reschedule would bring the rate back to 15% or less.",  # 1 of 7 are 14.3%
        "5 sessions in 30 days are few: a single one moves the rate by 20.0 percentage points.",
        "The rates count the session from Thursday, 12 March 2026, 13:00 on, when it was to begin.",
        "No figure of the tutor changed.",
    ]


def test_an_outcome_that_was_told_before_the_booked_end_is_counted_from_then_on() -> None:
    end = NOON + timedelta(hours=1)
    told = insights(status="no_show", move=None, processed_at=NOON + timedelta(minutes=10), counts_from=end)
    assert "The rates count the session from Wednesday, 11 March 2026, 14:00 on." in told


def test_a_no_show_tells_how_many_there_were() -> None:
    after = figures((0, 3), (0, 20), (0, 52), no_shows=3)
    told = tell_insights(held(status="no_show", before=CALM, after=after), "UTC")
    assert "3 no-shows among the tutor's 52 sessions of 90 days." in told


def test_a_tutor_without_sessions_or_without_a_score() -> None:
    nothing = figures((0, 0), (0, 0), (1, 4))
    assert insights(after=nothing) == ["No session of the last 30 days counts yet, so there is no rate."]
    assert insights(after=None) == ["The tutor has no score yet."]


def test_the_margin_is_the_least_number_that_gets_to_the_other_side() -> None:
    for sessions, rescheduled in ((n, r) for n in range(1, 40) for r in range(n + 1)):
        after = figures((0, 0), (rescheduled, sessions), (rescheduled, sessions))
        told = " ".join(insights(before=after, after=after))
        if after.is_high_risk:
            least = next(k for k in range(1_000) if 100 * rescheduled <= 15 * (sessions + k))
            assert f" {least} more session{'' if least == 1 else 's'} without a reschedule" in told
        else:
            tips = 100 * (rescheduled + 1) > 15 * (sessions + 1)
            assert ("One more session rescheduled by the tutor would bring the rate to" in told) == tips
