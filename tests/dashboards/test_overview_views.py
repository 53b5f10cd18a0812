"""What the overview says, from given figures."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from html import unescape
from uuid import UUID

import pytest

from dashboards.views.overview_flags import flags_tile, render_flags
from dashboards.views.overview_health import System, find_concerns, format_age, render_health
from dashboards.views.overview_reminders import render_reminders
from dashboards.views.overview_sessions import attention_tile, format_day, render_attention
from dashboards.views.overview_trend import describe_change, describe_interval, mark_change, render_trend, trend_tiles
from modelling.health import ModelHealth
from modelling.risk import RiskThresholds
from processing.upkeep import QueueCounts
from reports.contents import Notice
from scoring.attention import Attention, RiskySession
from scoring.flag_changes import FlagChange, FlagChanges
from scoring.models import ServedModel
from scoring.rate_trend import Change, RateTrend, Week
from scoring.reminder_report import ArmReport, ReminderReport, Uplift

NOW = datetime(2026, 3, 11, 22, 30, tzinfo=UTC)  # 23:30 in Berlin
ZONE = "Europe/Berlin"
XSS = "<img src=x onerror=alert(1)>'\""
SESSION = RiskySession(UUID(int=7), NOW + timedelta(hours=1), XSS, XSS, 0.5649)
ATTENTION = Attention(386, 6, 2, [SESSION], 0, NOW - timedelta(minutes=12))
DOWN = Change(0.1135, 0.1302, -0.0167, -0.0318, -0.0016)
UNCLEAR = Change(0.0326, 0.0298, 0.0028, -0.0034, 0.0091)
WEEKS = [Week(NOW - timedelta(weeks=1), 0, 0, 0), Week(NOW, 200, 24, 5)]
TREND = RateTrend(NOW, 6837, 6721, 63, DOWN, DOWN, UNCLEAR, UNCLEAR, WEEKS)
TUTOR = FlagChange(UUID(int=9), XSS, 25.0, 13.64, 5, 20)
MODEL = ModelHealth("match", "v3", NOW - timedelta(days=3), NOW, "finished", None, date(2026, 3, 10), "stable", None)
SYSTEM = System(QueueCounts(0, 0, 0.0), None, ATTENTION, [MODEL], {})


def words(html: str) -> str:
    return " ".join(re.sub("<[^>]*>", " ", html).split())


def test_the_likeliest_sessions_lead_to_themselves() -> None:
    html = render_attention(ATTENTION, ZONE, NOW)

    assert "sessions?session=00000000-0000-0000-0000-000000000007" in html
    assert "href='sessions?risk=high&days=2&handled=no&session=00000000-0000-0000-0000-000000000007'" in unescape(html)
    assert "Tomorrow, 00:30" in html  # by the clock of Berlin it is
    assert "High risk, 56%" in re.sub("<[^>]*>", "", html)
    assert "<img" not in html
    assert "All 2 to handle" in html
    assert "All 6 at high risk" in html


def test_days_as_people_say_them() -> None:
    said = [format_day(NOW + timedelta(hours=hours), ZONE, NOW) for hours in (0.25, 0.5, 24.5)]
    assert said == ["Today, 23:45", "Tomorrow, 00:00", "Fri 13 Mar, 00:00"]


@pytest.mark.parametrize(
    ("change", "title"),
    [
        ({"high": 6}, "All done"),
        ({"high": 0}, "Nothing needs you today"),
        ({"high": 0, "ahead": 0}, "A quiet time"),
    ],
)
def test_nothing_to_handle(change: dict[str, int], title: str) -> None:
    calm = replace(ATTENTION, unhandled=0, likeliest=[], **change)
    assert title in render_attention(calm, ZONE, NOW)
    assert (attention_tile(calm).figure, attention_tile(calm).tone) == ("0", "good")


@pytest.mark.parametrize(
    ("change", "title", "figure", "note", "said"),
    [
        (
            {"high": 0, "unpredicted": 60},
            "Not all are predicted yet",
            "0",
            "none of the 40 predicted; 60 not predicted yet",
            "None of the 40 predicted is at high risk; 60 of the 100 sessions of the next 48 hours have no prediction.",
        ),
        (
            {"high": 6, "unpredicted": 60},
            "Not all are predicted yet",
            "0",
            "all 6 at high risk are handled; 60 not predicted yet",
            "Every one of the 6 sessions known to be at high risk is handled; 60 of the 100 sessions",
        ),
        (
            {"high": 0, "unpredicted": 100},
            "No predictions yet",
            "–",
            "100 not predicted yet",
            "100 sessions of the next 48 hours have none.",
        ),
    ],
)
def test_what_is_not_predicted_is_no_good_news(
    change: dict[str, int], title: str, figure: str, note: str, said: str
) -> None:
    unknown = replace(ATTENTION, ahead=100, unhandled=0, likeliest=[], **change)
    html = render_attention(unknown, ZONE, NOW)
    assert title in html
    assert said in html
    assert "<code>tqs score</code>" in html
    assert "good" not in html
    tile = attention_tile(unknown)
    assert (tile.figure, tile.note, tile.tone) == (figure, note, "warn")


def test_new_flags_beyond_the_first_five_open_below_them() -> None:
    html = render_flags(FlagChanges(109, [replace(TUTOR, name=f"T{number}") for number in range(62)], []))

    shown, _, more = html.partition("<details class=others>")
    assert (shown.count("<li>"), more.count("<li>")) == (5, 45)
    assert "57 more" in words(more)
    assert "and 12 more" in words(more)
    assert more.count("href='tutors?risk=newly_flagged'") == 1


def test_new_flags_with_rates_and_lifted_ones_in_a_line() -> None:
    few = replace(TUTOR, sessions=9, reschedules=2, rate_before=None)
    flags = FlagChanges(109, [TUTOR, few], [replace(TUTOR, name="Bert")])

    html = render_flags(flags)

    assert html.count("tutor?id=00000000-0000-0000-0000-000000000009") == 3
    assert "<img" not in html
    assert "5 of 20 sessions moved from 13.6% warning now 25.0%" in words(html)
    assert "2 of 9 sessions moved · few sessions from no sessions" in words(html)
    assert "Good news: back below 15%: Bert ." in words(html)
    assert "All 109 flagged tutors" in words(html)
    assert "<details" not in html
    tile = flags_tile(flags)
    assert (tile.figure, tile.note, tile.link) == ("2", "109 flagged in all", "tutors?risk=newly_flagged")


def test_no_new_flag_is_good() -> None:
    assert "No tutor went above 15% within 7 days." in render_flags(FlagChanges(3, [], []))
    assert flags_tile(FlagChanges(3, [], [])).tone == "good"
    assert flags_tile(None).figure == "–"


def test_a_change_is_told_only_where_chance_does_not_explain_it() -> None:
    assert describe_change(DOWN) == "down 1.7 points from 13.0%"
    assert describe_change(Change(0.2, 0.1, 0.1, 0.05, 0.15)) == "up 10.0 points from 10.0%"
    assert describe_change(UNCLEAR) == "no clear change from 3.0%"
    assert describe_change(replace(DOWN, low=None, high=None)).startswith("down 1.7 points, by too few tutors")
    assert describe_change(Change(0.1, None, None, None, None)) == "nothing known of the 30 days before"
    assert describe_change(Change(None, 0.1, None, None, None)) == "no session in 30 days, 10.0% in the 30 before"
    assert describe_change(Change(None, None, None, None, None)) == "no session in 30 days"
    assert describe_interval(DOWN) == ("−1.7 points", "−3.2 to −0.2")
    assert describe_interval(replace(DOWN, low=None, high=None)) == ("−1.7 points", "")
    assert mark_change(DOWN) == ("trending_down", "good")
    assert mark_change(Change(0.2, 0.1, 0.1, 0.05, 0.15)) == ("trending_up", "bad")
    assert mark_change(UNCLEAR) == ("trending_flat", "quiet")
    assert [tile.figure for tile in trend_tiles(TREND)] == ["11.3%", "3.3%"]
    assert [tile.link for tile in trend_tiles(TREND)] == ["models?target=reschedule", "models?target=no_show"]
    assert [tile.figure for tile in trend_tiles(None)] == ["–", "–"]


def test_the_weeks_as_a_picture_with_words_and_a_table() -> None:
    html = render_trend(TREND, ZONE)

    # one week of two is known: 24 and 5 of 200 are 12 % and 2.5 % of the 15 % that the picture is high
    assert "d='M75.00 20.00'" in html
    assert "d='M75.00 83.33'" in html
    assert "Moved or cancelled: 12.0% at first, 12.0% at last, between 12.0% and 12.0%" in html
    assert "11 Mar 12.0% 2.5% 200" in words(html)
    assert "4 Mar – – 0" in words(html)
    assert "no outcome" not in html  # 63 of 6,900 are few


def test_untold_outcomes_are_told_of() -> None:
    assert "700 sessions that are over have no outcome yet" in words(render_trend(replace(TREND, untold=700), ZONE))


def test_all_well() -> None:
    assert find_concerns(SYSTEM, NOW) == []
    said = words(render_health(SYSTEM, [], ZONE, NOW))
    assert "All well" in said
    assert "Sessions None waits Mails None failed Predictions At most 12 minutes old" in said
    assert "Match Answered by v3 since 8 Mar 2026, no drift, last trained 11 Mar 2026" in said


def test_what_is_wrong_and_what_to_do() -> None:
    failed = Notice("mails", "mails", 2, NOW, (("550 no such user", 2),), "")
    late = replace(ATTENTION, oldest=NOW - timedelta(hours=5.5))
    rule = replace(MODEL, champion=None, drift="drift", retraining_reason="too few new sessions", training="lost")
    wrong = System(QueueCounts(3, 1, 16 * 60), failed, late, [rule], {})

    concerns = find_concerns(wrong, NOW)

    assert [(one.said, one.command) for one in concerns] == [
        ("1 session could not be processed.", "tqs process --requeue"),
        ("Sessions have been waiting for 16 minutes.", "tqs up processor"),
        ("2 mails could not be sent (550 no such user).", "tqs process --requeue"),
        ("The oldest prediction of the next 48 hours was made 5 hours ago.", "tqs score"),
        ("Match: no model serves yet, a simple rule answers.", "tqs retrain --target match"),
        (
            "Match: the last days differ from what the model learned from. Retraining is held back: "
            "too few new sessions.",
            "tqs retrain --target match",
        ),
        ("Match: the last training did not end well.", ""),
    ]
    assert "7 things to look at" in render_health(wrong, concerns, ZONE, NOW)


def test_limits_of_what_is_wrong() -> None:
    waits = replace(
        SYSTEM, queue=QueueCounts(3, 0, 15 * 60), attention=replace(ATTENTION, oldest=NOW - timedelta(hours=3))
    )
    assert find_concerns(waits, NOW) == []
    assert "3 waiting, the oldest for 15 minutes by hand: tqs process" in words(render_health(waits, [], ZONE, NOW))


def test_no_prediction_at_all_and_a_model_that_cannot_serve() -> None:
    served = {"match": ServedModel("match", RiskThresholds(0.3, 0.7), None, refusal="its hash is another")}
    wrong = replace(SYSTEM, attention=replace(ATTENTION, unpredicted=386, oldest=None), served=served)

    concerns = find_concerns(wrong, NOW)

    assert [one.said for one in concerns] == [
        "No session ahead has a prediction.",
        "Match: v3 cannot serve, a simple rule answers.",
    ]
    assert "Answered by a simple rule" in words(render_health(wrong, concerns, ZONE, NOW))


def test_some_without_a_prediction_are_a_concern() -> None:
    wrong = replace(SYSTEM, attention=replace(ATTENTION, unpredicted=60))
    concerns = find_concerns(wrong, NOW)
    assert [(one.said, one.command) for one in concerns] == [
        ("60 of the 386 sessions of the next 48 hours have no prediction.", "tqs score")
    ]


def test_errors_of_others_are_text() -> None:
    failed = Notice("mails", "mails", 1, NOW, ((XSS, 1),), "")
    wrong = replace(SYSTEM, failed_mails=failed)
    assert "<img" not in render_health(wrong, find_concerns(wrong, NOW), ZONE, NOW)


def test_ages_as_people_say_them() -> None:
    said = [format_age(seconds) for seconds in (59, 60, 7199, 7200, 2 * 86400 - 1, 2 * 86400)]
    assert said == ["under a minute", "1 minute", "119 minutes", "2 hours", "47 hours", "2 days"]


ARM = ArmReport(100, 1200, 148, 0.1233, 1100, 0, 0)
REPORT = ReminderReport(
    NOW, ARM, replace(ARM, sessions=400, rate=0.1541), Uplift(0.0308, 0.012, 0.05), None, None, None
)


def test_what_reminders_are_worth() -> None:
    said = render_reminders(REPORT)
    assert said is not None
    assert "Reminders help: tutors move fewer sessions, by 3.1 points (1.2 to 5.0)." in said
    assert "12.3% of 1,200 sessions of reminded tutors were moved, 15.4% of 400 of those left alone." in said
    assert render_reminders(replace(REPORT, uplift=None, too_early="wait")) is None
    for uplift, told in (
        (
            Uplift(-0.01, -0.02, 0.03),
            "cannot be told yet: between 2.0 points more and 3.0 points fewer sessions moved.",
        ),
        (Uplift(-0.03, -0.05, -0.01), "Reminders do harm: tutors move more sessions, by 3.0 points (1.0 to 5.0)."),
    ):
        assert told in (render_reminders(replace(REPORT, uplift=uplift)) or "")
    assert "But <b>" not in (render_reminders(replace(REPORT, doubt="<b>")) or "")
