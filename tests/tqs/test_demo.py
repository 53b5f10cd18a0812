"""`tqs demo --only-missing` twice, on different days."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine, text
from typer.testing import CliRunner

from records.load import write_world
from records.world import make_world
from tqs.cli.app import app

SMALL = ["demo", "--tutors", "3", "--students", "5", "--days", "30"]


@pytest.fixture(autouse=True)
def settings(database_url: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TQS_DATABASE_URL", database_url.render_as_string(hide_password=False))
    monkeypatch.setenv("TQS_HOME", str(tmp_path))


def read_ids(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.scalars(text("SELECT id::text FROM sessions ORDER BY 1")))


def test_a_world_of_another_day_is_left_alone_where_only_what_is_missing_is_wanted(engine: Engine) -> None:
    write_world(engine, make_world(3, 5, 30, end=date(2026, 1, 1)))
    before = read_ids(engine)
    done = CliRunner().invoke(app, [*SMALL, "--only-missing"])
    assert done.exit_code == 0
    assert "the database holds records already: left alone" in done.output
    assert read_ids(engine) == before
    assert CliRunner().invoke(app, SMALL).exit_code == 0
    assert set(read_ids(engine)).isdisjoint(before)


def test_one_record_is_a_record(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO students (name, source) VALUES ('Ann', 'api')"))
    assert CliRunner().invoke(app, [*SMALL, "--only-missing"]).exit_code == 0
    assert read_ids(engine) == []


def test_an_empty_database_is_filled(engine: Engine) -> None:
    assert CliRunner().invoke(app, [*SMALL, "--only-missing"]).exit_code == 0
    assert len(read_ids(engine)) > 0
