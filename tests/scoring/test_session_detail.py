"""All that is known of one session, by a model that serves and by the rule."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

from scoring.interventions import intervene
from scoring.session_detail import find_session
from scoring.session_predictions import predict_session
from scoring.sessions import SESSION_TARGETS
from tests.scoring.conftest import Records, serve


def test_a_session_ahead_with_its_predictions(records: Records) -> None:
    now = datetime.now(UTC)
    tutor, student = records.tutor(1), records.student(1)
    records.execute("UPDATE tutors SET email = 'ada@example.org'")
    session = uuid.UUID(records.session(tutor, now + timedelta(hours=30), "scheduled", student=student))
    models = {target: serve(target) for target in SESSION_TARGETS}
    made = predict_session(records.engine, models, session, now, actor="test")
    intervene(records.engine, session, "call", "Nobody answers.", now, actor="person ada")

    found = find_session(records.engine, models, session)

    assert found is not None
    assert (found.tutor_name, found.tutor_email, found.tutor_is_active) == ("tutor 1", "ada@example.org", True)
    assert (found.student_id, found.student_name, found.duration_minutes) == (student, "student 1", 60)
    assert (found.status, found.ahead, found.tutor_rescheduled) == ("scheduled", True, False)
    assert found.predicted == ("reschedule", "no_show")
    assert found.predictions["reschedule"].prediction.probability == made.reschedule_probability
    assert found.predictions["reschedule"].contributions == made.contributions
    assert [(deed.kind, deed.note, deed.actor) for deed in found.deeds] == [("call", "Nobody answers.", "person ada")]

    unloaded = find_session(records.engine, {}, session)
    assert unloaded is not None
    assert (unloaded.predicted, unloaded.predictions) == (("reschedule", "no_show"), {})


def test_a_prediction_for_another_time_is_none(records: Records) -> None:
    now = datetime.now(UTC)
    session = uuid.UUID(records.session(records.tutor(1), now + timedelta(hours=30), "scheduled"))
    models = {target: serve(target, rule=True) for target in SESSION_TARGETS}
    predict_session(records.engine, models, session, now, actor="test")
    records.execute("UPDATE sessions SET scheduled_time = scheduled_time + interval '1 hour'")

    found = find_session(records.engine, models, session)

    assert found is not None
    assert (found.predicted, found.predictions) == ((), {})
    assert (found.student_id, found.student_name) == ("somebody", None)


def test_a_session_that_is_over_and_one_that_is_not_there(records: Records) -> None:
    now = datetime.now(UTC)
    moved = records.session(records.tutor(1), now + timedelta(hours=3), "rescheduled")
    late = records.session(records.tutor(2), now - timedelta(hours=3), "scheduled")

    found = find_session(records.engine, {}, uuid.UUID(moved))
    assert found is not None
    assert (found.status, found.ahead, found.tutor_rescheduled) == ("rescheduled", False, True)
    untold = find_session(records.engine, {}, uuid.UUID(late))
    assert untold is not None
    assert (untold.status, untold.ahead, untold.tutor_rescheduled) == ("scheduled", False, False)
    assert find_session(records.engine, {}, uuid.UUID(int=1)) is None
