from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from dashboards.views.session_detail import render_reasons, render_session, say_band, say_change
from scoring.explanations import Contribution
from scoring.prediction_change import FeatureChange, Prediction, PredictionChange
from scoring.session_deeds import SessionDeed
from scoring.session_detail import SessionDetail
from scoring.trust import Band, TrustedPrediction

NOW = datetime(2026, 1, 15, 9, 0, tzinfo=UTC)
XSS = "<img src=x onerror=alert(1)>"


def predicted(probability: float, at: datetime = NOW) -> Prediction:
    return Prediction(probability, "v3", at, NOW + timedelta(days=1), {})


BEFORE, AFTER = predicted(0.25, NOW - timedelta(days=1)), predicted(0.42)
CHANGE = PredictionChange(
    BEFORE,
    AFTER,
    log_odds=0.77,
    features=[
        FeatureChange("rate", 0.3, 0.5, 0.9, "the tutor rescheduled 50%; before: 30%"),
        FeatureChange("hours", 48, 24, -0.13, "the session is 24.0 hours ahead; before: 48.0"),
    ],
    model=0.0,
    calibration=0.0,
)
TRUSTED = TrustedPrediction(
    session_id=UUID(int=1),
    target="reschedule",
    status="scheduled",
    prediction=AFTER,
    risk_level="high",
    history="measured",
    band=Band(0.31, 0.47, 0.16, 1_234, 0.35, 0.5),
    contributions=[
        Contribution("rate", 0.5, 0.8, "the tutor rescheduled 50%"),
        Contribution("day", 2, -0.2, "the session is on a Wednesday"),
    ],
    change=CHANGE,
)
DETAIL = SessionDetail(
    id=UUID(int=1),
    tutor_id=UUID(int=2),
    tutor_name="Ada",
    tutor_email="ada@example.org",
    tutor_is_active=True,
    student_id="s",
    student_name="Sam",
    scheduled_time=NOW + timedelta(days=1),
    duration_minutes=45,
    status="scheduled",
    tutor_rescheduled=False,
    ahead=True,
    predicted=("reschedule", "no_show"),
    predictions={"reschedule": TRUSTED, "no_show": replace(TRUSTED, target="no_show", risk_level="low")},
    deeds=[],
)


def test_who_when_and_how_likely() -> None:
    html = render_session(DETAIL, "Europe/Berlin")
    for said in (
        "Sam with <a href='tutor?id=00000000-0000-0000-0000-000000000002'>Ada</a>",
        "16 Jan 2026, 10:00 CET, 45 minutes",
        "42.0%",
        "</span>High</span>",
        "</span>Low</span>",
        "(35% to 50%), 31% to 47% were (9 in 10 sure, by 1,234 that the model never saw).",
        "Predicted 15 Jan 2026, 10:00 CET by model v3.",
    ):
        assert said in html, said


def test_names_and_notes_are_text() -> None:
    deed = SessionDeed(UUID(int=1), "call", XSS, f"person {XSS}", NOW, automatic=False, mail=None)
    hostile = replace(DETAIL, tutor_name=XSS, student_name=XSS, deeds=[deed])
    html = render_session(hostile, "UTC") + render_reasons(hostile, "UTC")
    assert "<img" not in html
    assert html.count("&lt;img src=x onerror=alert(1)&gt;") == 4


def test_why_and_what_changed_the_largest_first() -> None:
    html = render_reasons(DETAIL, "UTC")
    order = [
        "Nothing yet.",
        "The tutor rescheduled 50%<",
        "raises",
        "width: 100%",
        "The session is on a Wednesday",
        "lowers",
        "width: 25%",
        "Up from 25.0% on 14 Jan 2026, 09:00 UTC.",
        "The tutor rescheduled 50%; before: 30%",
        "The session is 24.0 hours ahead; before: 48.0",
    ]
    places = [html.index(said) for said in order]
    assert places == sorted(places)


def test_each_way_in_which_nothing_changed() -> None:
    assert say_change(replace(TRUSTED, change=None), "UTC").startswith("First seen today")
    assert say_change(replace(TRUSTED, change=None, history="replaced"), "UTC").startswith("Not known")
    same = replace(CHANGE, after=predicted(0.254))
    assert say_change(replace(TRUSTED, change=same), "UTC").startswith("Nothing to speak of: 25.0%")
    fell = replace(CHANGE, after=predicted(0.1))
    assert say_change(replace(TRUSTED, change=fell), "UTC").startswith("Down from 25.0%")


def test_a_score_at_the_end_of_its_band_and_one_without() -> None:
    far = replace(TRUSTED, prediction=predicted(0.9))
    assert say_band(far).endswith("This one stands higher among them, so that range is not its own.")
    assert say_band(replace(TRUSTED, band=None, history="rule")) == (
        "How often that comes true is not known: the documented rule answers, which promises no probability."
    )


def test_what_is_not_ahead_not_predicted_or_done() -> None:
    def show(**changed: Any) -> str:
        return render_session(replace(DETAIL, **changed), "UTC")

    assert "Not predicted yet" in show(predicted=(), predictions={})
    assert "The models are being loaded" in show(predictions={})
    assert "nobody told the outcome yet" in show(ahead=False)
    assert "by the tutor" in show(ahead=False, status="rescheduled", tutor_rescheduled=True)
    failed = SessionDeed(UUID(int=1), "reminder", None, "tqs", NOW, automatic=True, mail="failed")
    sent = replace(failed, mail="sent", actor="person bob")
    html = render_reasons(replace(DETAIL, deeds=[sent, failed], status="completed"), "UTC")
    assert "<b>Reminded</b> by bob, mail sent" in html
    kept = render_reasons(replace(DETAIL, deeds=[sent]), "UTC", mails_leave=False)
    assert "<b>Reminded</b> by bob, mail kept as a file" in kept
    assert "<b>Reminder failed</b> by automatic, mail failed" in html
    assert "Outcome: took place." in html
