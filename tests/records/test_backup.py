from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect, text

from records.backup import back_up, restore
from records.migrate import current_revision, head_revision, upgrade
from records.tables import metadata
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


def add_later_schema(engine: Engine) -> None:
    """What a migration of a later version of this program might have made."""
    with engine.begin() as connection:
        connection.execute(text("CREATE TYPE later_kind AS ENUM ('a')"))
        connection.execute(text("CREATE TABLE later (kind later_kind, tutor_id uuid REFERENCES tutors (id))"))
        connection.execute(text("INSERT INTO later SELECT 'a', id FROM tutors"))
        connection.execute(text("ALTER TABLE tutors ADD COLUMN later text"))
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))


def test_a_restore_over_a_later_schema_leaves_nothing_of_it(engine: Engine, tmp_path: Path) -> None:
    add(engine, "Ann")
    for generation in range(2):  # the second backup is one of a restored database
        file = tmp_path / f"{generation}.dump"
        back_up(engine, file)
        add_later_schema(engine)
        restore(engine, file)
        assert set(inspect(engine).get_table_names()) == {*metadata.tables, "alembic_version"}
        with engine.connect() as connection:
            assert current_revision(connection) == head_revision()
        add_later_schema(engine)  # as the upgrade to it would: nothing of it is in the way
        restore(engine, file)
        upgrade(engine)
        assert names(engine) == ["Ann"]


def test_a_restore_that_fails_halfway_changes_nothing(engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "records.dump"
    with engine.begin() as connection:
        connection.execute(
            text(
                "CREATE FUNCTION fails(text) RETURNS boolean LANGUAGE plpgsql AS "
                "$$ BEGIN RETURN current_setting('tqs.fine')::boolean; END $$"
            )
        )
        connection.execute(text("SET LOCAL tqs.fine = 'true'"))
        connection.execute(text("INSERT INTO tutors (name, source) VALUES ('Ann', 'api')"))
        connection.execute(text("ALTER TABLE tutors ADD CONSTRAINT fails CHECK (public.fails(name))"))
    back_up(engine, file)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE tutors DROP CONSTRAINT fails"))
    add(engine, "Bob")
    with pytest.raises(RecordsError, match=r"psql failed .*ERROR.*tqs.fine.*nothing has been changed"):
        restore(engine, file)
    assert names(engine) == ["Ann", "Bob"]


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
