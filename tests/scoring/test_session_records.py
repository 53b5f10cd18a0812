from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from uuid import UUID

import numpy as np
import pytest
from sqlalchemy import Engine

from features.table import session_features
from records.reading import read_history, select_upcoming
from scoring.forms import (
    PastSession,
    SessionRecord,
    TutorRecord,
    TutorScore,
    TutorStatistics,
)
from scoring.session_records import record_features, told_features
from scoring.stateless import score_tutor_records
from tests.scoring.callers import FEATURES, ahead, features_row, statistics
from tests.scoring.conftest import NOW, Records, days_ago


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


def test_only_the_length_of_a_session_has_a_default_that_is_not_told() -> None:
    told = told_features([ahead(), ahead(duration_minutes=60)])

    assert told.shape == (2, 24)
    assert np.argwhere(~told).tolist() == [[0, FEATURES.index("session_duration_minutes")]]
