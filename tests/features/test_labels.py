import numpy as np
import pytest

from features.labels import label_pairs, label_sessions
from records.columns import COMPLETED, MINUTE_US, MISSING, NEVER, NO_SHOW, RESCHEDULED, SCHEDULED
from tests.features.histories import DAY, at, make_sessions

START = at("2026-03-01 10:00")
CUT_OFF = START + 100 * DAY


@pytest.mark.parametrize(
    ("status", "known", "reschedule", "no_show"),
    [
        (COMPLETED, START, 0, 0),
        (RESCHEDULED, START - 2 * DAY, 1, 0),  # as_of itself is not yet known at as_of
        (RESCHEDULED, START - 2 * DAY - 1, 0, 0),
        (RESCHEDULED, CUT_OFF - 1, 1, 0),
        (RESCHEDULED, CUT_OFF, 0, 0),
        (NO_SHOW, START, 0, 1),
        (NO_SHOW, CUT_OFF, 0, 0),
        (SCHEDULED, NEVER, 0, 0),
    ],
)
def test_labels_of_sessions(status, known, reschedule, no_show):
    for by_tutor in (False, True):
        sessions = make_sessions([{"scheduled": START, "status": status, "outcome_known": known, "by_tutor": by_tutor}])
        as_of = np.array([START - 2 * DAY])
        assert label_sessions(sessions, "reschedule", as_of, CUT_OFF).tolist() == [reschedule]
        assert label_sessions(sessions, "no_show", as_of, CUT_OFF).tolist() == [no_show]


def pair_of(*bookings):
    """The pair of sessions given as (day scheduled, minutes after the first booking)."""
    rows = [
        {
            "scheduled": START + round(day * DAY),
            "booked": MISSING if minute is None else START - 5 * DAY + round(minute * MINUTE_US),
        }
        for day, minute in bookings
    ]
    pairs = label_pairs(make_sessions(rows), assumed_lead=14 * DAY)
    assert len(pairs) == 1
    return pairs


@pytest.mark.parametrize(
    ("bookings", "churned"),
    [
        ([(0, 0)], 1),
        ([(0, 0), (7, 600)], 0),  # came back
        ([(0, 0), (30, 600)], 0),  # on the last day
        ([(0, 0), (30.0001, 600)], 1),
        ([(0, 0), (7, 3), (14, 5)], 1),  # one series
        ([(0, 0), (7, 10)], 1),  # within ten minutes
        ([(0, 0), (7, 10.0001)], 0),
        ([(0, 0), (7, 8), (14, 16)], 1),  # each within ten minutes of the one before
        ([(0, 0), (7, 3), (14, 600)], 0),  # a series, and then another booking
        ([(0, 0), (7, 3), (31, 600)], 1),
        ([(3, 0), (0, 600)], 0),  # the first one was booked last
        ([(0, None), (7, None)], 0),  # nobody told when they were booked
        ([(0, None)], 1),
        ([(0, 0), (7, None)], 0),
    ],
)
def test_a_pair_churns_unless_another_booking_follows_within_30_days(bookings, churned):
    assert pair_of(*bookings).churned.tolist() == [churned]
    assert pair_of(*reversed(bookings)).churned.tolist() == [churned]


def test_first_booking_and_first_session():
    pairs = pair_of((3, 0), (0, 600))
    assert pairs.first_booked.tolist() == [START - 5 * DAY]
    assert pairs.first_scheduled.tolist() == [START]
    assert pair_of((0, None), (2, None)).first_booked.tolist() == [START - 14 * DAY]


def test_pairs_do_not_meddle_with_each_other():
    rows = [
        {"scheduled": START, "student": 1, "tutor": 0},
        {"scheduled": START + DAY, "student": 0, "tutor": 1},
        {"scheduled": START + 2 * DAY, "student": 0, "tutor": 0},
        {"scheduled": START + 3 * DAY, "student": 1, "tutor": 0},
        {"scheduled": START + 4 * DAY, "student": 1, "tutor": 1},
    ]
    pairs = label_pairs(make_sessions(rows), assumed_lead=DAY)
    assert pairs.student.tolist() == [0, 0, 1, 1]
    assert pairs.tutor.tolist() == [0, 1, 0, 1]
    assert pairs.churned.tolist() == [1, 1, 0, 1]
    assert ((pairs.first_scheduled - START) // DAY).tolist() == [2, 1, 0, 4]


def test_no_sessions_no_pairs():
    assert len(label_pairs(make_sessions([]), assumed_lead=DAY)) == 0
