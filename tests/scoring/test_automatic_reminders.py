"""Which sessions call for a reminder, whose tutors are reminded, and that all of it happens once."""

from __future__ import annotations

import hashlib
import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, insert, text, update
from sqlalchemy.exc import IntegrityError

from records.tables import session_reschedule_predictions, tutors
from scoring.automatic_reminders import ReminderRun, remind_tutors
from scoring.interventions import intervene, list_interventions
from tests.scoring.conftest import NOW, Records, uid
from tqs.errors import ConflictError
from tqs.settings import Settings, load_settings

DECIDED = "SELECT session_id::text, arm, probability, threshold, model_version, decided_at FROM automatic_reminders"
MAILS = "SELECT session_id::text, recipient, state, subject FROM email_reports"


def draw_of(tutor: str) -> float:
    """What the draw of a tutor is, in [0, 1), worked out without a database."""
    return int(hashlib.sha256(f"tqs automatic reminders {tutor}".encode()).hexdigest()[:13], 16) / 2**52


def find_tutor(*, held_out: bool) -> int:
    """The first number of a tutor whom a share of 0.2 draws into that arm."""
    return next(number for number in range(1_000) if (draw_of(str(uid("tutor", number))) < 0.2) is held_out)


TREATED, HELD_OUT = find_tutor(held_out=False), find_tutor(held_out=True)


@pytest.fixture
def engine(emptied_engine: Engine) -> Engine:
    """Of the database that these tests share."""
    return emptied_engine


@pytest.fixture
def settings() -> Settings:
    return load_settings(reminder_threshold=0.4, reminder_hours=48, timezone="Europe/Berlin")


def person(records: Records, number: int, *, email: str | None = "somebody@example.org", active: bool = True) -> str:
    tutor = records.tutor(number, active=active)
    with records.engine.begin() as connection:
        connection.execute(update(tutors).where(tutors.c.id == tutor).values(email=email))
    return tutor


def predict(records: Records, session: str, probability: float, target: str = "reschedule") -> None:
    with records.engine.begin() as connection:
        start = connection.scalar(text(f"SELECT scheduled_time FROM sessions WHERE id = '{session}'"))
        values = {"session_id": session, "scheduled_time": start, "target": target, "probability": probability}
        connection.execute(
            insert(session_reschedule_predictions).values(
                **values, risk_level="high", model_version="v3", fallback=False, predicted_at=NOW, features_json={}
            )
        )


def risky(records: Records, tutor: str, hours: float = 24, probability: float = 0.5, **columns: Any) -> str:
    """A session ahead that calls for a reminder unless told otherwise."""
    session = records.session(tutor, NOW + timedelta(hours=hours), **{"status": "scheduled"} | columns)
    predict(records, session, probability)
    return session


def test_sessions_of_both_arms_are_written_down_and_those_of_the_treated_reminded_of(
    engine: Engine, records: Records, settings: Settings
) -> None:
    treated, held_out = person(records, TREATED), person(records, HELD_OUT)
    reminded, held = risky(records, treated, 29.5, 0.4), risky(records, held_out, 1, 0.9)

    assert remind_tutors(engine, settings, NOW) == ReminderRun(reminded=1, held_out=1, new_tutors=2)

    assert sorted(records.rows(DECIDED)) == sorted(
        [(reminded, "treated", 0.4, 0.4, "v3", NOW), (held, "hold_out", 0.9, 0.4, "v3", NOW)]
    )
    # 12:00 UTC on Wednesday the 11th + 29.5 hours, in Berlin's winter
    subject = "Reminder: your session on Thursday, 12 March 2026 at 18:30 (Europe/Berlin)"
    assert records.rows(MAILS) == [(reminded, "somebody@example.org", "pending", subject)]
    [listed] = list_interventions(engine)
    assert (str(listed.session_id), listed.kind, listed.actor, listed.automatic) == (reminded, "reminder", "tqs", True)
    assert listed.created_at == NOW
    assert records.rows(
        "SELECT m.message_id = '<reminder.' || i.id || '@tqs.invalid>', a.intervention_id = i.id FROM interventions i "
        "JOIN email_reports m ON m.intervention_id = i.id JOIN automatic_reminders a ON a.session_id = i.session_id"
    ) == [(True, True)]
    assert records.rows("SELECT actor, action, details FROM audit_log") == [
        ("tqs", "remind tutors", {"reminded": 1, "held_out": 1, "threshold": 0.4})
    ]


