from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import Engine

from scoring.flag_changes import FlagChange, FlagChanges, read_flag_changes
from scoring.tutors import score_tutors
from tests.scoring.conftest import NOW, Records, days_ago


@pytest.fixture
def engine(emptied_engine: Engine) -> Engine:
    return emptied_engine


def write_score(records: Records, tutor: str, moved: int, sessions: int) -> None:
    _write(records, "tutor_scores", "last_calculated_at", f"'{NOW.isoformat()}'", tutor, moved, sessions)


def write_day(records: Records, tutor: str, days: float, moved: int, sessions: int) -> None:
    _write(records, "tutor_score_history", "day", f"'{days_ago(days).date()}'", tutor, moved, sessions)


def _write(records: Records, table: str, key: str, value: str, tutor: str, moved: int, sessions: int) -> None:
    rate = f"{100 * moved / sessions}" if sessions else "NULL"
    records.execute(
        f"""
        INSERT INTO {table} (tutor_id, {key}, reschedule_rate_30d, total_sessions_30d, tutor_reschedules_30d,
            total_sessions_7d, tutor_reschedules_7d, total_sessions_90d, tutor_reschedules_90d, no_shows_90d,
            is_high_risk, risk_threshold)
        VALUES ('{tutor}', {value}, {rate}, {sessions}, {moved}, 0, 0, 0, 0, 0, {100 * moved > 15 * sessions}, 15)
        """
    )


def test_without_tutors_nothing_changed(engine: Engine) -> None:
    assert read_flag_changes(engine, NOW) == FlagChanges(0, [], [])


def test_flags_of_now_and_a_week_ago(engine: Engine, records: Records) -> None:
    new, lifted, still, never, removed = (records.tutor(number, active=number != 5) for number in range(1, 6))
    for tutor, before, now in (
        (new, (3, 20), (4, 20)),  # 15 % is not above 15 %
        (lifted, (4, 20), (3, 20)),
        (still, (4, 20), (5, 20)),
        (never, (1, 20), (0, 0)),
        (removed, (0, 20), (9, 20)),
    ):
        write_day(records, tutor, 7, *before)
        write_day(records, tutor, 6, 9, 10)  # too young to count
        write_day(records, tutor, 8, 9, 10)  # older than the one that counts
        write_score(records, tutor, *now)

    found = read_flag_changes(engine, NOW)

    assert found.flagged == 2
    assert found.newly == [FlagChange(UUID(new), "tutor 1", 20.0, 15.0, 4, 20)]
    assert found.cleared == [FlagChange(UUID(lifted), "tutor 2", 15.0, 20.0, 3, 20)]


def test_the_last_day_before_counts_where_there_was_no_score_on_that_day(engine: Engine, records: Records) -> None:
    ada = records.tutor(1)
    write_day(records, ada, 12, 4, 20)
    write_score(records, ada, 4, 20)

    assert read_flag_changes(engine, NOW).newly == []


def test_without_history_it_is_counted_what_a_score_of_then_said(engine: Engine, records: Records) -> None:
    new, lifted, told_late, quiet = (records.tutor(number) for number in range(1, 5))
    records.session(new, days_ago(36.9))
    records.session(new, days_ago(37.1), "rescheduled")  # before the 30 days of then
    records.session(new, days_ago(2), "rescheduled")
    records.session(lifted, days_ago(36.9), "rescheduled")
    records.session(lifted, days_ago(20))
    records.session(told_late, days_ago(20), "rescheduled", outcome_recorded_at=days_ago(3))
    records.session(told_late, days_ago(21))
    records.session(quiet, days_ago(9), "rescheduled", initiator="student")
    score_tutors(engine, NOW)

    found = read_flag_changes(engine, NOW)

    # new: 0 of 1 then, 1 of 1 now. told late: 0 of 1 then, 1 of 2 now. lifted: 1 of 2 then, 0 of 1 now.
    assert [(one.id, one.rate, one.rate_before) for one in found.newly] == [
        (UUID(new), 100.0, 0.0),
        (UUID(told_late), 50.0, 0.0),
    ]
    assert [(one.id, one.rate, one.rate_before) for one in found.cleared] == [(UUID(lifted), 0.0, 50.0)]


def test_a_score_of_then_says_the_same_as_its_history(engine: Engine, records: Records) -> None:
    for number in range(1, 9):
        tutor = records.tutor(number)
        for place in range(3):
            status = "rescheduled" if (number + place) % 4 == 0 else "completed"
            records.session(tutor, days_ago(3 + 14 * place), status)
    score_tutors(engine, NOW)
    counted = read_flag_changes(engine, NOW)
    records.execute("DELETE FROM tutor_scores; DELETE FROM tutor_score_history")
    score_tutors(engine, days_ago(7))
    score_tutors(engine, NOW)

    assert len(counted.newly) + len(counted.cleared) > 2
    assert read_flag_changes(engine, NOW) == counted


def test_the_most_reschedules_beyond_the_threshold_come_first_and_the_fewest_of_those_below(
    engine: Engine, records: Records
) -> None:
    for number, (before, now, sessions) in enumerate(
        [(0, 17, 100), (0, 4, 20), (0, 40, 200), (9, 15, 100), (9, 1, 10), (9, 0, 40)], 1
    ):
        tutor = records.tutor(number)
        write_day(records, tutor, 7, before, 10)
        write_score(records, tutor, now, sessions)

    found = read_flag_changes(engine, NOW)

    # Beyond 15 %: 2, 1 and 10 reschedules; below it 0, 0.5 and 6.
    assert [one.name for one in found.newly] == ["tutor 3", "tutor 1", "tutor 2"]
    assert [one.name for one in found.cleared] == ["tutor 6", "tutor 5", "tutor 4"]
