"""What was done about sessions and tutors, as it is read, and as a snapshot's rows weigh by it."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

import numpy as np
import pytest
from sqlalchemy import Engine, insert

from modelling.snapshot import read_snapshot, write_snapshot
from records.columns import Directory
from records.interference import read_interference
from records.reading import read_history
from records.tables import automatic_reminders, interventions, reminder_arms
from tests.scoring.conftest import NOW, Records, days_ago


@pytest.fixture
def records(emptied_engine: Engine) -> Records:
    return Records(emptied_engine)


@pytest.fixture
def engine(emptied_engine: Engine) -> Engine:
    return emptied_engine


def draw(records: Records, tutor: str, arm: str, at: datetime, share: float) -> None:
    with records.engine.begin() as connection:
        connection.execute(insert(reminder_arms).values(tutor_id=tutor, arm=arm, share=share, assigned_at=at))


def act(records: Records, session: str | None, tutor: str, kind: str, at: datetime) -> str:
    values = {"session_id": session, "tutor_id": tutor, "kind": kind, "actor": "ann", "created_at": at}
    with records.engine.begin() as connection:
        return str(connection.execute(insert(interventions).values(**values).returning(interventions.c.id)).scalar())


def microseconds(moment: datetime) -> int:
    return round(moment.timestamp()) * 1_000_000


def test_arms_come_by_the_codes_of_the_directory(engine: Engine, records: Records) -> None:
    tutors = [records.tutor(i) for i in range(4)]
    draw(records, tutors[0], "hold_out", days_ago(3), 0.25)
    draw(records, tutors[2], "treated", days_ago(5), 0.5)
    directory = read_history(engine).directory
    arms = read_interference(engine, directory).arms
    by_tutor = {
        directory.tutors[code]: (assigned, held, share)
        for code, assigned, held, share in zip(arms.tutor, arms.assigned, arms.hold_out, arms.share, strict=True)
    }
    assert by_tutor == {
        tutors[0]: (microseconds(days_ago(3)), True, 0.25),
        tutors[2]: (microseconds(days_ago(5)), False, 0.5),
    }
    assert (np.diff(arms.tutor) > 0).all()
    fewer = Directory(directory.tutors[directory.tutors != tutors[2]], directory.students)
    assert len(read_interference(engine, fewer).arms) == 1


def test_by_hand_is_what_means_to_change_an_outcome_and_was_not_automatic(engine: Engine, records: Records) -> None:
    tutor = records.tutor(1)
    sessions = [records.session(tutor, NOW + timedelta(days=1), "scheduled") for _ in range(5)]
    act(records, sessions[0], tutor, "call", days_ago(1))
    act(records, sessions[0], tutor, "reminder", days_ago(2))
    act(records, sessions[1], tutor, "note", days_ago(1))
    act(records, sessions[2], tutor, "reassign", days_ago(4))
    act(records, None, tutor, "call", days_ago(1))
    automatic = act(records, sessions[3], tutor, "reminder", days_ago(1))
    draw(records, tutor, "treated", days_ago(1), 0.2)
    with engine.begin() as connection:
        connection.execute(
            insert(automatic_reminders).values(
                session_id=sessions[3],
                tutor_id=tutor,
                arm="treated",
                intervention_id=automatic,
                probability=0.5,
                threshold=0.4,
                model_version="v1",
                decided_at=days_ago(1),
            )
        )
    found = read_interference(engine, read_history(engine).directory).by_hand
    named = {str(UUID(bytes=key.tobytes())): at for key, at in zip(found.id, found.first, strict=True)}
    assert named == {sessions[0]: microseconds(days_ago(2)), sessions[2]: microseconds(days_ago(4))}


def test_rows_of_a_snapshot_weigh_by_the_lots_of_their_tutors(engine: Engine, records: Records, tmp_path) -> None:
    tutors = [records.tutor(i) for i in range(3)]
    for tutor in tutors:
        for day in range(1, 301):
            records.session(tutor, days_ago(day))
    draw(records, tutors[0], "treated", days_ago(60), 0.2)
    draw(records, tutors[1], "hold_out", days_ago(60), 0.2)
    written = write_snapshot(engine, "reschedule", tmp_path / "snapshot.parquet")
    frame, snapshot = read_snapshot(written.file)
    assert snapshot == written
    owner = dict(records.rows("SELECT id::text, tutor_id::text FROM sessions"))
    by_tutor = frame.groupby([frame["session_id"].map(owner), frame["label_known"] >= days_ago(60)])["weight"].unique()
    weights = {key: values.tolist() for key, values in by_tutor.items()}
    assert weights == {
        (tutors[0], False): [1.0],
        (tutors[0], True): [0.0],
        (tutors[1], False): [1.0],
        (tutors[1], True): [5.0],
        (tutors[2], False): [1.0],
        (tutors[2], True): [1.0],
    }
    assert written.counts.reminded == written.counts.held_out == (frame["weight"] == 5).sum() > 40
