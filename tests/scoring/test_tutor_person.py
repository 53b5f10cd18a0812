from __future__ import annotations

import uuid
from uuid import UUID

from sqlalchemy import Engine

from scoring.tutor_list import find_tutor
from scoring.tutor_person import find_person
from tests.scoring.conftest import NOW, Records, days_ago


def test_a_tutor_with_the_profile_and_the_span_of_the_sessions(engine: Engine, records: Records) -> None:
    ada, other = records.tutor(1, age=31, experience_years=4, teaching_style="modern"), records.tutor(2)
    records.session(ada, days_ago(400), "rescheduled")
    records.session(ada, days_ago(3))
    records.session(ada, days_ago(-2), "scheduled")  # not yet
    records.session(other, days_ago(900))

    person = find_person(engine, UUID(ada), NOW)

    assert person is not None
    assert (person.name, person.age, person.experience_years, person.teaching_style) == ("tutor 1", 31, 4, "modern")
    assert (person.is_active, person.email, person.preferred_pace) == (True, None, None)
    assert (person.first_session, person.last_session) == (days_ago(400), days_ago(3))


def test_a_former_tutor_is_found_and_nobody_is_not(engine: Engine, records: Records) -> None:
    bob = UUID(records.tutor(1, active=False))

    person = find_person(engine, bob, NOW)

    assert person is not None
    assert (person.is_active, person.first_session, person.last_session) == (False, None, None)
    assert find_person(engine, uuid.uuid4(), NOW) is None
    assert find_tutor(engine, bob) is None
    former = find_tutor(engine, bob, former=True)
    assert former is not None
    assert (former.name, former.reschedule_rate_30d, former.is_high_risk) == ("tutor 1", None, False)
