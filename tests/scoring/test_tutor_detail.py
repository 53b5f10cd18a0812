from __future__ import annotations

import uuid

from sqlalchemy import Engine, text

from bentos.routers.tutors import TutorDetail, WholeTutor
from scoring.tutor_detail import TUTOR_DETAIL, whole_tutor
from scoring.tutors import score_tutors
from tests.answers import fetch_answer
from tests.scoring.conftest import NOW, Records, days_ago


def ask(engine: Engine, tutor: str) -> TutorDetail:
    return TutorDetail.model_validate_json(fetch_answer(engine, TUTOR_DETAIL, uuid.UUID(tutor)) or b"", strict=True)


def test_scores_are_those_of_the_sessions(engine: Engine, records: Records) -> None:
    ada = records.tutor(1)
    records.execute("UPDATE tutors SET email = 'ada@example.org'")
    for days, status in ((2, "rescheduled"), (3, "completed"), (20, "completed"), (25, "no_show"), (80, "completed")):
        records.session(ada, days_ago(days), status)
    score_tutors(engine, NOW)

    tutor = ask(engine, ada)

    assert (tutor.id, tutor.name, tutor.email, tutor.is_active) == (uuid.UUID(ada), "tutor 1", "ada@example.org", True)
    assert tutor.scores is not None
    assert tutor.scores.model_dump() == {
        "reschedule_rate_7d": 50.0,
        "reschedule_rate_30d": 25.0,
        "reschedule_rate_90d": 20.0,
        "total_sessions_7d": 2,
        "total_sessions_30d": 4,
        "total_sessions_90d": 5,
        "tutor_reschedules_7d": 1,
        "tutor_reschedules_30d": 1,
        "tutor_reschedules_90d": 1,
        "is_high_risk": True,
        "risk_threshold": 15.0,
        "last_calculated_at": NOW,
    }
    assert tutor.statistics.model_dump() == tutor.scores.model_dump()


def test_a_tutor_never_scored_has_statistics_of_nothing(engine: Engine, records: Records) -> None:
    tutor = ask(engine, records.tutor(1))

    assert tutor.scores is None
    statistics = tutor.statistics.model_dump()
    assert {statistics.pop(f"reschedule_rate_{days}d") for days in (7, 30, 90)} == {None}
    counts = {f"{name}_{days}d" for name in ("total_sessions", "tutor_reschedules") for days in (7, 30, 90)}
    assert {statistics.pop(name) for name in counts} == {0}
    assert statistics == {"is_high_risk": False, "risk_threshold": 15.0, "last_calculated_at": None}


def test_a_removed_tutor_still_answers(engine: Engine, records: Records) -> None:
    assert ask(engine, records.tutor(1, active=False)).is_active is False


def test_nobody_is_no_answer(engine: Engine) -> None:
    assert fetch_answer(engine, TUTOR_DETAIL, uuid.uuid4()) is None


def test_the_whole_tutor_has_preferences_too(engine: Engine, records: Records) -> None:
    ada = records.tutor(1, age=33, teaching_style="modern")
    with engine.connect() as connection:
        body: str = connection.execute(text(whole_tutor(":id")), {"id": ada}).scalar_one()

    tutor = WholeTutor.model_validate_json(body, strict=True)

    assert (tutor.age, tutor.teaching_style, tutor.preferred_pace, tutor.scores) == (33, "modern", None, None)
