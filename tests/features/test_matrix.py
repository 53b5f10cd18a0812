import numpy as np
import pytest

from features.catalogue import names_of
from features.matrix import session_features, session_features_from_counts
from features.student import StudentCounts
from features.tutor import TutorCounts
from records.columns import MISSING, RESCHEDULED
from tests.features.histories import DAY, HOUR, at, make_history, make_sessions, random_history

NOW = at("2026-06-01 12:00")


def test_a_session_worked_out_by_hand():
    moved = {"scheduled": NOW - DAY, "status": RESCHEDULED, "by_tutor": True, "outcome_known": NOW - 2 * DAY}
    before = [moved, {"scheduled": NOW - 10 * DAY}, {"scheduled": NOW - 50 * DAY, "student": 1}]
    booked = {"scheduled": at("2026-06-06 21:30"), "booked": NOW - 3 * HOUR, "duration": 45.0}
    history = make_history(make_sessions([*before, booked]))
    row = session_features(history, history.sessions.take(np.array([3])), np.array([NOW]), "Europe/Berlin")[0]
    assert dict(zip(names_of("reschedule"), row.tolist(), strict=True)) == {
        "tutor_reschedule_rate_7d": 1.0,
        "tutor_reschedule_rate_30d": 0.5,
        "tutor_reschedule_rate_90d": pytest.approx(1 / 3),
        "tutor_total_sessions_7d": 1.0,
        "tutor_total_sessions_30d": 2.0,
        "tutor_total_sessions_90d": 3.0,
        "tutor_is_high_risk": 1.0,
        "tutor_reschedule_trend": 0.5,
        "tutor_no_show_rate_90d": 0.0,
        "day_of_week": 5.0,
        "hour_of_day": 23.0,
        "time_of_day_category": 3.0,
        "is_weekend": 1.0,
        "days_until_session": pytest.approx(129.5 / 24),
        "hours_until_session": 129.5,
        "session_duration_minutes": 45.0,
        "hours_since_booked": 3.0,
        "student_reschedule_rate_90d": 0.5,
        "student_no_show_rate_90d": 0.0,
        "student_reschedules_90d": 1.0,
        "student_no_shows_90d": 0.0,
        "student_total_sessions_90d": 2.0,
        "student_is_known": 1.0,
        "pair_sessions_so_far": 2.0,
    }


def test_counts_that_a_caller_brings_give_the_same_row():
    counts = TutorCounts(np.array([[4], [12], [30]]), np.array([[1], [3], [5]]), np.array([[0], [1], [3]]))
    student = StudentCounts(np.array([5]), np.array([2]), np.array([1]), np.array([4]))
    row = session_features_from_counts(
        np.array([NOW]), np.array([MISSING]), np.array([np.nan]), np.array([NOW - DAY]), tutor=counts, student=student
    )[0]
    by_name = dict(zip(names_of("no_show"), row.tolist(), strict=True))
    assert list(by_name.values())[:9] == [0.25, 0.25, 5 / 30, 4, 12, 30, 1, 0, 0.1]
    assert list(by_name.values())[13:] == [1, 24, 60, -1, 0.4, 0.2, 2, 1, 5, 1, 4]


def test_large_matrices_are_filled_in_every_block():
    history = random_history(11, n=9000)
    as_of = history.sessions.scheduled - HOUR
    whole = session_features(history, history.sessions, as_of, "Europe/Berlin")
    assert whole.flags.c_contiguous
    rows = np.array([0, 4095, 4096, 8191, 8192, 8999])
    part = session_features(history, history.sessions.take(rows), as_of[rows], "Europe/Berlin")
    assert part.tobytes() == whole[rows].tobytes()
