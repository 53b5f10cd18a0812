from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from sqlalchemy import Engine

from features.catalogue import names_of
from features.table import pair_features, session_features
from records.reading import read_history, select_upcoming
from scoring.forms import (
    MatchRecord,
    MatchStudent,
    MatchTutor,
    PastSession,
    Prediction,
    Refused,
    SessionRecord,
    TutorRecord,
    TutorScore,
    TutorStatistics,
)
from scoring.match_records import match_features
from scoring.session_records import record_features
from scoring.stateless import predict_matches, predict_sessions, score_tutor_records
from tests.scoring.conftest import NOW, Records, days_ago, serve

FEATURES = names_of("reschedule")


def statistics(**changes: Any) -> TutorStatistics:
    values = {
        "reschedule_rate_7d": None, "reschedule_rate_30d": 25.0, "reschedule_rate_90d": 100 / 3,
        "total_sessions_7d": 0, "total_sessions_30d": 8, "total_sessions_90d": 12,
    }  # fmt: skip
    return TutorStatistics(**values | changes)


def ahead(**changes: Any) -> SessionRecord:
    values = {"scheduled_time": NOW + timedelta(hours=30), "tutor_statistics": statistics()}
    return SessionRecord(**values | changes)


def features_row(record: SessionRecord, timezone: str = "UTC") -> dict[str, float]:
    X, refused = record_features([record], NOW, timezone)
    assert refused == {}
    return dict(zip(FEATURES, X[0].tolist(), strict=True))


def test_features_of_statistics_by_hand() -> None:
    row = features_row(ahead(booked_at=NOW - timedelta(hours=12), duration_minutes=45))

    assert row == pytest.approx(
        {
            "tutor_reschedule_rate_7d": 0, "tutor_reschedule_rate_30d": 0.25, "tutor_reschedule_rate_90d": 1 / 3,
            "tutor_total_sessions_7d": 0, "tutor_total_sessions_30d": 8, "tutor_total_sessions_90d": 12,
            "tutor_is_high_risk": 1, "tutor_reschedule_trend": -0.25, "tutor_no_show_rate_90d": 0.03,
            "day_of_week": 3, "hour_of_day": 18, "time_of_day_category": 2, "is_weekend": 0,
            "days_until_session": 1.25, "hours_until_session": 30, "session_duration_minutes": 45,
            "hours_since_booked": 12, "student_reschedule_rate_90d": 0, "student_no_show_rate_90d": 0,
            "student_reschedules_90d": 0, "student_no_shows_90d": 0, "student_total_sessions_90d": 0,
            "student_is_known": 0, "pair_sessions_so_far": 0,
        }
    )  # fmt: skip


def test_time_zone_and_time_without_offset() -> None:
    row = features_row(ahead(scheduled_time=datetime(2026, 3, 14, 3, 30)), timezone="America/New_York")

    # 03:30 UTC is 23:30 on Friday there, by the daylight saving time that began on 8 March
    assert (row["day_of_week"], row["hour_of_day"], row["hours_until_session"]) == (4, 23, 63.5)


def test_features_of_histories_by_hand() -> None:
    mia = [
        PastSession(scheduled_time=days_ago(3), status="completed", student_id="mia"),
        PastSession(scheduled_time=days_ago(4), status="rescheduled", initiator="tutor", student_id="mia"),
    ]
    others = [
        PastSession(scheduled_time=days_ago(5), status="rescheduled", initiator="student", student_id="leo"),
        PastSession(scheduled_time=days_ago(20), status="no_show"),
        PastSession(scheduled_time=days_ago(0.01), status="completed"),  # ends only in 45 minutes
        PastSession(scheduled_time=days_ago(2), status="scheduled"),
        PastSession(scheduled_time=days_ago(2), status="completed", completed_time=NOW),  # not known before NOW
    ]
    elsewhere = [PastSession(scheduled_time=days_ago(8), status="no_show")]

    row = features_row(
        ahead(tutor_statistics=None, tutor_history=mia + others, student_id="mia", student_history=mia + elsewhere)
    )

    assert [row[f"tutor_total_sessions_{days}d"] for days in (7, 30, 90)] == [3, 4, 4]
    assert row["tutor_reschedule_rate_7d"] == 1 / 3
    assert row["tutor_no_show_rate_90d"] == 0.25
    assert row["student_total_sessions_90d"] == 3
    assert row["student_reschedules_90d"] == 1
    assert row["student_no_show_rate_90d"] == 1 / 3
    assert row["pair_sessions_so_far"] == 2


