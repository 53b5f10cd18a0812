"""Every CHECK of the tables has a rule of the import before it: the row is left out, and the file is not refused."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from sqlalchemy import CheckConstraint, Engine

from records.importing import import_files, list_rejects
from records.tables import metadata

TABLES = ("tutors", "tutor_profiles", "students", "student_profiles", "sessions", "reschedules")
PERSON = {
    "name_length": {"name": "x" * 256},
    "external_id_length": {"id": "x" * 256},
    "age_range": {"age": "121"},
    "sex_known": {"sex": "none"},
    "preferred_pace_range": {"preferred_pace": "6"},
}
TUTOR = PERSON | {
    "email_length": {"email": "x" * 321},
    "experience_years_range": {"experience_years": "101"},
    "teaching_style_known": {"teaching_style": "strict"},
    "communication_style_range": {"communication_style": "0"},
    "confidence_level_range": {"confidence_level": "6"},
    "preferred_student_level_length": {"preferred_student_level": "x" * 101},
}
STUDENT = PERSON | {
    "preferred_teaching_style_known": {"preferred_teaching_style": "strict"},
    "communication_style_preference_range": {"communication_style_preference": "6"},
    "urgency_level_range": {"urgency_level": "0"},
    "learning_goals_length": {"learning_goals": "x" * 501},
    "previous_tutoring_experience_range": {"previous_tutoring_experience": "-1"},
    "previous_satisfaction_range": {"previous_satisfaction": "6"},
}
SESSION = {
    "status_known": {"status": "done"},
    "duration_minutes_range": {"duration_minutes": "301"},
    "student_id_length": {"student_id": "x" * 256},
    "subject_length": {"subject": "x" * 256},
    "booked_before_scheduled": {"booked_at": "2026-01-05T15:00:01Z"},
    "completed_after_scheduled": {"status": "completed", "completed_time": "2026-01-05T14:59:59Z"},
    "completed_time_only_completed": {"status": "no_show", "completed_time": "2026-01-05T16:00:00Z"},
    "scheduled_time_range": {"scheduled_time": "2100-01-01T00:00:00Z"},
    "booked_at_range": {"booked_at": "1989-12-31T23:59:59Z"},
}
MOVED = {"status": "rescheduled", "initiator": "tutor"}
RESCHEDULE = {
    "initiator_known": MOVED | {"initiator": "parent"},
    "new_after_original": MOVED | {"new_time": "2026-01-05T15:00:00Z"},
    "reason_code_length": MOVED | {"reason_code": "x" * 101},
}
VIOLATIONS = {
    "tutors": TUTOR,
    "tutor_profiles": TUTOR,
    "students": STUDENT,
    "student_profiles": STUDENT,
    "sessions": SESSION,
    "reschedules": RESCHEDULE,
}
GOOD = {
    "tutors": {"id": "good", "name": "Good"},
    "students": {"id": "good", "name": "Good"},
    "sessions": {
        "id": "good",
        "tutor_id": "ann",
        "student_id": "pia",
        "scheduled_time": "2026-01-05T15:00:00Z",
        "status": "scheduled",
    },
}
KIND = {"tutor_profiles": "tutors", "student_profiles": "students", "reschedules": "sessions"}


def checks(table: str) -> list[str]:
    """The table's CHECKs, but for that of `source`, which no file can set."""
    found = [c for c in metadata.tables[table].constraints if isinstance(c, CheckConstraint)]
    names = [str(c.name).removeprefix(f"ck_{table}_") for c in found]
    return sorted(set(names) - {"source_known"})


CASES = [(table, check) for table in TABLES for check in checks(table)]


@pytest.mark.parametrize(("table", "check"), CASES, ids=[f"{table}-{check}" for table, check in CASES])
def test_a_row_that_a_check_would_refuse_is_left_out_alone(
    engine: Engine, tmp_path: Path, table: str, check: str
) -> None:
    kind = KIND.get(table, table)
    bad = GOOD[kind] | {"id": "bad"} | VIOLATIONS[table][check]
    (tmp_path / "tutors_first.csv").write_text("id,name\nann,Ann\n")
    import_files(engine, [tmp_path / "tutors_first.csv"])
    path = tmp_path / f"{kind}.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(bad), restval="")
        writer.writeheader()
        writer.writerows([bad, GOOD[kind]])

    (result,) = import_files(engine, [path])

    assert (result.inserted, result.rejected) == (1, 1)
    (reject,) = list_rejects(engine, str(path))
    assert reject.line == 2
    assert reject.row["id"] == bad["id"]


@pytest.mark.parametrize("told", ["", "2026-01-05T15:00:00Z"])
def test_a_new_time_is_compared_with_what_will_be_stored(engine: Engine, tmp_path: Path, told: str) -> None:
    (tmp_path / "tutors.csv").write_text("id,name\nann,Ann\n")
    lines = ["id,tutor_id,student_id,scheduled_time,status,initiator,original_time,new_time"]
    for number, new in enumerate(("2026-01-05T15:00:00Z", "2026-01-05T15:00:01Z")):
        lines.append(f"{number},ann,pia,2026-01-05T15:00:00Z,rescheduled,tutor,{told},{new}")
    (tmp_path / "sessions.csv").write_text("\n".join(lines))
    result = import_files(engine, [tmp_path])[1]
    assert (result.inserted, result.rejected) == (1, 1)
    assert list_rejects(engine)[0].reason == "new_time is not after original_time"
