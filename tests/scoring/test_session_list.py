"""A page of the sessions ahead with what serves, and with what was done last."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import insert

from modelling.bands import Bands
from modelling.risk import RiskThresholds
from records.tables import automatic_reminders, email_reports, interventions, reminder_arms
from scoring.models import ServedModel
from scoring.session_deeds import SessionDeed, read_session_deeds
from scoring.session_list import list_sessions
from scoring.upcoming_list import UpcomingQuery
from tests.scoring.conftest import Records
from tests.scoring.test_call_plan import THRESHOLDS, predict

BANDS = Bands(
    level=0.9,
    dispersion=1,
    edges=(0.1, 0.5),
    rows=(400, 300, 20),
    predicted=(0.05, 0.3, 0.7),
    happened=(0.04, 0.25, 0.6),
    low=(0.03, 0.2, None),
    high=(0.06, 0.3, None),
)


def serve(version: str, bands: Bands | None) -> ServedModel:
    predictor: Any = SimpleNamespace(version=version, manifest=SimpleNamespace(bands=bands))
    return ServedModel("reschedule", RiskThresholds(*THRESHOLDS), predictor)


def test_each_row_with_the_band_of_its_score(records: Records) -> None:
    now = datetime.now(UTC)
    tutor, student = records.tutor(1), records.student(1)
    hours = {
        "low": (1, 0.05, student),
        "edge": (2, 0.5, "Visitor"),
        "medium": (3, 0.2, "Visitor"),
        "none": (4, None, ""),
    }
    made = {}
    for name, (ahead, probability, who) in hours.items():
        start = now + timedelta(hours=ahead)
        made[name] = uuid.UUID(records.session(tutor, start, "scheduled", student=who or "Nobody"))
        if probability is not None:
            predict(records, str(made[name]), start, probability)

    def ask(model: ServedModel | None) -> list[Any]:
        return list_sessions(records.engine, UpcomingQuery(limit=10), THRESHOLDS, model).sessions

    listed = ask(serve("v1", BANDS))
    assert [(row.id, row.probability, row.risk_level, row.band) for row in listed] == [
        (made["low"], 0.05, "low", (0.03, 0.06)),
        (made["edge"], 0.5, "high", None),  # of the bin that begins at 0.5, where too few are known
        (made["medium"], 0.2, "medium", (0.2, 0.3)),
        (made["none"], None, None, None),
    ]
    first = listed[0]
    assert (first.tutor_name, first.student_id, first.student_name) == ("tutor 1", student, "student 1")
    assert (listed[1].student_id, listed[1].student_name) == ("Visitor", None)
    assert abs(first.scheduled_time - now - timedelta(hours=1)) < timedelta(seconds=1)
    assert (first.model_version, first.deed) == ("v1", None)
    for model in (None, serve("v2", BANDS), serve("v1", None), ServedModel("reschedule", RiskThresholds(*THRESHOLDS))):
        assert [row.band for row in ask(model)] == [None] * 4


def test_the_last_deed_of_each(records: Records) -> None:
    now = datetime.now(UTC)
    tutor = records.tutor(1)
    one, other, third = (records.session(tutor, now + timedelta(hours=hours), "scheduled") for hours in (1, 2, 3))
    with records.engine.begin() as connection:

        def add(session: str, kind: str, minutes: int, note: str | None = None) -> uuid.UUID:
            values = {"session_id": session, "tutor_id": tutor, "kind": kind, "actor": "person ada", "note": note}
            at = now - timedelta(minutes=minutes)
            made = insert(interventions).values(**values, created_at=at).returning(interventions.c.id)
            key: uuid.UUID = connection.execute(made).scalar_one()
            return key

        add(one, "call", 30)
        add(one, "note", 10, "call again")
        mailed = add(other, "reminder", 5)
        mail = {"kind": "reminder", "session_id": other, "subject": "", "recipient": "a@b.c", "state": "failed"}
        connection.execute(insert(email_reports).values(**mail, intervention_id=mailed, message_id="1"))
        arm = {"tutor_id": tutor, "arm": "treated"}
        connection.execute(insert(reminder_arms).values(**arm, share=0.1, assigned_at=now))
        chosen = {"session_id": other, "intervention_id": mailed, "probability": 0.5, "threshold": 0.3}
        connection.execute(insert(automatic_reminders).values(**arm, **chosen, model_version="v1", decided_at=now))

    rows = list_sessions(records.engine, UpcomingQuery(), THRESHOLDS, None).sessions
    noted, reminded, untouched = (row.deed for row in rows)

    assert noted == SessionDeed(
        uuid.UUID(one), "note", "call again", "person ada", now - timedelta(minutes=10), False, None
    )
    assert not noted.handles
    assert replace(noted, kind="call").handles
    assert reminded is not None
    assert (reminded.kind, reminded.automatic, reminded.mail) == ("reminder", True, "failed")
    assert (reminded.failed, reminded.handles) == (True, False)
    assert untouched is None
    with records.engine.connect() as connection:
        found = read_session_deeds(connection, [uuid.UUID(key) for key in (one, third)])
    assert [deed.kind for deed in found[uuid.UUID(one)]] == ["note", "call"]
    assert list(found) == [uuid.UUID(one)]


@pytest.mark.parametrize(("limit", "offset", "ids"), [(2, 0, [1, 2]), (2, 2, [3]), (2, 4, [])])
def test_pages(records: Records, limit: int, offset: int, ids: list[int]) -> None:
    tutor = records.tutor(1)
    made = [records.session(tutor, datetime.now(UTC) + timedelta(hours=hours), "scheduled") for hours in (1, 2, 3)]
    page = list_sessions(records.engine, UpcomingQuery(limit=limit, offset=offset), THRESHOLDS, None)
    assert page.total == 3
    assert [str(row.id) for row in page.sessions] == [made[number - 1] for number in ids]
