import numpy as np
import pytest

from features.tutor import TutorCounts, count_tutor_sessions, tutor_columns
from records.columns import NO_SHOW, RESCHEDULED
from tests.features.histories import DAY, HOUR, at, make_sessions

NOW = at("2026-06-01 12:00")


def features_at(rows, as_of=NOW, tutor=0):
    counts = count_tutor_sessions(make_sessions(rows), np.array([tutor]), np.array([as_of]))
    return {name: column[0] for name, column in tutor_columns(counts).items()}


def rescheduled(days_ago, by_tutor=True, **facts):
    scheduled = NOW - round(days_ago * DAY)
    return {
        "scheduled": scheduled,
        "status": RESCHEDULED,
        "by_tutor": by_tutor,
        "outcome_known": scheduled - 2 * DAY,
    } | facts


def completed(days_ago, **facts):
    return {"scheduled": NOW - round(days_ago * DAY)} | facts


def test_rates_counts_and_trend_of_a_history_worked_out_by_hand():
    features = features_at(
        [
            rescheduled(1),
            rescheduled(2, by_tutor=False),
            completed(3),
            completed(6),  # four within 7 days, one of them moved by the tutor
            completed(10),
            rescheduled(20),
            completed(25),
            completed(29),  # eight within 30 days, two moved by the tutor
            completed(40, status=NO_SHOW),
            completed(80),  # ten within 90 days, two moved by the tutor, one missed
            rescheduled(91),
            completed(2, tutor=1),
            completed(-1),
        ]
    )
    assert features == {
        "tutor_reschedule_rate_7d": 0.25,
        "tutor_reschedule_rate_30d": 0.25,
        "tutor_reschedule_rate_90d": 0.2,
        "tutor_total_sessions_7d": 4.0,
        "tutor_total_sessions_30d": 8.0,
        "tutor_total_sessions_90d": 10.0,
        "tutor_is_high_risk": 1.0,
        "tutor_reschedule_trend": 0.0,
        "tutor_no_show_rate_90d": 0.1,
    }


def test_trend_is_the_week_minus_the_month():
    features = features_at([rescheduled(1), completed(2), completed(10), completed(11)])
    assert features["tutor_reschedule_trend"] == 0.5 - 0.25


def test_a_tutor_without_sessions_has_zeros():
    assert set(features_at([completed(3, tutor=1)]).values()) == {0.0}


@pytest.mark.parametrize(("moved", "sessions", "flag"), [(3, 20, 0.0), (4, 20, 1.0), (15, 100, 0.0), (16, 100, 1.0)])
def test_high_risk_is_above_15_percent_and_not_at_it(moved, sessions, flag):
    rows = [rescheduled(1 + i / 10) for i in range(moved)] + [completed(12 + i / 10) for i in range(sessions - moved)]
    features = features_at(rows)
    assert features["tutor_total_sessions_30d"] == sessions
    assert features["tutor_is_high_risk"] == flag


def test_a_rate_of_exactly_15_percent_is_never_high_risk():
    total = np.arange(1, 2000)
    for moved in (total * 3 // 20, total * 3 // 20 + 1):
        counts = TutorCounts(np.stack([total] * 3), np.stack([moved] * 3), np.zeros((3, len(total)), dtype=np.int64))
        np.testing.assert_array_equal(tutor_columns(counts)["tutor_is_high_risk"], 20 * moved > 3 * total)


def test_a_reschedule_told_in_advance_counts_from_its_scheduled_time_on():
    ahead = rescheduled(-1, outcome_known=NOW - DAY)
    assert features_at([ahead])["tutor_total_sessions_7d"] == 0
    assert features_at([ahead], as_of=NOW + DAY)["tutor_reschedule_rate_7d"] == 1.0


def test_an_outcome_recorded_late_counts_from_then_on():
    late = completed(3, outcome_known=NOW - HOUR)
    assert features_at([late], as_of=NOW - HOUR)["tutor_total_sessions_7d"] == 0
    assert features_at([late], as_of=NOW - HOUR + 1)["tutor_total_sessions_7d"] == 1


def test_a_session_whose_booking_is_recorded_late_counts_from_then_on():
    late = completed(3, booking_known=NOW - HOUR)
    assert features_at([late], as_of=NOW - HOUR)["tutor_total_sessions_7d"] == 0
    assert features_at([late], as_of=NOW - HOUR + 1)["tutor_total_sessions_7d"] == 1