def test_pair_counts_from_the_students_history_alone() -> None:
    history = [
        PastSession(scheduled_time=days_ago(3), status="completed", tutor_id="ada"),
        PastSession(scheduled_time=days_ago(200), status="completed", tutor_id="ada"),
        PastSession(scheduled_time=days_ago(5), status="completed", tutor_id="bob"),
        PastSession(scheduled_time=days_ago(6), status="completed"),
    ]
    row = features_row(ahead(tutor_id="ada", student_history=history))

    assert row["pair_sessions_so_far"] == 2
    assert row["student_total_sessions_90d"] == 3
    assert row["tutor_total_sessions_30d"] == 8  # the statistics, not the two sessions of the history


def test_facts_after_as_of_do_not_count() -> None:
    history = [PastSession(scheduled_time=days_ago(days), status="no_show") for days in (1, 9, 10)]
    record = ahead(tutor_statistics=None, tutor_history=history, as_of=days_ago(8))

    assert features_row(record)["tutor_total_sessions_90d"] == 2


def test_histories_give_the_features_of_the_records(engine: Engine, records: Records) -> None:
    """What a caller brings along gives bit for bit what the stored records give."""
    rng = np.random.default_rng(5)
    tutors = [records.tutor(i) for i in range(3)]
    people = [records.student(i) for i in range(3)] + ["somebody"]
    for _ in range(150):
        scheduled = NOW + timedelta(days=float(rng.uniform(-110, 12)))
        status = "scheduled" if scheduled > NOW else str(rng.choice(["completed", "rescheduled", "no_show"]))
        records.session(
            str(rng.choice(tutors)),
            scheduled,
            status,
            student=str(rng.choice(people)),
            initiator=str(rng.choice(["tutor", "student"])),
            duration_minutes=int(rng.integers(20, 200)) if rng.random() < 0.9 else None,
            booked_at=NOW - timedelta(days=115) if rng.random() < 0.7 else None,
        )
    past = records.rows(
        "SELECT s.scheduled_time, s.status, s.duration_minutes, r.initiator, s.completed_time, r.cancelled_at,"
        " s.student_id, s.tutor_id::text FROM sessions s LEFT JOIN reschedules r ON r.session_id = s.id"
        " WHERE s.status <> 'scheduled'"
    )
    history = [PastSession(**row._mapping) for row in past]
    stored = read_history(engine)
    upcoming = select_upcoming(stored.sessions, int(NOW.timestamp() * 1e6), 30)
    rows = {
        str(row.id): row
        for row in records.rows(
            "SELECT id, scheduled_time, booked_at, duration_minutes, tutor_id::text, student_id FROM sessions"
            " WHERE status = 'scheduled'"
        )
    }
    asked = []
    for key in upcoming.id:
        row = rows[str(UUID(bytes=key.tobytes()))]
        asked.append(
            SessionRecord(
                scheduled_time=row.scheduled_time,
                booked_at=row.booked_at,
                duration_minutes=row.duration_minutes,
                tutor_id=row.tutor_id,
                tutor_history=[entry for entry in history if entry.tutor_id == row.tutor_id],
                student_id=row.student_id,
                student_history=[entry for entry in history if entry.student_id == row.student_id],
            )
        )

    X, refused = record_features(asked, NOW, "Europe/Berlin")

    as_of = np.full(len(upcoming), int(NOW.timestamp() * 1e6))
    assert refused == {}
    assert len(X) > 8
    np.testing.assert_array_equal(X, session_features(stored, upcoming, as_of, "Europe/Berlin"))


def test_scores_as_statistics_give_the_same_features_as_the_history() -> None:
    rng = np.random.default_rng(9)
    for _ in range(50):
        history = [
            PastSession(
                scheduled_time=days_ago(float(rng.uniform(0.2, 89))),
                status=str(rng.choice(["completed", "rescheduled", "no_show"])),
                initiator="tutor",
            )
            for _ in range(rng.integers(0, 40))
        ]
        [score] = score_tutor_records([TutorRecord(sessions=history)], NOW)
        assert isinstance(score, TutorScore)
        names = TutorStatistics.__dataclass_fields__
        told = TutorStatistics(**{name: value for name, value in asdict(score).items() if name in names})

        by_history = features_row(ahead(tutor_statistics=None, tutor_history=history))

        assert features_row(ahead(tutor_statistics=told)) == by_history


def test_rates_that_fit_no_whole_number_are_taken_as_told() -> None:
    row = features_row(ahead(tutor_statistics=statistics(reschedule_rate_30d=15.0, total_sessions_30d=7)))

    assert row["tutor_reschedule_rate_30d"] == pytest.approx(0.15)
    assert row["tutor_is_high_risk"] == 0


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


