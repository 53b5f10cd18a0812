import numpy as np

from features.student import count_student_sessions, student_columns
from records.columns import NO_SHOW, RESCHEDULED
from tests.features.histories import DAY, at, make_sessions

NOW = at("2026-06-01 12:00")


def features_at(rows, student=1, tutor=0, as_of=NOW):
    sessions = make_sessions([{"student": 1} | row for row in rows])
    counts = count_student_sessions(sessions, np.array([student]), np.array([tutor]), np.array([as_of]))
    return {name: column[0] for name, column in student_columns(counts).items()}


def test_rates_and_counts_of_a_history_worked_out_by_hand():
    features = features_at(
        [
            {"scheduled": NOW - 1 * DAY, "status": RESCHEDULED, "by_tutor": True, "outcome_known": NOW - 2 * DAY},
            {"scheduled": NOW - 2 * DAY, "status": RESCHEDULED, "outcome_known": NOW - 9 * DAY, "tutor": 1},
            {"scheduled": NOW - 3 * DAY, "status": NO_SHOW},
            {"scheduled": NOW - 89 * DAY},
            {"scheduled": NOW - 90 * DAY},  # just out of the window, but together with the tutor all the same
            {"scheduled": NOW - 400 * DAY},
            {"scheduled": NOW - 4 * DAY, "student": 2},
            {"scheduled": NOW + 4 * DAY},
        ]
    )
    assert features == {
        "student_reschedule_rate_90d": 0.5,
        "student_no_show_rate_90d": 0.25,
        "student_reschedules_90d": 2.0,
        "student_no_shows_90d": 1.0,
        "student_total_sessions_90d": 4.0,
        "student_is_known": 1.0,
        "pair_sessions_so_far": 5.0,
    }


def test_a_student_whose_first_session_is_not_over_is_unknown():
    assert set(features_at([{"scheduled": NOW + DAY}, {"scheduled": NOW - DAY, "student": 0}]).values()) == {0.0}


def test_pairs_are_told_apart_whatever_their_codes():
    # With codes up to 12 a student of 1 with a tutor of 0 must not be taken for a student of 0 with a tutor of 12.
    sessions = [{"scheduled": NOW - DAY, "student": 1, "tutor": 0}, {"scheduled": NOW - DAY, "student": 0, "tutor": 12}]
    assert features_at(sessions, student=1, tutor=0)["pair_sessions_so_far"] == 1
    assert features_at(sessions, student=0, tutor=12)["pair_sessions_so_far"] == 1
    assert features_at(sessions, student=0, tutor=13)["pair_sessions_so_far"] == 0
    assert features_at(sessions, student=1, tutor=40)["pair_sessions_so_far"] == 0
