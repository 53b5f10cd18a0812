"""Files in, tables out: what an import writes, that twice changes nothing, and what a kill leaves."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys
import uuid
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import URL, Engine, create_engine, text

from records.importing import import_files, list_rejects
from records.importing.ids import NAMESPACE
from tqs.errors import RecordsError

UTC = dt.UTC
NO_SERVER = create_engine("postgresql+psycopg2:///?host=/nowhere")  # what must be refused before any is asked
ANN, BOB = uuid.uuid5(NAMESPACE, "ann"), uuid.UUID("00000000-0000-4000-8000-0000000000b0")

TUTORS = f"""id,name,email,is_active,age,teaching_style,preferred_pace,preferences_json
ann,Ann Ábel,ann@example.org,true,34,structured,3,"{{""days"": [1, 2]}}"
{BOB},Bob,,false,,,,
"""
STUDENTS = "id,name,age\npia,Pia,12\n"
SESSIONS = f"""id,tutor_id,student_id,booked_at,scheduled_time,duration_minutes,subject,status,completed_time,initiator,original_time,new_time,reason,reason_code,cancelled_at
s1,ann,pia,2026-01-01T08:00:00Z,2026-01-05T15:00:00+01:00,60,maths,completed,2026-01-05T15:00:00Z,,,,,,
s2,{str(BOB).upper()},visitor 9,2026-01-01 09:00,2026-01-06 15:00,45.0,,rescheduled,,tutor,,2026-01-08 15:00,"ill, sorry",ILLNESS,2026-01-03 10:00
s3,ann,pia,,2026-02-01T10:00:00Z,,,scheduled,,,,,,,
s4,ann,pia,,2026-01-07T10:00:00Z,,,no_show,,,,,,,
"""  # noqa: E501


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for name, content in (("tutors", TUTORS), ("students", STUDENTS), ("sessions", SESSIONS)):
        (tmp_path / f"{name}.csv").write_text(content, encoding="utf-8")
    return tmp_path


def rows(engine: Engine, query: str) -> list:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]


def counts(results) -> list[tuple[str, int, int, int, int, int]]:
    return [(r.kind, r.rows_read, r.inserted, r.updated, r.unchanged, r.rejected) for r in results]


def fingerprint(engine: Engine) -> list:
    """Everything that an import writes, but for its own log."""
    tables = ("tutors", "tutor_profiles", "students", "student_profiles", "sessions", "reschedules")
    return [rows(engine, f"SELECT to_jsonb(t) FROM {table} t ORDER BY to_jsonb(t)::text") for table in tables]


def at(day: int, hour: int, month: int = 1) -> dt.datetime:
    return dt.datetime(2026, month, day, hour, tzinfo=UTC)


def test_a_folder_of_files_becomes_rows(engine: Engine, files: Path) -> None:
    results = import_files(engine, [files])
    assert counts(results) == [
        ("tutors", 2, 2, 0, 0, 0),
        ("students", 1, 1, 0, 0, 0),
        ("sessions", 4, 4, 0, 0, 0),
    ]
    people = "SELECT id, external_id, name, email, is_active, age, teaching_style, preferences_json, source FROM tutors"
    assert rows(engine, people + " ORDER BY name") == [
        (ANN, "ann", "Ann Ábel", "ann@example.org", True, 34, "structured", {"days": [1, 2]}, "import"),
        (BOB, None, "Bob", None, False, None, None, None, "import"),
    ]
    pia = str(uuid.uuid5(NAMESPACE, "pia"))
    session = uuid.uuid5(NAMESPACE, "s2")
    found = rows(
        engine,
        "SELECT tutor_id, student_id, booked_at, scheduled_time, duration_minutes, subject, status, completed_time, "
        "recorded_at, outcome_recorded_at, source FROM sessions ORDER BY scheduled_time",
    )
    nobody_told = (None, None, "import")
    assert found == [
        (ANN, pia, at(1, 8), at(5, 14), 60, "maths", "completed", at(5, 15), *nobody_told),
        (BOB, "visitor 9", at(1, 9), at(6, 15), 45, None, "rescheduled", None, *nobody_told),
        (ANN, pia, None, at(7, 10), None, None, "no_show", None, *nobody_told),
        (ANN, pia, None, at(1, 10, 2), None, None, "scheduled", None, *nobody_told),
    ]
    moved = "SELECT session_id, initiator, original_time, new_time, reason, reason_code, cancelled_at FROM reschedules"
    assert rows(engine, moved) == [(session, "tutor", at(6, 15), at(8, 15), "ill, sorry", "ILLNESS", at(3, 10))]


def test_importing_twice_changes_nothing(engine: Engine, files: Path) -> None:
    import_files(engine, [files])
    before = fingerprint(engine)
    assert counts(import_files(engine, [files])) == [
        ("tutors", 2, 0, 0, 2, 0),
        ("students", 1, 0, 0, 1, 0),
        ("sessions", 4, 0, 0, 4, 0),
    ]
    assert fingerprint(engine) == before
    assert rows(engine, "SELECT count(*) FROM imports") == [(6,)]


def test_parquet_says_the_same_as_csv(engine: Engine, files: Path, tmp_path: Path) -> None:
    import_files(engine, [files])
    before = fingerprint(engine)
    folder = tmp_path / "parquet"
    folder.mkdir()
    for kind, times in (("tutors", []), ("students", []), ("sessions", ["booked_at", "scheduled_time"])):
        frame = pd.read_csv(files / f"{kind}.csv")
        for name in times:
            frame[name] = pd.Series([pd.to_datetime(time, utc=True) for time in frame[name]])
        frame.to_parquet(folder / f"{kind}.parquet")
    assert [(r.inserted, r.updated, r.rejected) for r in import_files(engine, [folder])] == [(0, 0, 0)] * 3
    assert fingerprint(engine) == before


def test_any_subset_and_any_order_of_files(engine: Engine, files: Path) -> None:
    results = import_files(engine, [files / "sessions.csv", files / "tutors.csv"])
    assert [r.kind for r in results] == ["tutors", "sessions"]
    assert rows(engine, "SELECT DISTINCT student_id FROM sessions ORDER BY 1") == [("pia",), ("visitor 9",)]


def test_students_that_come_later_are_linked_to_their_sessions(engine: Engine, files: Path) -> None:
    import_files(engine, [files / "sessions.csv", files / "tutors.csv"])
    import_files(engine, [files / "students.csv"])
    pia = str(uuid.uuid5(NAMESPACE, "pia"))
    assert rows(engine, "SELECT DISTINCT student_id FROM sessions ORDER BY student_id") == [(pia,), ("visitor 9",)]
    assert counts(import_files(engine, [files / "sessions.csv"])) == [("sessions", 4, 0, 0, 4, 0)]


def test_progress_goes_up_to_the_whole_file(engine: Engine, files: Path) -> None:
    seen: list[tuple[str, int, float]] = []
    import_files(engine, [files / "tutors.csv"], lambda file, count, done: seen.append((file.name, count, done)))
    assert seen == [("tutors.csv", 2, 1.0)]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("sessions.csv", None, "does not exist"),
        ("sessions.csv", b"", "is empty"),
        ("sessions.csv", b"\n\n", "starts with an empty line"),
        ("sessions.csv", b"id;tutor_id\n1;2\n", "'id;tutor_id'.*separated by commas"),
        ("sessions.csv", b"id,tutor_id,student_id,status\n", "lacks column 'scheduled_time'"),
        ("tutors.csv", b"id,name,agee\n", "unknown column 'agee'"),
        ("tutors.csv", b"id,name,name\n", "'name' more than once"),
        ("tutors.csv", b"\xff\xfei\0d\0,\0", "unknown column"),
        ("tutors.csv", b'id,"name\n', "does not start with a header"),
        ("bookings.csv", b"id\n", "none of tutors, students and sessions"),
        ("tutors.parquet", b"id,name\n", "cannot be read as parquet"),
    ],
)
def test_a_file_that_is_none_is_refused_in_a_sentence(
    tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(RecordsError, match=said) as caught:
        import_files(NO_SERVER, [path])
    assert name in str(caught.value)


def test_a_row_longer_than_any_row_is_leaves_nothing(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "tutors.csv"
    path.write_bytes(b"id,name\na,b\nc,d" + b"x" * (17 * 1024 * 1024))
    with pytest.raises(RecordsError, match="cannot be read to its end"):
        import_files(engine, [path])
    assert rows(engine, "SELECT count(*) FROM imports") == [(0,)]
    assert rows(engine, "SELECT count(*) FROM tutors") == [(0,)]


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(RecordsError, match="holds no tutors, students or sessions"):
        import_files(NO_SERVER, [tmp_path])


def test_no_file_is_imported_where_one_has_a_wrong_header(engine: Engine, files: Path) -> None:
    (files / "sessions.csv").write_text("id,when\n")
    with pytest.raises(RecordsError, match="when"):
        import_files(engine, [files])
    assert rows(engine, "SELECT count(*) FROM tutors") == [(0,)]


def test_a_parquet_file_cut_short_leaves_nothing(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "tutors.parquet"
    pd.DataFrame({"id": [f"t{i}" for i in range(1000)], "name": "n"}).to_parquet(path)
    content = bytearray(path.read_bytes())
    content[40:600] = bytes(560)  # the footer still stands, the pages do not
    path.write_bytes(content)
    with pytest.raises(RecordsError, match="cannot be read to its end"):
        import_files(engine, [path])
    assert rows(engine, "SELECT count(*) FROM tutors") == [(0,)]


def test_a_killed_import_leaves_no_row_of_the_file(engine: Engine, database_url: URL, tmp_path: Path) -> None:
    """Killed when its rows have gone to the staging table and before they are merged."""
    (tmp_path / "tutors.csv").write_text("id,name\nann,Ann\n")
    path = tmp_path / "sessions.csv"
    with path.open("w") as file:
        file.write("id,tutor_id,student_id,scheduled_time,status,reason\n")
        for i in range(5_000):
            file.write(f"s{i},ann,v,2026-01-01T00:00:00Z,scheduled,{'x' * 120}\n")
    code = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from sqlalchemy import make_url\n"
        "from records.engine import create_app_engine\n"
        "from records.importing import import_files\n"
        "kill = lambda file, rows, done: os.kill(os.getpid(), signal.SIGKILL) if file.stem == 'sessions' else None\n"
        "import_files(create_app_engine(make_url(sys.argv[1])), [Path(sys.argv[2])], kill)\n"
    )
    url = database_url.render_as_string(hide_password=False)
    done = subprocess.run([sys.executable, "-c", code, url, str(tmp_path)], check=False, env=dict(os.environ))
    assert done.returncode == -9
    assert rows(engine, "SELECT count(*) FROM tutors") == [(1,)]
    assert rows(engine, "SELECT count(*) FROM sessions") == [(0,)]
    assert rows(engine, "SELECT kind FROM imports") == [("tutors",)]
    assert counts(import_files(engine, [path])) == [("sessions", 5_000, 5_000, 0, 0, 0)]


def test_a_database_that_is_away_is_a_sentence(tmp_path: Path) -> None:
    from records.engine import create_app_engine

    (tmp_path / "tutors.csv").write_text("id,name\nann,Ann\n")
    engine = create_app_engine(URL.create("postgresql+psycopg2", host=str(tmp_path), database="nowhere"))
    with pytest.raises(RecordsError, match="does not answer"):
        import_files(engine, [tmp_path])


def test_rejects_are_those_of_the_last_import_of_a_file(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "tutors.csv"
    path.write_text("id,name,age\na,A,200\nb,B,20\n")
    import_files(engine, [path])
    (rejected,) = list_rejects(engine)
    assert (rejected.file, rejected.line, rejected.row) == (str(path), 2, {"id": "a", "name": "A", "age": "200"})
    assert rejected.reason == "age is '200'; expected 0 to 120"
    path.write_text("id,name,age\na,A,20\nb,B,20\n")
    import_files(engine, [path])
    assert list_rejects(engine) == []