def test_the_rule_answers_without_a_model() -> None:
    known, unknown = ahead(), ahead(tutor_statistics=None, tutor_history=[])

    reschedule = predict_sessions([known, unknown], serve("reschedule", rule=True), NOW, contributions=True)
    no_show = predict_sessions([known, unknown], serve("no_show", rule=True), NOW)

    assert reschedule == [Prediction(0.25, "low", "rule", True, []), Prediction(0.1, "low", "rule", True, [])]
    assert [answer.probability for answer in no_show if isinstance(answer, Prediction)] == pytest.approx([0.03, 0.03])


def test_no_records_no_answers() -> None:
    assert predict_sessions([], serve("reschedule"), NOW, contributions=True) == []
    assert predict_matches([], serve("match"), contributions=True) == []
    assert score_tutor_records([], NOW) == []


MIA = MatchStudent(age=16, preferred_pace=2, preferred_teaching_style="modern", communication_style_preference=5)
ADA = MatchTutor(age=30, preferred_pace=5, teaching_style="flexible", communication_style=3, statistics=statistics())


def test_match_features_by_hand() -> None:
    X, refused = match_features([MatchRecord(student=MIA, tutor=ADA), MatchRecord(student=MatchStudent(), tutor=ADA)])

    row, unknown = (dict(zip(names_of("match"), x.tolist(), strict=True)) for x in X)
    assert refused == {}
    assert (row["pace_mismatch"], row["style_mismatch"], row["communication_mismatch"]) == (3, 1, 2)
    assert (row["age_difference"], row["tutor_reschedule_rate_30d"], row["tutor_is_high_risk"]) == (14, 0.25, 1)
    # 1 − (0.3·3/4 + 0.3 + 0.2·2/4 + 0.2·14/20)
    assert row["compatibility_score"] == pytest.approx(1 - (0.225 + 0.3 + 0.1 + 0.14))
    assert (unknown["pace_mismatch"], unknown["style_mismatch"], unknown["age_difference"]) == (2.5, 0.5, 10)
    assert (unknown["student_age"], unknown["student_satisfaction"]) == (15, 3)


def test_match_features_equal_those_of_the_records(engine: Engine, records: Records) -> None:
    tutor = records.tutor(1, age=41, teaching_style="modern", preferred_pace=4, confidence_level=2, experience_years=9)
    student = records.student(1, age=12, preferred_teaching_style="modern", urgency_level=5, previous_satisfaction=1)
    for i in range(7):
        records.session(tutor, days_ago(1 + i), "rescheduled" if i < 3 else "completed")
    told = statistics(reschedule_rate_30d=300 / 7, total_sessions_30d=7, reschedule_rate_90d=300 / 7)

    X, _ = match_features(
        [
            MatchRecord(
                student=MatchStudent(
                    age=12, preferred_teaching_style="modern", urgency_level=5, previous_satisfaction=1
                ),
                tutor=MatchTutor(
                    age=41,
                    teaching_style="modern",
                    preferred_pace=4,
                    confidence_level=2,
                    experience_years=9,
                    statistics=told,
                ),
            )
        ]
    )

    history = read_history(engine)
    code = np.array([int(np.flatnonzero(history.directory.students == student)[0])])
    expected = pair_features(history, code, np.array([0]), np.array([int(NOW.timestamp() * 1e6)]))
    np.testing.assert_array_equal(X, expected)


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


def test_tutor_scores_by_hand() -> None:
    sessions = [
        PastSession(scheduled_time=days_ago(1), status="rescheduled", initiator="tutor"),
        PastSession(scheduled_time=days_ago(2), status="rescheduled", initiator="student"),
        PastSession(scheduled_time=days_ago(10), status="completed"),
        PastSession(scheduled_time=days_ago(70), status="no_show"),
    ]
    bad = TutorRecord(sessions=[*sessions, PastSession(scheduled_time=NOW, status="?")])

    score, refused, empty = score_tutor_records(
        [TutorRecord(tutor_id="ada", sessions=sessions), bad, TutorRecord(sessions=[])], NOW
    )

    assert score == TutorScore(
        "ada", 50.0, 100 / 3, 25.0, 2, 3, 4, 1, 1, 1, 1, 25.0, pytest.approx(1 / 2 - 1 / 3), True, 15.0
    )
    assert refused == Refused("sessions[4].status", "must be one of scheduled, completed, rescheduled, no_show")
    assert empty == TutorScore(None, None, None, None, 0, 0, 0, 0, 0, 0, 0, None, None, False, 15.0)
