"""Sessions ahead and the past that they need, against a history written by hand."""

from __future__ import annotations

import datetime as dt
import uuid

from sqlalchemy import Engine, text

from records.columns import COMPLETED, RESCHEDULED, Sessions
from records.upcoming import Upcoming, read_upcoming

ANN, BOB, EVE = (str(uuid.UUID(int=number)) for number in (1, 2, 3))
NOW = dt.datetime(2026, 3, 11, 12, tzinfo=dt.UTC)

# id, tutor, student, days from now, status
SESSIONS = [
    (1, ANN, "mia", 1, "scheduled"),
    (2, BOB, "leo", 2, "scheduled"),
    (3, ANN, "leo", 3, "scheduled"),
    (4, ANN, "mia", 3.5, "rescheduled"),
    (11, ANN, "tom", -89.9, "completed"),  # the tutor's, within 90 days
    (12, ANN, "tom", -90, "completed"),  # not within
    (13, EVE, "mia", -5, "rescheduled"),  # the student's
    (14, EVE, "mia", -100, "completed"),  # too old, with another tutor
    (15, ANN, "mia", -800, "completed"),  # of the pair, however old
    (16, ANN, "mia", -5, "completed"),  # of all three, once
    (17, EVE, "tom", -1, "completed"),  # nobody's
    (18, ANN, "mia", -2, "scheduled"),  # nobody told what became of it
    (19, ANN, "mia", 0, "completed"),
    (20, BOB, "leo", -300, "completed"),
]


def write(engine: Engine) -> None:
    with engine.begin() as connection:
        for tutor in (ANN, BOB, EVE):
            connection.execute(text("INSERT INTO tutors (id, name, source) VALUES (:id, 'x', 'api')"), {"id": tutor})
        for number, tutor, student, days, status in SESSIONS:
            values = {"id": uuid.UUID(int=number), "tutor": tutor, "student": student, "status": status}
            connection.execute(
                text(
                    "INSERT INTO sessions (id, tutor_id, student_id, scheduled_time, status, source) "
                    "VALUES (:id, :tutor, :student, :start, :status, 'api')"
                ),
                values | {"start": NOW + dt.timedelta(days=days)},
            )
            if status == "rescheduled":
                connection.execute(
                    text(
                        "INSERT INTO reschedules (session_id, initiator, original_time) VALUES (:id, 'tutor', :start)"
                    ),
                    {"id": values["id"], "start": NOW + dt.timedelta(days=days)},
                )


def read(engine: Engine, **which: object) -> Upcoming:
    with engine.begin() as connection:
        return read_upcoming(connection, NOW, **which)  # type: ignore[arg-type]


def numbers(sessions: Sessions) -> list[int]:
    return [int.from_bytes(bytes(row), "big") for row in sessions.id]


def test_by_days_by_ids_and_all(engine: Engine) -> None:
    write(engine)
    ids = [uuid.UUID(int=number) for number in (3, 1, 1, 4, 18, 99)]
    assert numbers(read(engine, days=2).sessions) == [1, 2]
    assert numbers(read(engine, days=1.9).sessions) == [1]
    assert numbers(read(engine, ids=ids).sessions) == [1, 3]
    assert numbers(read(engine).sessions) == [1, 2, 3]
    assert len(read(engine, ids=[])) == 0


def test_the_past_is_that_of_the_people_and_of_the_pairs(engine: Engine) -> None:
    write(engine)
    past = read(engine, ids=[uuid.UUID(int=1)]).past
    assert numbers(past) == [15, 11, 13, 16, 19]  # in the order of their times
    assert past.status.tolist() == [COMPLETED, COMPLETED, RESCHEDULED, COMPLETED, COMPLETED]
    assert past.by_tutor.tolist() == [False, False, True, False, False]
    assert past.tutor.tolist() == [0, 0, 1, 0, 0]  # Ann is 0, who else is met 1
    assert past.student.tolist() == [0, 1, 0, 0, 0]


def test_codes_follow_the_ids_of_all_that_were_asked_for(engine: Engine) -> None:
    write(engine)
    found = read(engine, days=90)
    assert found.sessions.tutor.tolist() == [0, 1, 0]
    assert found.sessions.student.tolist() == [1, 0, 0]  # leo before mia
    past = dict(zip(numbers(found.past), zip(found.past.tutor, found.past.student, strict=True), strict=True))
    assert past == {15: (0, 1), 20: (1, 0), 11: (0, 2), 13: (2, 1), 16: (0, 1), 19: (0, 1)}
