from __future__ import annotations

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from scoring.interventions import (
    INTERVENTION_PAGE,
    Intervention,
    ListedIntervention,
    Outcome,
    intervene,
    intervene_tutor,
    list_interventions,
)
from tests.answers import fetch_answer
from tests.scoring.conftest import NOW, Records, days_ago
from tqs.errors import ConflictError, NotFoundError, QueryError

MAILS = "SELECT kind, session_id::text, intervention_id, recipient, subject, state, message_id FROM email_reports"
KINDS = ("reminder", "call", "reassign", "note")


@pytest.fixture
def engine(emptied_engine: Engine) -> Engine:
    """Of the database that these tests share."""
    return emptied_engine


@pytest.fixture
def tutor(records: Records) -> str:
    key = records.tutor(1)
    records.execute(f"UPDATE tutors SET email = 'ada@example.org' WHERE id = '{key}'")
    return key


@pytest.fixture
def ahead(records: Records, tutor: str) -> str:
    return records.session(tutor, NOW + timedelta(days=2, hours=3.5), "scheduled")


def act(engine: Engine, session: str, kind: str, note: str | None = None, now: Any = NOW) -> Intervention:
    return intervene(engine, uuid.UUID(session), kind, note, now, timezone="Europe/Berlin", actor="ann")


def listed(engine: Engine, session: str, limit: int = 50, offset: int = 0) -> Any:
    answer = fetch_answer(engine, INTERVENTION_PAGE, uuid.UUID(session), limit, offset)
    return None if answer is None else json.loads(answer)


def test_a_note_is_kept_and_on_the_record(engine: Engine, records: Records, tutor: str, ahead: str) -> None:
    made = act(engine, ahead, "note", "Call after 5 — Ä 'quoted'")
    assert made == Intervention(
        made.id, uuid.UUID(ahead), uuid.UUID(tutor), "note", "Call after 5 — Ä 'quoted'", "ann", NOW
    )
    assert records.rows("SELECT actor, action, subject, details FROM audit_log") == [
        ("ann", "intervene", ahead, {"kind": "note", "intervention": str(made.id)})
    ]
    assert records.rows(MAILS) == []


def test_a_reminder_queues_its_mail(engine: Engine, records: Records, ahead: str) -> None:
    made = act(engine, ahead, "reminder")
    # 12:00 UTC on Wednesday the 11th + 2 days 3.5 hours, in Berlin's winter
    subject = "Reminder: your session on Friday, 13 March 2026 at 16:30 (Europe/Berlin)"
    assert records.rows(MAILS) == [
        ("reminder", ahead, made.id, "ada@example.org", subject, "pending", f"<reminder.{made.id}@tqs.invalid>")
    ]


def test_only_a_reminder_and_a_reassignment_need_a_session_ahead(engine: Engine, records: Records, tutor: str) -> None:
    past = records.session(tutor, days_ago(1), "scheduled")
    over = records.session(tutor, NOW + timedelta(days=1), "rescheduled")
    for kind in KINDS:
        for session, said in ((past, "is past"), (over, "is rescheduled and not scheduled any more")):
            if kind in ("call", "note"):
                assert act(engine, session, kind).kind == kind
            else:
                with pytest.raises(QueryError, match=f"session {session} {said}"):
                    act(engine, session, kind)
    assert records.rows("SELECT count(*) FROM interventions") == [(4,)]
    assert records.rows("SELECT count(*) FROM audit_log") == [(4,)]
    assert records.rows(MAILS) == []


def test_an_unknown_session_is_not_found(engine: Engine) -> None:
    for kind in KINDS:
        with pytest.raises(NotFoundError, match="there is no session 0000"):
            act(engine, str(uuid.UUID(int=4)), kind)
    assert listed(engine, str(uuid.UUID(int=4))) is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("email = NULL", "has no e-mail address; call"),
        ("email = ''", "has no e-mail address; call"),
        ("is_active = false", "is not active any more and is sent no e-mail; reassign it"),
    ],
)
def test_a_reminder_that_nobody_would_get_is_a_conflict(
    engine: Engine, records: Records, tutor: str, ahead: str, change: str, said: str
) -> None:
    records.execute(f"UPDATE tutors SET {change} WHERE id = '{tutor}'")
    with pytest.raises(ConflictError, match=said):
        act(engine, ahead, "reminder")
    assert records.rows("SELECT 1 FROM interventions") == records.rows(MAILS) == []
    assert act(engine, ahead, "reassign").kind == "reassign"


