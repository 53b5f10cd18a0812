from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from records.reading import read_history
from scoring.tutor_history import compute_rate_histories, compute_rate_history
from scoring.tutors import score_tutors
from tests.scoring.conftest import NOW, Records, days_ago


def test_rates_week_by_week_by_hand(engine: Engine, records: Records) -> None:
    ada, other = records.tutor(1), records.tutor(2)
    records.session(ada, days_ago(2))
    records.session(ada, days_ago(9), "rescheduled")
    records.session(ada, days_ago(10), "rescheduled", initiator="student")
    records.session(ada, days_ago(20), "no_show")
    records.session(ada, days_ago(36), "rescheduled")
    records.session(other, days_ago(3), "rescheduled")

    points = compute_rate_history(engine, UUID(ada), NOW, weeks=2)

    assert [point.moment for point in points] == [NOW - timedelta(weeks=2), NOW - timedelta(weeks=1), NOW]
    # 14 days ago: those of 20 and 36 days; 7 days ago: 9, 10, 20 and 36; now: 2, 9, 10 and 20
    assert [(point.rescheduled, point.sessions) for point in points] == [(1, 2), (2, 4), (1, 4)]
    assert [point.rate for point in points] == [50.0, 50.0, 25.0]


def test_many_at_once_each_have_their_own(engine: Engine, records: Records) -> None:
    ada, bob, nobody = records.tutor(1), records.tutor(2), UUID(int=99)
    records.session(ada, days_ago(2), "rescheduled")
    records.session(bob, days_ago(9))

    histories = compute_rate_histories(engine, [UUID(bob), UUID(ada), nobody], NOW, weeks=1)

    assert {tutor: [point.rate for point in points] for tutor, points in histories.items()} == {
        UUID(ada): [None, 100.0],
        UUID(bob): [0.0, 0.0],
        nobody: [None, None],
    }
    assert histories[UUID(ada)] == compute_rate_history(engine, UUID(ada), NOW, weeks=1)
    assert compute_rate_histories(engine, [], NOW, weeks=1) == {}


def test_a_window_without_sessions_has_no_rate(engine: Engine, records: Records) -> None:
    ada = records.tutor(1)
    records.session(ada, days_ago(1))

    rates = [point.rate for point in compute_rate_history(engine, UUID(ada), NOW, weeks=1)]

    assert rates == [None, 0.0]


def test_an_outcome_counts_from_when_it_was_told(engine: Engine, records: Records) -> None:
    ada = records.tutor(1)
    records.session(ada, days_ago(9), "rescheduled", outcome_recorded_at=days_ago(3))

    points = compute_rate_history(engine, UUID(ada), NOW, weeks=1)

    assert [(point.rescheduled, point.sessions) for point in points] == [(0, 0), (1, 1)]


def test_a_session_counts_from_when_its_booking_was_told(engine: Engine, records: Records) -> None:
    ada = records.tutor(1)
    records.session(ada, days_ago(9), "rescheduled", recorded_at=days_ago(3))
    records.session(ada, days_ago(10), booked_at=days_ago(11), recorded_at=days_ago(7))

    points = compute_rate_history(engine, UUID(ada), NOW, weeks=1)

    # 7 days ago both had happened, but of neither had we been told before that moment
    assert [(point.rescheduled, point.sessions) for point in points] == [(0, 0), (1, 2)]


@pytest.mark.parametrize("told", [days_ago(0), days_ago(-1), days_ago(0.01)])
def test_history_scores_and_reading_agree_on_a_booking_told_late(
    engine: Engine, records: Records, told: datetime
) -> None:
    ada = records.tutor(1)
    records.session(ada, days_ago(2), recorded_at=told)
    counts = int(told < NOW)

    assert compute_rate_history(engine, UUID(ada), NOW, weeks=0)[0].sessions == counts
    score_tutors(engine, NOW)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT total_sessions_30d FROM tutor_scores")) == counts
    assert len(read_history(engine, until=int(NOW.timestamp()) * 1_000_000).sessions) == counts


def test_a_session_called_off_early_counts_when_its_time_comes(engine: Engine, records: Records) -> None:
    ada = records.tutor(1)
    records.session(ada, days_ago(3), "rescheduled", cancelled_at=days_ago(10))

    points = compute_rate_history(engine, UUID(ada), NOW, weeks=1)

    assert [(point.rescheduled, point.sessions) for point in points] == [(0, 0), (1, 1)]


def test_the_newest_point_is_the_score(engine: Engine, records: Records) -> None:
    ada = records.tutor(1)
    for days, status in ((0.02, "completed"), (5, "rescheduled"), (29.99, "no_show"), (30.01, "rescheduled")):
        records.session(ada, days_ago(days), status)
    score_tutors(engine, NOW)

    newest = compute_rate_history(engine, UUID(ada), NOW)[-1]

    with engine.connect() as connection:
        stored = connection.execute(
            text("SELECT reschedule_rate_30d, total_sessions_30d, tutor_reschedules_30d FROM tutor_scores")
        ).one()
    assert (newest.rate, newest.sessions, newest.rescheduled) == (pytest.approx(stored[0]), stored[1], stored[2])
