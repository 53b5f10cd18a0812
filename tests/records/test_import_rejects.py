"""Every kind of bad row: it is left out with its line and a reason, and its neighbours enter."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Engine, text

from records.importing import files as import_parts
from records.importing import import_files, list_rejects

SESSION = {
    "id": "s1",
    "tutor_id": "ann",
    "student_id": "pia",
    "booked_at": "2026-01-01T08:00:00Z",
    "scheduled_time": "2026-01-05T15:00:00Z",
    "duration_minutes": "60",
    "status": "completed",
    "completed_time": "2026-01-05T16:00:00Z",
    "initiator": "",
    "original_time": "",
    "new_time": "",
    "cancelled_at": "",
    "recorded_at": "",
    "outcome_recorded_at": "",
}
SOON = datetime.now(UTC) + timedelta(minutes=30)
MOVED = SESSION | {"status": "rescheduled", "completed_time": "", "initiator": "tutor"}
TUTOR = {"id": "t1", "name": "Tom", "age": "40", "preferences_json": "", "is_active": "", "valid_from": ""}


def import_rows(
    engine: Engine, folder: Path, kind: str, rows: list[dict[str, str]]
) -> tuple[int, list[tuple[int, str]]]:
    """Rows that entered, and (line, reason) of the others."""
    (folder / "tutors.csv").write_text("id,name\nann,Ann\n")
    import_files(engine, [folder / "tutors.csv"])
    path = folder / f"{kind}_now.csv"
    lines = [",".join(rows[0]), *(",".join(row.values()) for row in rows)]
    path.write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))
    (result,) = import_files(engine, [path])
    rejects = list_rejects(engine, str(path))
    assert result.rejected == len(rejects)
    assert result.rows_read == len(rows)
    return result.inserted, [(reject.line, reject.reason) for reject in rejects]


_NOW = datetime.now(UTC)
LATER = (_NOW + timedelta(days=200)).isoformat()
AHEAD = {"status": "scheduled", "scheduled_time": (_NOW + timedelta(days=300)).isoformat(), "completed_time": ""}
BAD_SESSIONS: list[tuple[dict[str, str], str]] = [
    ({"tutor_id": "zoe"}, "tutor_id is 'zoe'; expected a tutor who is known here (import tutors first)"),
    ({"tutor_id": ""}, "tutor_id is missing; expected a value"),
    ({"id": ""}, "id is missing; expected a value"),
    ({"student_id": " "}, "student_id is missing; expected a value"),
    ({"status": ""}, "status is missing; expected a value"),
    ({"status": "done"}, "status is 'done'; expected one of scheduled, completed, rescheduled, no_show"),
    ({"booked_at": "2026-01-06"}, "scheduled_time is before booked_at"),
    ({"completed_time": "2026-01-05T14:59:59Z"}, "completed_time is before scheduled_time"),
    ({"status": "no_show"}, "completed_time is given, but status is not completed"),
    ({"scheduled_time": "tomorrow", "completed_time": ""}, "scheduled_time is 'tomorrow'; expected a time in ISO"),
    (
        {"scheduled_time": "9999-12-31T00:00:00Z", "completed_time": ""},
        "scheduled_time is '9999-12-31T00:00:00Z'; expected a time between 2000-01-01 and 2100-01-01",
    ),
    ({"scheduled_time": "1999-12-31", "booked_at": ""}, "scheduled_time is '1999-12-31'; expected a time between"),
    ({"completed_time": "2100-01-01"}, "completed_time is '2100-01-01'; expected a time between"),
    ({"duration_minutes": "0"}, "duration_minutes is '0'; expected 1 to 300"),
    ({"duration_minutes": "301"}, "duration_minutes is '301'; expected 1 to 300"),
    ({"duration_minutes": "an hour"}, "duration_minutes is 'an hour'; expected a whole number"),
    ({"student_id": "x" * 256}, "student_id is 'xxx"),
    ({"student_id": "a\0b"}, "student_id is 'a\\\\x00b'; expected text in UTF-8 without NUL"),
    ({"student_id": "a\ud800b"}, "student_id is 'a\\\\xed\\\\xa0\\\\x80b'; expected text in UTF-8 without NUL"),
    ({"initiator": "tutor"}, "initiator is given, but status is not rescheduled"),
    ({"cancelled_at": "2026-01-02"}, "cancelled_at is given, but status is not rescheduled"),
    (
        MOVED | {"initiator": ""},
        "status is rescheduled, but initiator is missing; expected tutor or student",
    ),
    (MOVED | {"initiator": "parent"}, "initiator is 'parent'; expected one of tutor, student"),
    (MOVED | {"new_time": "2026-01-05T15:00:00Z"}, "new_time is not after original_time"),
    (MOVED | {"cancelled_at": "2025-12-31"}, "cancelled_at is before booked_at"),
    ({"recorded_at": "1999-12-31"}, "recorded_at is '1999-12-31'; expected a time between 2000-01-01 and now"),
    ({"outcome_recorded_at": f"{SOON:%Y-%m-%dT%H:%MZ}"}, f"outcome_recorded_at is '{SOON:%Y-%m-%dT%H:%MZ}'; expected"),
    (AHEAD | {"status": "completed"}, "status is completed or no_show, but scheduled_time is in the future"),
    (AHEAD | {"status": "no_show"}, "status is completed or no_show, but scheduled_time is in the future"),
    (AHEAD | {"booked_at": LATER}, f"booked_at is '{LATER}'; expected a time that is not in the future"),
    (
        MOVED | AHEAD | {"status": "rescheduled", "cancelled_at": LATER},
        f"cancelled_at is '{LATER}'; expected a time that is not in the future",
    ),
    (
        {"completed_time": LATER},
        f"completed_time is '{LATER}'; expected a time that is not in the future",
    ),
]


def test_bad_sessions_are_left_out_and_their_neighbours_enter(engine: Engine, tmp_path: Path) -> None:
    rows = [SESSION, MOVED | {"id": "s2"}]
    for number, (change, _) in enumerate(BAD_SESSIONS):
        rows += [{**SESSION, "id": f"bad {number}", **change}, {**MOVED, "id": f"good {number}"}]
    entered, rejects = import_rows(engine, tmp_path, "sessions", rows)
    assert entered == 2 + len(BAD_SESSIONS)
    for number, ((line, said), (_, reason)) in enumerate(zip(rejects, BAD_SESSIONS, strict=True)):
        assert line == 4 + 2 * number
        assert said.startswith(reason)


BAD_TUTORS: list[tuple[dict[str, str], str]] = [
    ({"age": "-3"}, "age is '-3'; expected 0 to 120"),
    ({"age": "121"}, "age is '121'; expected 0 to 120"),
    ({"age": "old"}, "age is 'old'; expected a whole number"),
    ({"name": ""}, "name is missing; expected a value"),
    ({"name": "x" * 256}, f"name is '{'x' * 60}…'; expected at most 255 characters"),
    ({"is_active": "perhaps"}, "is_active is 'perhaps'; expected true or false"),
    ({"preferences_json": "{"}, "preferences_json is '{'; expected JSON"),
    ({"valid_from": "never"}, "valid_from is 'never'; expected a time in ISO 8601"),
    ({"age": "200", "is_active": "x"}, "is_active is 'x'; expected true or false; age is '200'; expected 0 to 120"),
]


def test_bad_tutors_are_left_out_and_their_neighbours_enter(engine: Engine, tmp_path: Path) -> None:
    rows = [TUTOR]
    for number, (change, _) in enumerate(BAD_TUTORS):
        rows += [{**TUTOR, "id": f"bad {number}", **change}, {**TUTOR, "id": f"good {number}"}]
    entered, rejects = import_rows(engine, tmp_path, "tutors", rows)
    assert entered == 1 + len(BAD_TUTORS)
    for number, ((line, said), (_, reason)) in enumerate(zip(rejects, BAD_TUTORS, strict=True)):
        assert line == 3 + 2 * number
        assert said.startswith(reason)


def test_limits_themselves_are_good(engine: Engine, tmp_path: Path) -> None:
    sessions = [
        SESSION | {"id": "a", "booked_at": SESSION["scheduled_time"], "completed_time": SESSION["scheduled_time"]},
        SESSION | {"id": "b", "duration_minutes": "1"},
        SESSION | {"id": "c", "duration_minutes": "300", "student_id": "x" * 255},
        SESSION | {"id": "d", "scheduled_time": "2000-01-01", "booked_at": "1990-01-01"},
        MOVED | {"id": "e", "cancelled_at": SESSION["booked_at"]},
    ]
    assert import_rows(engine, tmp_path, "sessions", sessions) == (5, [])
    tutors = [TUTOR | {"id": "a", "age": "0"}, TUTOR | {"id": "b", "age": "120", "name": "ü" * 255}]
    assert import_rows(engine, tmp_path, "tutors", tutors) == (2, [])


def test_of_equal_ids_the_first_row_counts(engine: Engine, tmp_path: Path) -> None:
    rows = [SESSION, SESSION | {"duration_minutes": "30"}, SESSION | {"id": "s2"}, SESSION]
    entered, rejects = import_rows(engine, tmp_path, "sessions", rows)
    assert entered == 2
    said = "id s1 stands on line 2 already; the first counts"
    assert rejects == [(3, said), (5, said)]
    with engine.connect() as connection:
        assert connection.scalars(text("SELECT duration_minutes FROM sessions")).all() == [60, 60]
    last = list_rejects(engine)[-1]
    assert (last.row["id"], last.row["status"], last.row["duration_minutes"]) == ("s1", "completed", 60)


def test_a_duplicate_is_found_across_chunks(engine: Engine, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(import_parts, "CHUNK_ROWS", 10)
    names = [f"t{i}" for i in range(95)] + ["t3"]
    path = tmp_path / "tutors.parquet"
    pq.write_table(pa.table({"id": names, "name": names}), path)
    (result,) = import_files(engine, [path])
    assert (result.inserted, result.rejected) == (95, 1)
    assert [(r.line, r.reason) for r in list_rejects(engine)] == [
        (97, "id t3 stands on line 5 already; the first counts")
    ]


def test_one_uuid_in_two_spellings_is_one_id(engine: Engine, tmp_path: Path) -> None:
    one = "0e1d2c3b-4a59-4687-9123-456789abcdef"
    entered, rejects = import_rows(engine, tmp_path, "tutors", [TUTOR | {"id": one}, TUTOR | {"id": one.upper()}])
    assert entered == 1
    assert rejects == [(3, f"id {one} stands on line 2 already; the first counts")]


def test_versions_of_a_person_are_no_duplicates_but_equal_dates_are(engine: Engine, tmp_path: Path) -> None:
    rows = [
        TUTOR | {"valid_from": "2026-01-01"},
        TUTOR | {"valid_from": "2026-02-01", "age": "41"},
        TUTOR | {"valid_from": "2026-02-01T00:00:00Z", "age": "42"},
        TUTOR,
        TUTOR | {"valid_from": "1970-01-01"},
    ]
    entered, rejects = import_rows(engine, tmp_path, "tutors", rows)
    assert entered == 3
    assert [line for line, _ in rejects] == [4, 6]


def test_rows_of_another_width_keep_their_text(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "tutors.csv"
    path.write_bytes(b"id,name\na,A,extra\nb,B\nc\xff\n")
    (result,) = import_files(engine, [path])
    assert (result.inserted, result.rejected, result.rows_read) == (1, 2, 3)
    assert [(r.line, r.row) for r in list_rejects(engine)] == [(2, {"text": "a,A,extra"}), (4, {"text": "c\\xff"})]


def test_parquet_rows_are_counted_as_if_below_a_header(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "tutors.parquet"
    table = pa.table(
        {"id": ["a", "b", "c"], "name": pa.array([b"A", b"\xff", b"C"], pa.binary()), "age": [3.0, 4.0, 5.5]}
    )
    pq.write_table(table, path)
    (result,) = import_files(engine, [path])
    assert (result.inserted, result.rejected) == (1, 2)
    assert [(r.line, r.reason, r.row) for r in list_rejects(engine)] == [
        (3, "name is '\\\\xff'; expected text in UTF-8 without NUL", {"id": "b", "name": "\\xff", "age": "4.0"}),
        (4, "age is '5.5'; expected a whole number", {"id": "c", "name": "C", "age": "5.5"}),
    ]


def test_columns_of_wrong_types_reject_their_rows_and_nothing_else(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "tutors.parquet"
    table = pa.table(
        {"id": [1, 2], "name": ["A", "B"], "age": [True, None], "valid_from": [0.5, None], "sex": [[1], None]}
    )
    pq.write_table(table, path)
    (result,) = import_files(engine, [path])
    assert (result.inserted, result.rejected) == (1, 1)
    (reject,) = list_rejects(engine)
    assert reject.line == 2
    assert "valid_from is '0.5'" in reject.reason


def test_a_file_of_bad_rows_only_is_imported_as_none(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "tutors.csv"
    path.write_text("id,name,age\n" + "".join(f"t{i},T,{200 + i}\n" for i in range(20_000)))
    (result,) = import_files(engine, [path])
    assert (result.inserted, result.rejected) == (0, 20_000)
    rejects = list_rejects(engine, limit=20_000)
    assert [r.line for r in rejects] == list(range(2, 20_002))
    assert rejects[-1].reason == "age is '20199'; expected 0 to 120"
    assert json.dumps(rejects[-1].row) == '{"id": "t19999", "age": "20199", "name": "T"}'