def test_a_second_reminder_waits_for_an_hour(engine: Engine, records: Records, tutor: str, ahead: str) -> None:
    act(engine, ahead, "reminder")
    for minutes in (0, 1, 59.99):
        with pytest.raises(ConflictError, match=r"was queued at 2026-03-11T12:00:00\+00:00; another one can follow"):
            act(engine, ahead, "reminder", now=NOW + timedelta(minutes=minutes))
    act(engine, ahead, "call")
    act(engine, records.session(tutor, NOW + timedelta(days=1), "scheduled"), "reminder")
    act(engine, ahead, "reminder", now=NOW + timedelta(hours=1))
    assert records.rows("SELECT count(*) FROM email_reports") == [(3,)]


def test_a_reminder_whose_mail_failed_holds_up_no_other(engine: Engine, records: Records, ahead: str) -> None:
    act(engine, ahead, "reminder")
    records.execute("UPDATE email_reports SET state = 'sent'")
    with pytest.raises(ConflictError, match="another one can follow after an hour"):
        act(engine, ahead, "reminder", now=NOW + timedelta(minutes=1))
    records.execute("UPDATE email_reports SET state = 'failed'")
    act(engine, ahead, "reminder", now=NOW + timedelta(minutes=1))


def test_of_many_reminders_at_once_one_is_queued(engine: Engine, records: Records, ahead: str) -> None:
    def remind(_: int) -> str:
        try:
            return act(engine, ahead, "reminder").kind
        except ConflictError:
            return "refused"

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(remind, range(8))) == ["refused"] * 7 + ["reminder"]
    assert records.rows("SELECT count(*) FROM email_reports") == [(1,)]


