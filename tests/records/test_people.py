"""Tutors and students made, changed and removed one at a time, with the versions of their profiles."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import Connection, Engine, text

from records.importing import import_files
from records.load import write_world
from records.people import Kind, create_person, deactivate_tutor
from records.profile_changes import change_profile
from records.reading import read_history
from records.tables.people import PROFILE_COLUMNS
from records.world import make_world
from tqs.errors import QueryError

TUTOR = {
    "age": 41,
    "sex": "other",
    "experience_years": 7,
    "teaching_style": "modern",
    "preferred_pace": 4,
    "communication_style": 2,
    "confidence_level": 5,
    "preferred_student_level": "beginner",
    "preferences_json": {"days": ["Mon", None, 1.5, {'é"': True}]},
}
STUDENT = {
    "age": 15,
    "sex": "female",
    "preferred_pace": 4,
    "preferred_teaching_style": "modern",
    "communication_style_preference": 2,
    "urgency_level": 5,
    "learning_goals": "the exam; it's in May",
    "previous_tutoring_experience": 3,
    "previous_satisfaction": 1,
    "preferences_json": {},
}
PEOPLE: list[tuple[Kind, dict[str, Any]]] = [("tutors", TUTOR), ("students", STUDENT)]
both = pytest.mark.parametrize(("kind", "profile"), PEOPLE, ids=["tutors", "students"])


def create(engine: Engine, kind: Kind, **values: Any) -> uuid.UUID:
    with engine.begin() as connection:
        return create_person(connection, kind, {"name": "Ada", **values})


def change(engine: Engine, kind: Kind, person: uuid.UUID, **changes: Any) -> bool | None:
    with engine.begin() as connection:
        return change_within(connection, kind, person, **changes)


def change_within(connection: Connection, kind: Kind, person: uuid.UUID, **changes: Any) -> bool | None:
    """Whether anything was to change; None where there is nobody."""
    statement = text(change_profile(kind, changes, (":person", ":actor", ":values")))
    values = {"person": person, "actor": "ann", "values": json.dumps(changes)}
    row = connection.execute(statement, values).one_or_none()
    return None if row is None else bool(row.changed)


def rows(engine: Engine, query: str) -> Sequence[Any]:
    with engine.connect() as connection:
        return connection.execute(text(query)).mappings().all()


def versions(engine: Engine, kind: Kind) -> Sequence[Any]:
    return rows(engine, f"SELECT * FROM {kind.removesuffix('s')}_profiles ORDER BY valid_from")


@both
def test_a_new_person_has_a_first_version_from_now_on(engine: Engine, kind: Kind, profile: dict[str, Any]) -> None:
    before = datetime.now(UTC)
    made = create(engine, kind, **profile)
    after = datetime.now(UTC)

    (person,), (version,) = rows(engine, f"SELECT * FROM {kind}"), versions(engine, kind)
    assert (person["id"], person["name"], person["source"]) == (made, "Ada", "api")
    assert set(profile) == set(PROFILE_COLUMNS[kind])
    assert {name: person[name] for name in profile} == {name: version[name] for name in profile} == profile
    assert before <= version["valid_from"] == version["recorded_at"] == person["inputs_changed_at"] <= after


@both
def test_what_is_not_told_of_a_new_person_is_null(engine: Engine, kind: Kind, profile: dict[str, Any]) -> None:
    create(engine, kind)

    (person,), (version,) = rows(engine, f"SELECT * FROM {kind}"), versions(engine, kind)
    assert {person[name] for name in profile} == {version[name] for name in profile} == {None}


@both
def test_a_change_is_a_version_beside_the_one_before(engine: Engine, kind: Kind, profile: dict[str, Any]) -> None:
    made = create(engine, kind, **profile)
    other = create(engine, kind, **profile)
    (before,) = rows(engine, f"SELECT * FROM {kind} WHERE id = '{made}'")

    assert change(engine, kind, made, preferred_pace=1, age=None) is True

    (person,) = rows(engine, f"SELECT * FROM {kind} WHERE id = '{made}'")
    changed = {**profile, "preferred_pace": 1, "age": None}
    assert {name: person[name] for name in profile} == changed
    assert before["inputs_changed_at"] < person["inputs_changed_at"] <= datetime.now(UTC)
    assert before["updated_at"] < person["updated_at"]
    left = ("name", "source", "created_at", "external_id")
    assert [person[name] for name in left] == [before[name] for name in left]
    mine = [row for row in versions(engine, kind) if row[f"{kind.removesuffix('s')}_id"] == made]
    assert [{name: row[name] for name in profile} for row in mine] == [profile, changed]
    assert mine[1]["valid_from"] == mine[1]["recorded_at"] == person["inputs_changed_at"]
    (neighbour,) = rows(engine, f"SELECT * FROM {kind} WHERE id = '{other}'")
    assert {name: neighbour[name] for name in profile} == profile


@both
def test_a_change_that_changes_nothing_writes_nothing(engine: Engine, kind: Kind, profile: dict[str, Any]) -> None:
    made = create(engine, kind, **profile)
    before = rows(engine, f"SELECT * FROM {kind}"), versions(engine, kind)

    assert change(engine, kind, made, **profile) is False
    assert (rows(engine, f"SELECT * FROM {kind}"), versions(engine, kind)) == before


def test_preferences_differ_where_their_json_does(engine: Engine) -> None:
    made = create(engine, "tutors", preferences_json={"a": True})

    assert change(engine, "tutors", made, preferences_json={"a": 1}) is True  # equal in Python
    assert change(engine, "tutors", made, preferences_json={"a": 1.0}) is False  # one number
    assert change(engine, "tutors", made, preferences_json=None) is True
    assert rows(engine, "SELECT preferences_json IS NULL AS cleared FROM tutors") == [{"cleared": True}]


@both
def test_nobody_of_that_id_is_changed(engine: Engine, kind: Kind, profile: dict[str, Any]) -> None:
    assert change(engine, kind, uuid.uuid4(), age=30) is None
    assert list(versions(engine, kind)) == []


@both
@pytest.mark.parametrize("name", ["id", "name", "is_active", "inputs_changed_at", "age = 1 --"])
def test_only_preferences_can_be_changed(engine: Engine, kind: Kind, profile: dict[str, Any], name: str) -> None:
    made = create(engine, kind)

    with pytest.raises(QueryError, match="is nothing to set here; it can be age, sex, "):
        change(engine, kind, made, **{"age": 30, name: "x"})
    with pytest.raises(QueryError, match="there is nothing to change; name one of age, sex, "):
        change(engine, kind, made)
    assert rows(engine, f"SELECT age FROM {kind}") == [{"age": None}]


def test_simultaneous_changes_of_one_person_all_count(engine: Engine) -> None:
    """One after the other by the row's lock: a version each, none valid from the same moment, and no change lost."""
    made = create(engine, "students")
    names = ["age", "preferred_pace", "urgency_level", "communication_style_preference", "previous_satisfaction"]
    start = threading.Barrier(len(names))

    def run(name: str) -> None:
        start.wait()
        for value in (1, 2, 3):
            change(engine, "students", made, **{name: value})

    threads = [threading.Thread(target=run, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    (person,), kept = rows(engine, "SELECT * FROM students"), versions(engine, "students")
    assert [person[name] for name in names] == [3] * len(names)
    assert len({row["valid_from"] for row in kept}) == len(kept) == 1 + 3 * len(names)
    assert [kept[-1][name] for name in names] == [3] * len(names)


def test_a_change_back_of_what_another_is_just_changing_counts(engine: Engine) -> None:
    made = create(engine, "tutors", preferred_pace=3)
    with ThreadPoolExecutor(1) as pool:
        with engine.begin() as connection:
            assert change_within(connection, "tutors", made, preferred_pace=5)
            second = pool.submit(change, engine, "tutors", made, preferred_pace=3)
            wait_for_lock(engine, second)
        assert second.result() is True
    (tutor,) = rows(engine, "SELECT * FROM tutors")
    assert tutor["preferred_pace"] == 3
    assert [row["preferred_pace"] for row in versions(engine, "tutors")] == [3, 5, 3]


def test_a_change_comes_after_the_one_before_though_the_clock_went_back(engine: Engine) -> None:
    made = create(engine, "tutors", age=30)
    with engine.begin() as connection:
        connection.execute(text("UPDATE tutors SET inputs_changed_at = '2090-01-01'"))

    change(engine, "tutors", made, age=31)

    assert versions(engine, "tutors")[-1]["valid_from"] == datetime(2090, 1, 1, 0, 0, 0, 1, tzinfo=UTC)


def test_features_see_a_change_from_its_moment_on(engine: Engine) -> None:
    made = create(engine, "tutors", preferred_pace=2)
    change(engine, "tutors", made, preferred_pace=5)
    first, second = (int(row["valid_from"].timestamp() * 1_000_000 + 0.5) for row in versions(engine, "tutors"))

    def paces(until: int) -> list[float]:
        return np.sort(read_history(engine, until).tutor_profiles.preferred_pace).tolist()

    assert [paces(moment) for moment in (first - 2, first + 2, second - 2, second + 2)] == [
        [],
        [2.0],
        [2.0],
        [2.0, 5.0],
    ]


def test_a_tutor_is_removed_once_and_keeps_everything(engine: Engine) -> None:
    made = create(engine, "tutors", **TUTOR)
    with engine.begin() as connection:
        assert [deactivate_tutor(connection, made) for _ in range(2)] == [True, False]
        assert deactivate_tutor(connection, uuid.uuid4()) is None

    (tutor,) = rows(engine, "SELECT * FROM tutors")
    assert (tutor["is_active"], {name: tutor[name] for name in TUTOR}) == (False, TUTOR)
    assert len(versions(engine, "tutors")) == 1


def test_an_import_that_changes_a_profile_changes_the_inputs(engine: Engine, tmp_path: Path) -> None:
    def put(content: str) -> dict[str, datetime]:
        file = tmp_path / "tutors.csv"
        file.write_text(content)
        import_files(engine, [file])
        return {row["external_id"]: row["inputs_changed_at"] for row in rows(engine, "SELECT * FROM tutors")}

    new = put("id,name,age\nann,Ann,30\nbob,Bob,40\n")
    same = put("id,name,age\nann,Anna,30\nbob,Bob,40\n")  # a name is no input
    changed = put("id,name,age\nann,Anna,31\nbob,Bob,40\n")
    again = put("id,name,age\nann,Anna,31\nbob,Bob,40\n")
    older = put("id,name,age,valid_from\nann,Anna,29,2020-01-01\nbob,Bob,41,2020-01-01\n")
    assert same == new
    assert changed["ann"] > new["ann"]
    assert changed["bob"] == new["bob"]
    assert again == changed
    assert older["bob"] > changed["bob"]  # for him it is the newest version that has a date
    assert older["ann"] == changed["ann"]  # hers is newer than that


def test_an_import_changes_what_a_change_at_once_left(engine: Engine, tmp_path: Path) -> None:
    """Its transaction is older than the other's commit, its change is not."""
    file = tmp_path / "tutors.csv"
    file.write_text("id,name,age,preferred_pace\nann,Ann,30,1\n")
    import_files(engine, [file])
    (tutor,) = rows(engine, "SELECT * FROM tutors")
    file.write_text("id,name,age\nann,Ann,31\n")
    with ThreadPoolExecutor(1) as pool:
        with engine.begin() as connection:
            connection.execute(text("SELECT FROM tutors FOR UPDATE"))
            run = pool.submit(import_files, engine, [file])
            wait_for_lock(engine, run)
            assert change_within(connection, "tutors", tutor["id"], preferred_pace=4)
        run.result()
    (changed,) = rows(engine, "SELECT * FROM tutors")
    assert (changed["age"], changed["preferred_pace"]) == (31, 4)
    newest = versions(engine, "tutors")[-1]
    assert (newest["age"], newest["preferred_pace"]) == (31, 4)
    assert changed["inputs_changed_at"] >= newest["valid_from"]


def wait_for_lock(engine: Engine, run: Future[Any]) -> None:
    """Until the run waits for a transaction of this database."""
    end = time.monotonic() + 30
    waiting = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    while not rows(engine, waiting):
        assert not run.done(), "it did not wait"
        assert time.monotonic() < end


def test_another_world_changes_the_inputs_of_those_who_differ(engine: Engine) -> None:
    def changed_at() -> dict[uuid.UUID, datetime]:
        return {row["id"]: row["inputs_changed_at"] for row in rows(engine, "SELECT * FROM students")}

    world = make_world(tutors=3, students=5, days=60, end=datetime(2026, 1, 1, tzinfo=UTC))
    write_world(engine, world)
    first = changed_at()
    write_world(engine, world)
    assert changed_at() == first
    who = str(world.students["id"].iloc[0])
    hers = world.students["id"] == who
    world.students.loc[hers, "urgency_level"] = world.students.loc[hers, "urgency_level"] % 5 + 1
    write_world(engine, world)
    assert {str(key) for key, moment in changed_at().items() if moment > first[key]} == {who}