def test_once_a_session(engine: Engine, records: Records, settings: Settings) -> None:
    tutor = person(records, TREATED)
    risky(records, tutor)
    risky(records, person(records, HELD_OUT))
    remind_tutors(engine, settings, NOW)
    before = records.rows(DECIDED), records.rows(MAILS), records.rows("SELECT * FROM audit_log")
    for hours in (0, 1, 23):
        assert remind_tutors(engine, settings, NOW + timedelta(hours=hours)) == ReminderRun(0, 0, 0)
    assert (records.rows(DECIDED), records.rows(MAILS), records.rows("SELECT * FROM audit_log")) == before
    risky(records, tutor)
    assert remind_tutors(engine, settings, NOW) == ReminderRun(1, 0, 0)


def test_off_unless_there_is_a_threshold(engine: Engine, records: Records) -> None:
    risky(records, person(records, TREATED), probability=1.0)
    assert remind_tutors(engine, load_settings(), NOW) is None
    assert records.rows(DECIDED) == records.rows("SELECT 1 FROM reminder_arms") == []


@pytest.mark.parametrize(
    ("tutor", "session"),
    [
        ({}, {"probability": 0.399}),
        ({}, {"hours": 48.01}),
        ({}, {"hours": 0}),
        ({}, {"hours": -1}),
        ({}, {"status": "rescheduled"}),
        ({"email": None}, {}),
        ({"email": ""}, {}),
        ({"active": False}, {}),
    ],
)
def test_what_calls_for_no_reminder_is_written_down_of_neither_arm(
    engine: Engine, records: Records, settings: Settings, tutor: dict[str, Any], session: dict[str, Any]
) -> None:
    for number in (TREATED, HELD_OUT):
        risky(records, person(records, number, **tutor), **session)
    assert remind_tutors(engine, settings, NOW) == ReminderRun(0, 0, 0)
    assert records.rows(DECIDED) == records.rows("SELECT 1 FROM reminder_arms") == []


def test_only_a_prediction_of_a_reschedule_at_its_time_counts(
    engine: Engine, records: Records, settings: Settings
) -> None:
    tutor = person(records, TREATED)
    predict(records, records.session(tutor, NOW + timedelta(hours=5), "scheduled"), 0.9, "no_show")
    moved = risky(records, tutor)
    records.execute(f"UPDATE sessions SET scheduled_time = scheduled_time + interval '1 hour' WHERE id = '{moved}'")
    assert remind_tutors(engine, settings, NOW) == ReminderRun(0, 0, 0)


def test_a_tutor_stays_in_the_arm_that_was_drawn(engine: Engine, records: Records, settings: Settings) -> None:
    people = [person(records, number) for number in range(150)]
    for tutor in people:
        risky(records, tutor)
    remind_tutors(engine, settings, NOW)
    arms = "SELECT tutor_id::text, arm, share, assigned_at FROM reminder_arms ORDER BY tutor_id"
    drawn = records.rows(arms)
    assert drawn == [(tutor, "hold_out" if draw_of(tutor) < 0.2 else "treated", 0.2, NOW) for tutor in sorted(people)]
    assert 15 <= Counter(arm for _, arm, _, _ in drawn)["hold_out"] <= 45  # 30 expected, standard deviation 5

    for tutor in people:
        risky(records, tutor)
    later, half = NOW + timedelta(hours=1), settings.model_copy(update={"reminder_hold_out": 0.5})
    new = person(records, 151)
    risky(records, new)
    run = remind_tutors(engine, half, later)
    assert run is not None
    assert (run.reminded + run.held_out, run.new_tutors) == (151, 1)
    assert [row for row in records.rows(arms) if row[0] != new] == drawn
    [(share, assigned)] = records.rows(f"SELECT share, assigned_at FROM reminder_arms WHERE tutor_id = '{new}'")
    assert (share, assigned) == (0.5, later)