def test_the_list_is_newest_first_and_in_pages(engine: Engine, ahead: str) -> None:
    assert listed(engine, ahead) == {"interventions": [], "total": 0, "limit": 50, "offset": 0}
    made = [act(engine, ahead, "note", f"note {i}", NOW + timedelta(minutes=i // 5)) for i in range(10)]
    made.sort(key=lambda one: (-one.created_at.timestamp(), one.id.bytes))
    pages = [listed(engine, ahead, 4, 0), listed(engine, ahead, 4, 4), listed(engine, ahead, 4, 8)]
    assert [(page["total"], page["limit"], page["offset"]) for page in pages] == [(10, 4, 0), (10, 4, 4), (10, 4, 8)]
    assert [row["id"] for page in pages for row in page["interventions"]] == [str(one.id) for one in made]
    assert pages[0]["interventions"][0] == {
        "id": str(made[0].id),
        "session_id": ahead,
        "tutor_id": str(made[0].tutor_id),
        "kind": "note",
        "note": made[0].note,
        "actor": "ann",
        "created_at": "2026-03-11T12:01:00+00:00",
        "outcome": None,
    }


def test_what_became_of_the_session_is_listed_with_it(engine: Engine, records: Records, tutor: str) -> None:
    told = {"completed": "tutor", "no_show": "tutor", "rescheduled": "tutor", "rescheduled by the student": "student"}
    for day, (name, initiator) in enumerate(told.items(), 1):
        status = name.split()[0]
        session = records.session(tutor, days_ago(day), status, initiator=initiator)
        act(engine, session, "call")
        outcome = {"status": status, "tutor_rescheduled": name == "rescheduled"}
        assert [row["outcome"] for row in listed(engine, session)["interventions"]] == [outcome]
    # Corrected: it took place after all.
    records.execute(f"UPDATE sessions SET status = 'completed' WHERE id = '{session}'")
    records.execute("UPDATE reschedules SET initiator = 'tutor'")
    assert listed(engine, session)["interventions"][0]["outcome"]["tutor_rescheduled"] is False
    # Cancelled though still ahead; over, but nobody told what became of it.
    ahead = records.session(tutor, NOW + timedelta(days=1), "rescheduled")
    untold = records.session(tutor, days_ago(1), "scheduled")
    for session, outcome in ((ahead, {"status": "rescheduled", "tutor_rescheduled": True}), (untold, None)):
        act(engine, session, "note")
        assert listed(engine, session)["interventions"][0]["outcome"] == outcome


@pytest.mark.parametrize("kind", ["call", "reassign", "note"])
def test_a_tutor_is_called_without_a_session(engine: Engine, records: Records, tutor: str, kind: str) -> None:
    records.execute(f"UPDATE tutors SET is_active = false WHERE id = '{tutor}'")
    made = intervene_tutor(engine, uuid.UUID(tutor), kind, "Ill until May", NOW, actor="ann")
    assert made == Intervention(made.id, None, uuid.UUID(tutor), kind, "Ill until May", "ann", NOW)
    assert records.rows("SELECT actor, action, subject, details FROM audit_log") == [
        ("ann", "intervene", tutor, {"kind": kind, "intervention": str(made.id)})
    ]
    assert list_interventions(engine) == [
        ListedIntervention(
            made.id, None, uuid.UUID(tutor), kind, "Ill until May", "ann", NOW, "tutor 1", False, None, None
        )
    ]


def test_what_cannot_be_done_about_a_tutor(engine: Engine, records: Records, tutor: str) -> None:
    with pytest.raises(QueryError, match="'reminder' is no intervention about a tutor; those are call, reassign, note"):
        intervene_tutor(engine, uuid.UUID(tutor), "reminder", None, NOW, actor="ann")
    with pytest.raises(NotFoundError, match="there is no tutor 0000"):
        intervene_tutor(engine, uuid.UUID(int=4), "call", None, NOW, actor="ann")
    with pytest.raises(IntegrityError, match="reminder_of_session"):
        records.execute(f"INSERT INTO interventions (tutor_id, kind, actor) VALUES ('{tutor}', 'reminder', 'ann')")
    assert records.rows("SELECT 1 FROM interventions") == records.rows("SELECT 1 FROM audit_log") == []


@pytest.mark.parametrize(
    ("note", "said"),
    [
        ("", "the note has 0 characters; write 1 to 2,000"),
        ("x" * 2_001, "the note has 2,001 characters"),
        ("a\0b", "no text in the database can hold"),
        ("\ud800", "no text in the database can hold"),
    ],
)
def test_a_note_that_cannot_be_kept(engine: Engine, records: Records, ahead: str, note: str, said: str) -> None:
    with pytest.raises(QueryError, match=said):
        act(engine, ahead, "note", note)
    assert records.rows("SELECT 1 FROM interventions") == []


def test_an_unknown_kind_is_named(engine: Engine, ahead: str) -> None:
    with pytest.raises(QueryError, match="'fire' is no intervention about a session; those are reminder, call, reas"):
        act(engine, ahead, "fire")


def test_the_list_of_people_is_by_session_by_tutor_or_whole(engine: Engine, records: Records, tutor: str) -> None:
    other = records.tutor(2)
    sessions = [records.session(one, NOW + timedelta(days=2), "scheduled") for one in (tutor, other)]
    for minute, session in enumerate(sessions):
        act(engine, session, "call", f"{minute}", NOW + timedelta(minutes=minute))
    intervene_tutor(engine, uuid.UUID(tutor), "note", "2", NOW + timedelta(minutes=2), actor="bob")
    records.execute(f"UPDATE sessions SET status = 'no_show' WHERE id = '{sessions[0]}'")

    def notes(**asked: Any) -> list[str | None]:
        return [row.note for row in list_interventions(engine, **asked)]

    assert notes() == ["2", "1", "0"]
    assert notes(tutor_id=uuid.UUID(tutor)) == ["2", "0"]
    assert notes(tutor_id=uuid.UUID(other)) == ["1"]
    assert notes(session_id=uuid.UUID(sessions[0])) == ["0"]
    assert notes(tutor_id=uuid.UUID(other), session_id=uuid.UUID(sessions[0])) == []
    assert notes(limit=1, offset=1) == ["1"]
    [told] = list_interventions(engine, session_id=uuid.UUID(sessions[0]))
    assert (told.tutor, told.automatic, told.scheduled_time) == ("tutor 1", False, NOW + timedelta(days=2))
    assert told.outcome == Outcome("no_show", False)


@pytest.mark.parametrize(
    ("asked", "error", "said"),
    [
        ({"session_id": uuid.UUID(int=4)}, NotFoundError, "there is no session 0000"),
        ({"tutor_id": uuid.UUID(int=4)}, NotFoundError, "there is no tutor 0000"),
        ({"limit": 0}, QueryError, "limit is 0; it can be 1 to 500"),
        ({"limit": 501}, QueryError, "limit is 501"),
        ({"offset": -1}, QueryError, "offset is -1"),
    ],
)
def test_a_list_that_cannot_be_given(engine: Engine, asked: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        list_interventions(engine, **asked)
