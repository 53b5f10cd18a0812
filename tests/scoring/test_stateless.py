from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from scoring.forms import (
    MatchRecord,
    MatchStudent,
    PastSession,
    Prediction,
    Refused,
    TutorRecord,
)
from scoring.session_records import record_features
from scoring.stateless import count_entries, predict_matches, predict_sessions, score_tutor_records
from tests.scoring.callers import ADA, FEATURES, MIA, ahead, statistics
from tests.scoring.conftest import NOW, serve


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"scheduled_time": NOW}, "scheduled_time"),
        ({"scheduled_time": datetime(9999, 1, 1, tzinfo=UTC)}, "scheduled_time"),
        ({"as_of": datetime(1, 1, 1, tzinfo=UTC)}, "as_of"),
        ({"booked_at": NOW + timedelta(hours=1)}, "booked_at"),
        ({"duration_minutes": 0}, "duration_minutes"),
        ({"duration_minutes": 301}, "duration_minutes"),
        ({"tutor_statistics": None}, "tutor_history"),
        ({"tutor_history": []}, "tutor_history"),
        ({"tutor_statistics": statistics(reschedule_rate_90d=100.1)}, "tutor_statistics.reschedule_rate_90d"),
        ({"tutor_statistics": statistics(reschedule_rate_30d=None)}, "tutor_statistics.reschedule_rate_30d"),
        ({"tutor_statistics": statistics(reschedule_rate_7d=3.0)}, "tutor_statistics.reschedule_rate_7d"),
        ({"tutor_statistics": statistics(total_sessions_90d=7)}, "tutor_statistics.total_sessions_90d"),
        ({"tutor_statistics": statistics(total_sessions_7d=-1)}, "tutor_statistics.total_sessions_7d"),
        ({"tutor_statistics": statistics(no_show_rate_90d=-1.0)}, "tutor_statistics.no_show_rate_90d"),
        (
            {"student_history": [PastSession(scheduled_time=NOW, status="done")]},
            "student_history[0].status",
        ),
        (
            {
                "student_history": [
                    PastSession(scheduled_time=NOW, status="no_show"),
                    PastSession(scheduled_time=NOW, status="rescheduled"),
                ]
            },
            "student_history[1].initiator",
        ),
        (
            {"student_history": [PastSession(scheduled_time=NOW, status="no_show", initiator="cat")]},
            "student_history[0].initiator",
        ),
        (
            {"student_history": [PastSession(scheduled_time=NOW, status="no_show", duration_minutes=1e300)]},
            "student_history[0].duration_minutes",
        ),
        (
            {"student_history": [PastSession(scheduled_time=datetime(1999, 1, 1), status="no_show")]},
            "student_history[0].scheduled_time",
        ),
    ],
)
def test_what_cannot_be_scored_is_refused_in_its_place(change: dict[str, Any], field: str) -> None:
    good, early = ahead(), Refused("body", "no JSON")
    alone = predict_sessions([good], serve("reschedule"), NOW)[0]

    answers = predict_sessions([good, replace(good, **change), early, good], serve("reschedule"), NOW)

    assert [answers[0], answers[2], answers[3]] == [alone, early, alone]
    refused = answers[1]
    assert isinstance(refused, Refused)
    assert refused.field == field


def test_answers_of_a_model() -> None:
    records = [ahead(scheduled_time=NOW + timedelta(hours=hours)) for hours in (1, 30, 200)]
    model = serve("no_show")
    assert model.predictor is not None

    answers = predict_sessions(records, model, NOW, contributions=True)

    X, _ = record_features(records, NOW, "UTC")
    expected = model.predictor.predict(X)
    effects = model.predictor.contributions(X)
    for i, answer in enumerate(answers):
        assert isinstance(answer, Prediction)
        assert answer.probability == expected[i]
        assert answer.risk_level == ("low" if expected[i] < 0.3 else "medium" if expected[i] < 0.7 else "high")
        assert (answer.model_version, answer.fallback) == ("v1", False)
        assert answer.contributions is not None
        top = np.sort(np.abs(effects[i, :-1]))[::-1][:5]
        assert [abs(c.effect) for c in answer.contributions] == pytest.approx(top.tolist())
        for c in answer.contributions:
            assert c.value == X[i, FEATURES.index(c.feature)]
            assert c.effect == effects[i, FEATURES.index(c.feature)]
            assert c.phrase


def test_what_was_not_told_is_explained_as_not_known() -> None:
    (answer,) = predict_matches(
        [MatchRecord(student=MatchStudent(), tutor=ADA)], serve("match", rule=True), contributions=True
    )

    assert isinstance(answer, Prediction)
    assert answer.contributions is not None
    assert {c.phrase for c in answer.contributions} == {
        "the preferred pace of one of them is not known",
        "the preferred teaching style of one of them is not known",
        "the communication style of one of them is not known",
        "the age of one of them is not known",
    }


def test_the_rule_answers_without_a_model() -> None:
    known, unknown = ahead(), ahead(tutor_statistics=None, tutor_history=[])

    reschedule = predict_sessions([known, unknown], serve("reschedule", rule=True), NOW, contributions=True)
    no_show = predict_sessions([known, unknown], serve("no_show", rule=True), NOW)

    assert reschedule == [Prediction(0.25, "low", "rule", True, []), Prediction(0.1, "low", "rule", True, [])]
    assert [answer.probability for answer in no_show if isinstance(answer, Prediction)] == pytest.approx([0.03, 0.03])


def test_the_sessions_of_histories_count() -> None:
    past = [PastSession(scheduled_time=NOW, status="no_show")] * 3
    with_both = ahead(tutor_statistics=None, tutor_history=past, student_history=past[:1])
    assert count_entries([]) == 0
    assert count_entries([ahead(), with_both, Refused("body", "no JSON")]) == 3 + 4
    assert count_entries([TutorRecord(sessions=past), MatchRecord(student=MIA, tutor=ADA)]) == 2 + 3


def test_no_records_no_answers() -> None:
    assert predict_sessions([], serve("reschedule"), NOW, contributions=True) == []
    assert predict_matches([], serve("match"), contributions=True) == []
    assert score_tutor_records([], NOW) == []


@pytest.mark.parametrize(
    ("student", "tutor", "field"),
    [
        ({"age": 121}, {}, "student.age"),
        ({"preferred_pace": 0}, {}, "student.preferred_pace"),
        ({"preferred_teaching_style": "loud"}, {}, "student.preferred_teaching_style"),
        ({"previous_tutoring_experience": -1}, {}, "student.previous_tutoring_experience"),
        ({}, {"confidence_level": 6}, "tutor.confidence_level"),
        ({}, {"age": -1}, "tutor.age"),
        ({}, {"experience_years": float("inf")}, "tutor.experience_years"),
        ({}, {"statistics": statistics(reschedule_rate_30d=-1)}, "tutor.statistics.reschedule_rate_30d"),
    ],
)
def test_matches_refused_in_their_place(student: dict[str, Any], tutor: dict[str, Any], field: str) -> None:
    good = MatchRecord(student=MIA, tutor=ADA)
    bad = MatchRecord(student=replace(MIA, **student), tutor=replace(ADA, **tutor))

    first, refused, last = predict_matches([good, bad, good], serve("match"))

    assert isinstance(refused, Refused)
    assert refused.field == field
    assert isinstance(first, Prediction)
    assert first == last