def test_runs_at_once_do_the_work_of_one(engine: Engine, records: Records, settings: Settings) -> None:
    people = [person(records, number) for number in range(40)]
    sessions = [risky(records, tutor, 5) for tutor in people for _ in range(2)]
    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(lambda _: remind_tutors(engine, settings, NOW), range(4)))
    assert sum(run.reminded + run.held_out for run in runs if run) == len(sessions)
    assert sum(run.new_tutors for run in runs if run) == 40
    treated = records.rows("SELECT session_id::text FROM automatic_reminders WHERE arm = 'treated' ORDER BY 1")
    assert records.rows("SELECT session_id::text FROM email_reports ORDER BY 1") == treated
    assert records.rows("SELECT count(*) FROM automatic_reminders") == [(80,)]


def remind(engine: Engine, session: str, now: datetime) -> None:
    intervene(engine, uuid.UUID(session), "reminder", None, now, actor="ann")


@pytest.mark.parametrize("number", [TREATED, HELD_OUT])
def test_a_session_just_reminded_of_by_hand_waits_in_either_arm(
    engine: Engine, records: Records, settings: Settings, number: int
) -> None:
    session = risky(records, person(records, number))
    remind(engine, session, NOW)
    assert remind_tutors(engine, settings, NOW + timedelta(minutes=59)) == ReminderRun(0, 0, 0)
    run = remind_tutors(engine, settings, NOW + timedelta(minutes=60))
    assert run == ReminderRun(number == TREATED, number == HELD_OUT, 1)


def test_a_reminder_by_hand_whose_mail_failed_holds_up_none(
    engine: Engine, records: Records, settings: Settings
) -> None:
    remind(engine, risky(records, person(records, TREATED)), NOW)
    records.execute("UPDATE email_reports SET state = 'failed'")
    assert remind_tutors(engine, settings, NOW) == ReminderRun(1, 0, 1)


def test_by_hand_a_tutor_held_out_is_reminded_and_stays_held_out(
    engine: Engine, records: Records, settings: Settings
) -> None:
    held, reminded = (risky(records, person(records, number)) for number in (HELD_OUT, TREATED))
    remind_tutors(engine, settings, NOW)
    remind(engine, held, NOW)
    with pytest.raises(ConflictError, match="another one can follow after an hour"):
        remind(engine, reminded, NOW)
    assert dict(records.rows("SELECT session_id::text, arm FROM automatic_reminders")) == {
        held: "hold_out",
        reminded: "treated",
    }
    assert records.rows(f"SELECT count(*) FROM email_reports WHERE session_id = '{held}'") == [(1,)]


def test_a_session_that_is_being_changed_is_left_for_the_next_run(
    engine: Engine, records: Records, settings: Settings
) -> None:
    tutor = person(records, TREATED)
    changing, other = risky(records, tutor), risky(records, tutor)
    with engine.begin() as connection:
        connection.execute(text(f"SELECT FROM sessions WHERE id = '{changing}' FOR NO KEY UPDATE"))
        remind_tutors(engine, settings, NOW)
    assert records.rows("SELECT session_id::text FROM automatic_reminders") == [(other,)]
    remind_tutors(engine, settings, NOW)
    assert records.rows("SELECT count(*) FROM automatic_reminders") == [(2,)]


def test_the_database_keeps_the_arms_apart(engine: Engine, records: Records, settings: Settings) -> None:
    risky(records, person(records, HELD_OUT))
    risky(records, person(records, TREATED))
    remind_tutors(engine, settings, NOW)
    for change, name in (
        ("automatic_reminders SET intervention_id = NULL WHERE arm = 'treated'", "treated_are_reminded"),
        ("automatic_reminders SET intervention_id = (SELECT id FROM interventions) WHERE arm = 'hold_out'", "treated"),
        ("reminder_arms SET arm = CASE arm WHEN 'treated' THEN 'hold_out' ELSE 'treated' END", "fk_automatic_rem"),
        ("reminder_arms SET share = 0", "share_range"),
        ("automatic_reminders SET threshold = 0.6", "above_threshold"),
    ):
        with pytest.raises(IntegrityError, match=name):
            records.execute(f"UPDATE {change}")
