"""The synthetic world in a database: written once, replaced by another, never over records."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine, text

from records.columns import SCHEDULED, History
from records.load import load_frames, write_world
from records.reading import read_history
from records.world import World, make_world
from tqs.errors import RecordsError

END = dt.date(2026, 1, 1)


@pytest.fixture(scope="module")
def world() -> World:
    return make_world(tutors=20, students=60, days=120, seed=3, end=END)


def same(left: History, right: History) -> bool:
    parts = [(getattr(left, name), getattr(right, name)) for name in ("sessions", "tutor_profiles", "student_profiles")]
    return (left.directory.tutors.tolist(), left.directory.students.tolist()) == (
        right.directory.tutors.tolist(),
        right.directory.students.tolist(),
    ) and all(
        np.array_equal(getattr(a, name), getattr(b, name), equal_nan=getattr(a, name).dtype.kind == "f")
        for a, b in parts
        for name in a.__slots__
    )


def test_the_world_arrives_whole(engine: Engine, world: World) -> None:
    loaded = write_world(engine, world)
    assert {kind: counts.inserted for kind, counts in loaded.items()} == {
        "tutors": len(world.tutors),
        "students": len(world.students),
        "sessions": len(world.sessions),
    }
    history = read_history(engine)
    assert len(history.tutor_profiles) == len(world.tutors)
    assert len(history.sessions) == len(world.sessions)
    truth = world.sessions.sort_values(["scheduled_time", "id"])
    scheduled = truth["scheduled_time"].dt.tz_localize(None).to_numpy("datetime64[us]").astype(np.int64)
    assert (history.sessions.scheduled == scheduled).all()
    assert history.directory.tutors[history.sessions.tutor].tolist() == truth["tutor_id"].tolist()
    assert history.directory.students[history.sessions.student].tolist() == truth["student_id"].tolist()
    assert (history.sessions.by_tutor == (truth["initiator"] == "tutor").to_numpy()).all()
    with engine.connect() as connection:
        assert connection.scalars(text("SELECT DISTINCT source FROM sessions")).all() == ["world"]


def test_the_same_world_again_changes_nothing(engine: Engine, world: World) -> None:
    write_world(engine, world)
    before = read_history(engine)
    loaded = write_world(engine, world)
    assert [(c.inserted, c.updated) for c in loaded.values()] == [(0, 0)] * 3
    assert same(read_history(engine), before)


def test_another_world_takes_its_place(engine: Engine, world: World) -> None:
    write_world(engine, world)
    before = read_history(engine)
    other = make_world(tutors=10, students=80, days=90, seed=4, end=END)
    write_world(engine, other)
    assert len(read_history(engine).sessions) == len(other.sessions)
    assert len(read_history(engine).tutor_profiles) == len(other.tutors)
    write_world(engine, world)
    assert same(read_history(engine), before)


def test_an_earlier_moment_of_the_same_world_takes_outcomes_back(engine: Engine, world: World) -> None:
    write_world(engine, world)
    count = int((read_history(engine).sessions.status == SCHEDULED).sum())
    frame = world.sessions.copy()
    ended = frame.index[frame["status"] != "scheduled"][:7]
    frame.loc[ended, "status"] = "scheduled"
    for name in ("completed_time", "original_time", "new_time", "cancelled_at"):
        frame.loc[ended, name] = pd.NaT
    for name in ("initiator", "reason", "reason_code"):
        frame.loc[ended, name] = None

    class Earlier:
        tutors, students, sessions = world.tutors, world.students, frame

    write_world(engine, Earlier())
    assert int((read_history(engine).sessions.status == SCHEDULED).sum()) == count + 7


@pytest.mark.parametrize("table", ["tutors", "students"])
def test_records_of_a_company_are_never_written_over(engine: Engine, world: World, table: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(f"INSERT INTO {table} (name, source) VALUES ('Real', 'import')"))
    with pytest.raises(RecordsError, match=f"1 {table} that are not of a synthetic world"):
        write_world(engine, world)
    assert len(read_history(engine).sessions) == 0


def test_a_frame_with_a_bad_row_is_refused_whole(engine: Engine) -> None:
    tutors = pd.DataFrame({"id": ["a", "b"], "name": ["A", "B"], "age": [20, 200]})
    students = pd.DataFrame({"id": ["p"], "name": ["P"]})
    sessions = pd.DataFrame({"id": [], "tutor_id": [], "student_id": [], "scheduled_time": [], "status": []})
    said = "1 rows of tutors cannot enter, the first being row 1: age is '200'"
    with pytest.raises(RecordsError, match=said), engine.begin() as connection:
        load_frames(connection, tutors, students, sessions, "api")
    tutors["age"] = [20, 30]
    with engine.begin() as connection:
        assert load_frames(connection, tutors, students, sessions, "api")["tutors"].inserted == 2
