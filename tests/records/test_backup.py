from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from records.backup import back_up, restore
from tqs.errors import RecordsError


def names(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.scalars(text("SELECT name FROM tutors ORDER BY name")))


def add(engine: Engine, name: str) -> None:
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO tutors (name, source) VALUES (:name, 'api')"), {"name": name})


def test_a_restore_brings_back_what_was_there(engine: Engine, tmp_path: Path) -> None:
    add(engine, "Ann")
    file = tmp_path / "records.dump"
    back_up(engine, file)
    assert oct(file.stat().st_mode)[-3:] == "600"
    assert [path.name for path in tmp_path.iterdir()] == ["records.dump"]
    add(engine, "Bob")
    restore(engine, file)
    assert names(engine) == ["Ann"]
    add(engine, "Carl")
    assert names(engine) == ["Ann", "Carl"]


def test_a_file_that_is_no_backup_changes_nothing(engine: Engine, tmp_path: Path) -> None:
    add(engine, "Ann")
    file = tmp_path / "records.dump"
    file.write_text("hello")
    with pytest.raises(RecordsError, match="pg_restore failed"):
        restore(engine, file)
    with pytest.raises(RecordsError, match="does not exist"):
        restore(engine, tmp_path / "nothing")
    assert names(engine) == ["Ann"]


def test_a_backup_that_fails_leaves_the_older_one(engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "records.dump"
    file.write_text("older")
    away = type(engine)(engine.pool, engine.dialect, engine.url.set(database="nowhere"))
    with pytest.raises(RecordsError, match="nowhere"):
        back_up(away, file)
    assert file.read_text() == "older"
    assert [path.name for path in tmp_path.iterdir()] == ["records.dump"]
    with pytest.raises(RecordsError, match="cannot be written"):
        back_up(engine, tmp_path / "no folder" / "records.dump")
