from __future__ import annotations

import pytest

from scoring.forms import (
    PastSession,
    Refused,
    TutorRecord,
    TutorScore,
)
from scoring.stateless import score_tutor_records
from tests.scoring.conftest import NOW, days_ago


def test_tutor_scores_by_hand() -> None:
    sessions = [
        PastSession(scheduled_time=days_ago(1), status="rescheduled", initiator="tutor"),
        PastSession(scheduled_time=days_ago(2), status="rescheduled", initiator="student"),
        PastSession(scheduled_time=days_ago(10), status="completed"),
        PastSession(scheduled_time=days_ago(70), status="no_show"),
    ]
    bad = TutorRecord(sessions=[*sessions, PastSession(scheduled_time=NOW, status="?")])

    score, refused, empty = score_tutor_records(
        [TutorRecord(tutor_id="ada", sessions=sessions), bad, TutorRecord(sessions=[])], NOW
    )

    assert score == TutorScore(
        "ada", 50.0, 100 / 3, 25.0, 2, 3, 4, 1, 1, 1, 1, 25.0, pytest.approx(1 / 2 - 1 / 3), True, 15.0
    )
    assert refused == Refused("sessions[4].status", "must be one of scheduled, completed, rescheduled, no_show")
    assert empty == TutorScore(None, None, None, None, 0, 0, 0, 0, 0, 0, 0, None, None, False, 15.0)
