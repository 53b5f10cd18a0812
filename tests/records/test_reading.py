"""The history against one worked out by hand, now, as known earlier, and for a few people."""

from __future__ import annotations

import datetime as dt
import uuid

import numpy as np
import pytest
from sqlalchemy import Engine, text

from records.columns import (
    COMPLETED,
    DAY_US,
    HOUR_US,
    MISSING,
    NEVER,
    NO_SHOW,
    RESCHEDULED,
    SCHEDULED,
    History,
)
from records.reading import read_history, select_upcoming
from tqs.errors import RecordsError

ANN, BOB = str(uuid.UUID(int=1)), str(uuid.UUID(int=2))
PIA = str(uuid.UUID(int=3))
START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
DAY_0 = int(START.timestamp()) * 1_000_000


def day(number: float) -> int:
    return DAY_0 + int(number * DAY_US)


def when(number: float | None) -> dt.datetime | None:
    return None if number is None else START + dt.timedelta(days=number)


# id, tutor, student, booked, scheduled, minutes, status, completed, recorded, outcome recorded, (initiator, cancelled)
SESSIONS = [
    (11, ANN, PIA, 0, 10, 60, "completed", 10.05, None, None, None),
    (12, ANN, "visitor", 1, 11, None, "no_show", None, None, None, None),
    (13, BOB, PIA, 2, 12, 30, "rescheduled", None, None, None, ("tutor", 5)),
    (14, BOB, PIA, 2, 13, 30, "rescheduled", None, 3, 9, ("student", 6)),  # told on days 3 and 9
    (15, ANN, "visitor", None, 14, 60, "completed", None, None, None, None),
    (16, ANN, PIA, 4, 20, 60, "scheduled", None, None, None, None),
    (17, BOB, PIA, 2, 12, 30, "rescheduled", None, None, 4, ("tutor", None)),  # nobody said when it was cancelled
]


@pytest.fixture
def filled(engine: Engine) -> Engine:
    with engine.begin() as connection:
        for tutor in (ANN, BOB):
            connection.execute(text("INSERT INTO tutors (id, name, source) VALUES (:id, 'x', 'import')"), {"id": tutor})
        connection.execute(text("INSERT INTO students (id, name, source) VALUES (:id, 'x', 'import')"), {"id": PIA})
        connection.execute(
            text(
                "INSERT INTO tutor_profiles (tutor_id, valid_from, recorded_at, age, teaching_style, preferred_pace) "
                "VALUES (:ann, '1970-01-01', NULL, 30, 'flexible', NULL), (:ann, :day_5, :day_7, 31, NULL, 4), "
                "(:bob, :day_5, NULL, NULL, 'modern', 1)"
            ),
            {"ann": ANN, "bob": BOB, "day_5": when(5), "day_7": when(7)},
        )
        connection.execute(
            text(
                "INSERT INTO student_profiles (student_id, valid_from, urgency_level, preferred_teaching_style) "
                "VALUES (:pia, '1970-01-01', 2, 'structured')"
            ),
            {"pia": PIA},
        )
        for number, tutor, student, booked, scheduled, minutes, status, done, told, told_end, moved in reversed(
            SESSIONS
        ):
            session = {
                "id": uuid.UUID(int=number),
                "tutor": tutor,
                "student": student,
                "booked": when(booked),
                "scheduled": when(scheduled),
                "minutes": minutes,
                "status": status,
                "done": when(done),
                "told": when(told),
                "told_end": when(told_end),
            }
            connection.execute(
                text(
                    "INSERT INTO sessions (id, tutor_id, student_id, booked_at, scheduled_time, duration_minutes, "
                    "status, completed_time, recorded_at, outcome_recorded_at, source) "
                    "VALUES (:id, :tutor, :student, :booked, :scheduled, :minutes, :status, :done, :told, "
                    ":told_end, 'import')"
                ),
                session,
            )
            if moved is not None:
                connection.execute(
                    text(
                        "INSERT INTO reschedules (session_id, initiator, original_time, cancelled_at) "
                        "VALUES (:id, :initiator, :scheduled, :cancelled)"
                    ),
                    session | {"initiator": moved[0], "cancelled": when(moved[1])},
                )
    return engine


def numbers(history: History) -> list[int]:
    return [int.from_bytes(bytes(row), "big") for row in history.sessions.id]


def test_every_column_is_what_the_tables_say(filled: Engine) -> None:
    history = read_history(filled)
    directory, sessions = history.directory, history.sessions
    assert directory.tutors.tolist() == [ANN, BOB]
    assert directory.students.tolist() == [PIA, "visitor"]
    assert numbers(history) == [11, 12, 13, 17, 14, 15, 16]  # by scheduled, then id
    assert sessions.tutor.tolist() == [0, 0, 1, 1, 1, 0, 0]
    assert sessions.student.tolist() == [0, 1, 0, 0, 0, 1, 0]
    assert sessions.scheduled.tolist() == [day(n) for n in (10, 11, 12, 12, 13, 14, 20)]
    assert sessions.booked.tolist() == [day(0), day(1), day(2), day(2), day(2), MISSING, day(4)]
    assert sessions.booking_known.tolist() == [day(0), day(1), day(2), day(2), day(3), MISSING, day(4)]
    np.testing.assert_array_equal(sessions.duration, [60, np.nan, 30, 30, 30, 60, 60])
    moved = RESCHEDULED
    assert sessions.status.tolist() == [COMPLETED, NO_SHOW, moved, moved, moved, COMPLETED, SCHEDULED]
    assert sessions.by_tutor.tolist() == [False, False, True, True, False, False, False]
    assert sessions.outcome_known.tolist() == [
        day(10.05),
        day(11) + HOUR_US,  # no length: an hour
        day(5),
        day(12) + HOUR_US // 2,  # later than told on day 4: known at the scheduled end
        day(9),  # cancelled on day 6, told on day 9
        day(14) + HOUR_US,
        NEVER,
    ]
    assert {name: getattr(sessions, name).dtype for name in ("status", "by_tutor", "id", "tutor")} == {
        "status": np.int8,
        "by_tutor": np.bool_,
        "id": np.uint8,
        "tutor": np.int64,
    }


