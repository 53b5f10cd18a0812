from __future__ import annotations

import json
from datetime import date
from uuid import UUID

from sqlalchemy import Engine, insert, text

from records.profile_changes import change_profile
from records.tables import tutor_profiles
from scoring.tutor_changes import TutorFlagChange, list_flag_changes, list_profile_changes
from tests.scoring.conftest import Records, days_ago


def remember(records: Records, tutor: str, day: str, high: bool, rate: float | None = 20.0) -> None:
    told = "NULL" if rate is None else rate
    records.execute(
        "INSERT INTO tutor_score_history (tutor_id, day, total_sessions_7d, total_sessions_30d, total_sessions_90d, "
        "tutor_reschedules_7d, tutor_reschedules_30d, tutor_reschedules_90d, no_shows_90d, is_high_risk, "
        f"risk_threshold, reschedule_rate_30d) VALUES ('{tutor}', '{day}', 0, 0, 0, 0, 0, 0, 0, {high}, 15, {told})"
    )


def test_the_days_on_which_the_flag_was_raised_or_lifted(engine: Engine, records: Records) -> None:
    ada, other = records.tutor(1), records.tutor(2)
    remember(records, ada, "2026-01-01", True)  # the first that is known: not known to be new
    remember(records, ada, "2026-01-02", True)
    remember(records, ada, "2026-01-03", False, 10.0)
    remember(records, ada, "2026-01-04", False, 11.0)
    remember(records, ada, "2026-02-01", True, 30.0)  # there was no run in between
    remember(records, ada, "2026-03-01", False, None)
    remember(records, other, "2026-01-03", True)
    raised, lifted = TutorFlagChange(date(2026, 2, 1), True, 30.0), TutorFlagChange(date(2026, 3, 1), False, None)

    changes = list_flag_changes(engine, UUID(ada), days_ago(365))
    assert changes == [TutorFlagChange(date(2026, 1, 3), False, 10.0), raised, lifted]
    # 39 days before 11 March is 31 January, and what was before that day is still known
    assert list_flag_changes(engine, UUID(ada), days_ago(39)) == [raised, lifted]
    assert list_flag_changes(engine, UUID(other), days_ago(365)) == []


def test_versions_of_a_profile_are_told_by_what_differs_and_sex_is_not(engine: Engine, records: Records) -> None:
    ada = records.tutor(1, preferred_pace=3, teaching_style="modern", sex="female")
    versions = [
        (days_ago(50), {"preferred_pace": 4, "teaching_style": "modern", "sex": "female"}),
        (days_ago(40), {"preferred_pace": 4, "teaching_style": "modern", "sex": "other"}),  # nothing that is told
        (days_ago(30), {"preferred_pace": 2, "teaching_style": None, "sex": "other"}),
    ]
    with engine.begin() as connection:
        for moment, profile in versions:
            connection.execute(insert(tutor_profiles).values(tutor_id=ada, valid_from=moment, **profile))

    changes = list_profile_changes(engine, UUID(ada), days_ago(100))

    assert [(one.moment, one.changes) for one in changes] == [
        (days_ago(50), {"preferred_pace": (3, 4)}),
        (days_ago(30), {"preferred_pace": (4, 2), "teaching_style": ("modern", None)}),
    ]
    assert [one.moment for one in list_profile_changes(engine, UUID(ada), days_ago(50))] == [days_ago(30)]


def test_a_change_by_the_api_is_one(engine: Engine, records: Records) -> None:
    ada = records.tutor(1, preferred_pace=3)
    change = change_profile("tutors", ["preferred_pace"], (":id", ":actor", ":values"))
    with engine.begin() as connection:
        values = json.dumps({"preferred_pace": 5})
        connection.execute(text(change), {"id": ada, "actor": "somebody", "values": values})

    (found,) = list_profile_changes(engine, UUID(ada), days_ago(10))

    assert found.changes == {"preferred_pace": (3, 5)}
