from __future__ import annotations

import numpy as np
import pytest
from sqlalchemy import Engine

from features.catalogue import names_of
from features.table import pair_features
from records.reading import read_history
from scoring.forms import (
    MatchRecord,
    MatchStudent,
    MatchTutor,
)
from scoring.match_records import match_features
from tests.scoring.callers import ADA, MIA, statistics
from tests.scoring.conftest import NOW, Records, days_ago


def test_match_features_by_hand() -> None:
    X, refused = match_features([MatchRecord(student=MIA, tutor=ADA), MatchRecord(student=MatchStudent(), tutor=ADA)])

    row, unknown = (dict(zip(names_of("match"), x.tolist(), strict=True)) for x in X)
    assert refused == {}
    assert (row["pace_mismatch"], row["style_mismatch"], row["communication_mismatch"]) == (3, 1, 2)
    assert (row["age_difference"], row["tutor_reschedule_rate_30d"], row["tutor_is_high_risk"]) == (14, 0.25, 1)
    # 1 − (0.3·3/4 + 0.3 + 0.2·2/4 + 0.2·14/20)
    assert row["compatibility_score"] == pytest.approx(1 - (0.225 + 0.3 + 0.1 + 0.14))
    assert (unknown["pace_mismatch"], unknown["style_mismatch"], unknown["age_difference"]) == (2.5, 0.5, 10)
    assert (unknown["student_age"], unknown["student_satisfaction"]) == (15, 3)


def test_match_features_equal_those_of_the_records(engine: Engine, records: Records) -> None:
    tutor = records.tutor(1, age=41, teaching_style="modern", preferred_pace=4, confidence_level=2, experience_years=9)
    student = records.student(1, age=12, preferred_teaching_style="modern", urgency_level=5, previous_satisfaction=1)
    for i in range(7):
        records.session(tutor, days_ago(1 + i), "rescheduled" if i < 3 else "completed")
    told = statistics(reschedule_rate_30d=300 / 7, total_sessions_30d=7, reschedule_rate_90d=300 / 7)

    X, _ = match_features(
        [
            MatchRecord(
                student=MatchStudent(
                    age=12, preferred_teaching_style="modern", urgency_level=5, previous_satisfaction=1
                ),
                tutor=MatchTutor(
                    age=41,
                    teaching_style="modern",
                    preferred_pace=4,
                    confidence_level=2,
                    experience_years=9,
                    statistics=told,
                ),
            )
        ]
    )

    history = read_history(engine)
    code = np.array([int(np.flatnonzero(history.directory.students == student)[0])])
    expected = pair_features(history, code, np.array([0]), np.array([int(NOW.timestamp() * 1e6)]))
    np.testing.assert_array_equal(X, expected)
