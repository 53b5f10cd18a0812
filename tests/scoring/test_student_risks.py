from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import Engine

from scoring.pair_people import read_clock
from scoring.pairs import predict_pairs
from scoring.student_risks import StudentRisk, read_student_risks
from tests.scoring.conftest import Records, serve, uid

RULE = serve("match", rule=True)
# By the rule: 0.3 of |difference of pace|/4, and what is missing of both.
UNKNOWN = 0.3 * 0.5 + 0.2 * 2.5 / 4 + 0.2 * 0.5


def test_the_stored_risk_with_the_current_tutor(engine: Engine, records: Records) -> None:
    now = read_clock(engine)
    near, far = records.tutor(1, preferred_pace=2), records.tutor(2, preferred_pace=4)
    taught, moved, alone, stale = (records.student(number, preferred_pace=2) for number in range(1, 5))
    for student in (taught, stale):
        records.session(far, now - timedelta(days=3), student=student)
    records.session(near, now - timedelta(days=2), student=moved)
    records.session(far, now - timedelta(days=1), "rescheduled", student=moved)
    predict_pairs(engine, RULE, read_clock(engine))
    records.execute(f"UPDATE students SET inputs_changed_at = clock_timestamp() WHERE id = '{stale}'")

    ids = [UUID(one) for one in (taught, moved, alone, stale)] + [uid("nobody", 1)]
    found = read_student_risks(engine, RULE, ids)

    assert found == {
        UUID(taught): StudentRisk("tutor 2", pytest.approx(UNKNOWN + 0.15), "medium"),
        UUID(moved): StudentRisk("tutor 1", pytest.approx(UNKNOWN), "medium"),
    }
    assert read_student_risks(engine, serve("match"), ids) == {}  # another one serves
    assert read_student_risks(engine, RULE, []) == {}