def test_profiles_carry_their_versions(filled: Engine) -> None:
    history = read_history(filled)
    tutors, students = history.tutor_profiles, history.student_profiles
    assert tutors.tutor.tolist() == [0, 0, 1]
    assert tutors.valid_from.tolist() == [0, day(5), day(5)]
    assert tutors.known.tolist() == [0, day(7), day(5)]
    np.testing.assert_array_equal(tutors.age, [30, 31, np.nan])
    np.testing.assert_array_equal(tutors.preferred_pace, [np.nan, 4, 1])
    assert tutors.teaching_style.tolist() == [1, -1, 4]
    assert students.student.tolist() == [0]
    assert students.preferred_teaching_style.tolist() == [0]
    np.testing.assert_array_equal(students.urgency_level, [2])
    np.testing.assert_array_equal(students.previous_satisfaction, [np.nan])


@pytest.mark.parametrize(
    ("until", "known"),
    [
        (day(0), [15]),  # known strictly before: the booking of day 0 is not; that of nobody knows when always is
        (day(0) + 1, [11, 15]),
        (day(3), [11, 12, 13, 17, 15]),
        (day(3) + 1, [11, 12, 13, 17, 14, 15]),
    ],
)
def test_bookings_appear_once_they_are_known(filled: Engine, until: int, known: list[int]) -> None:
    assert numbers(read_history(filled, until)) == known


def test_outcomes_are_open_until_they_are_known(filled: Engine) -> None:
    sessions = read_history(filled, day(9)).sessions
    assert sessions.status.tolist() == [SCHEDULED, SCHEDULED, RESCHEDULED, SCHEDULED, SCHEDULED, SCHEDULED, SCHEDULED]
    assert sessions.by_tutor.tolist() == [False, False, True, False, False, False, False]
    assert sessions.outcome_known.tolist() == [NEVER, NEVER, day(5), NEVER, NEVER, NEVER, NEVER]
    assert read_history(filled, day(9) + 1).sessions.status.tolist()[4] == RESCHEDULED


def test_profile_versions_appear_once_they_are_known(filled: Engine) -> None:
    assert read_history(filled, day(5)).tutor_profiles.valid_from.tolist() == [0]
    assert read_history(filled, day(7)).tutor_profiles.age.tolist()[0] == 30
    assert len(read_history(filled, day(7)).tutor_profiles) == 2
    assert len(read_history(filled, day(7) + 1).tutor_profiles) == 3
    assert len(read_history(filled, 0).student_profiles) == 0


def test_a_few_people_have_the_same_history_as_in_the_whole(filled: Engine) -> None:
    whole = read_history(filled)
    few = read_history(filled, tutors=[BOB.upper()], students=["visitor", "stranger"])
    assert numbers(few) == [12, 13, 17, 14, 15]
    assert few.directory.tutors.tolist() == [ANN, BOB]
    assert few.directory.students.tolist() == [PIA, "stranger", "visitor"]
    rows = [numbers(whole).index(number) for number in numbers(few)]
    for name in ("scheduled", "booked", "booking_known", "duration", "status", "by_tutor", "outcome_known"):
        np.testing.assert_array_equal(getattr(few.sessions, name), getattr(whole.sessions, name)[rows])
    for who in ("tutor", "student"):
        names = getattr(whole.directory, f"{who}s")[getattr(whole.sessions, who)[rows]]
        assert getattr(few.directory, f"{who}s")[getattr(few.sessions, who)].tolist() == names.tolist()
    assert few.tutor_profiles.age.tolist()[:2] == [30, 31]
    assert numbers(read_history(filled, students=[PIA])) == [11, 13, 17, 14, 16]
    assert numbers(read_history(filled, tutors=[])) == []


def test_a_tutor_id_that_is_none_is_refused(filled: Engine) -> None:
    with pytest.raises(RecordsError, match="is a UUID"):
        read_history(filled, tutors=["ann"])


def test_an_empty_database_has_an_empty_history(engine: Engine) -> None:
    history = read_history(engine)
    assert len(history.sessions) == len(history.tutor_profiles) == len(history.student_profiles) == 0
    assert history.directory.tutors.tolist() == []


def test_upcoming_sessions_lie_ahead_and_are_still_scheduled(filled: Engine) -> None:
    sessions = read_history(filled).sessions
    assert [len(select_upcoming(sessions, now, 14)) for now in (day(6) - 1, day(6), day(20) - 1, day(20))] == [
        0,
        1,
        1,
        0,
    ]
    early = read_history(filled, day(9)).sessions
    assert select_upcoming(early, day(9), 3.01).scheduled.tolist() == [day(10), day(11), day(12)]
