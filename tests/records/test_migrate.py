"""Migrations: up, down, and what the tables in code and in the database have to do with each other."""

import re

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import URL, Engine, inspect, text

from records import migrate
from records.engine import create_app_engine
from records.migrate import current_revision, downgrade, head_revision, upgrade
from records.tables import metadata
from tests.conftest import temporary_database
from tqs.errors import RecordsError


def test_the_database_has_the_tables_of_the_code(engine: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(migrate.SCRIPTS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.check(config)  # raises where a table or a column differs


def test_checks_indexes_and_defaults_are_those_of_the_code(engine: Engine, server_url: URL) -> None:
    """What Alembic's own comparison leaves out: checks, partial indexes, sort orders, defaults."""
    with temporary_database(server_url) as database:
        made = create_app_engine(database)
        metadata.create_all(made)
        try:
            assert describe(engine) == describe(made)
        finally:
            made.dispose()


def describe(engine: Engine) -> dict[str, set[tuple[str, ...]]]:
    with engine.connect() as connection:
        return {
            name: {tuple(map(str, row)) for row in connection.execute(text(query))}
            for name, query in {
                "constraints": "SELECT conrelid::regclass, conname, pg_get_constraintdef(oid) FROM pg_constraint "
                "WHERE connamespace = 'public'::regnamespace AND contype <> 'n' AND conname NOT LIKE 'alembic%'",
                "indexes": "SELECT tablename, indexdef FROM pg_indexes "
                "WHERE schemaname = 'public' AND indexname NOT LIKE 'alembic%'",
                "columns": "SELECT table_name, column_name, data_type, is_nullable, column_default "
                "FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE 'alembic%'",
            }.items()
        }


def test_down_to_nothing_and_up_again(engine: Engine) -> None:
    assert downgrade(engine, "base") is None
    assert set(inspect(engine).get_table_names()) == {"alembic_version"}
    assert upgrade(engine) == head_revision()
    assert set(inspect(engine).get_table_names()) == {*metadata.tables, "alembic_version"}


def test_an_intervention_about_a_session_comes_to_be_about_its_tutor(engine: Engine) -> None:
    downgrade(engine, "0003")
    with engine.begin() as connection:
        connection.execute(
            text(
                """
                WITH tutor AS (INSERT INTO tutors (name, source) VALUES ('Ada', 'api') RETURNING id), session AS (
                    INSERT INTO sessions (tutor_id, student_id, scheduled_time, status, source)
                    SELECT id, 'x', '2026-03-11', 'scheduled', 'api' FROM tutor RETURNING id
                ) INSERT INTO interventions (session_id, kind, actor) SELECT id, 'reminder', 'ann' FROM session
                """
            )
        )
    upgrade(engine)
    with engine.connect() as connection:
        told = "SELECT name, kind, actor FROM interventions i JOIN tutors t ON t.id = i.tutor_id"
        assert connection.execute(text(told)).all() == [("Ada", "reminder", "ann")]


def test_decisions_on_models_that_are_still_there_come_to_name_their_bytes(engine: Engine) -> None:
    downgrade(engine, "0008")
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO models (target, version, booster, manifest, sha256, metrics) "
                f"VALUES ('match', 'v2', 'x', '', '{'ab' * 32}', '{{}}')"
            )
        )
        for target, version in (("match", "v1"), ("match", "v2"), ("no_show", "v2")):
            connection.execute(
                text(
                    "INSERT INTO model_decisions (target, version, decision, reason, actor, metrics) "
                    f"VALUES ('{target}', '{version}', 'kept', '?', 'gate', '{{}}')"
                )
            )
    upgrade(engine)
    with engine.connect() as connection:
        told = connection.execute(text("SELECT target, version, sha256 FROM model_decisions ORDER BY target, version"))
        assert told.all() == [("match", "v1", None), ("match", "v2", "ab" * 32), ("no_show", "v2", None)]


def test_up_twice_changes_nothing(engine: Engine) -> None:
    assert upgrade(engine) == upgrade(engine) == head_revision()


def test_a_schema_from_the_future_is_refused_and_left_alone(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for change in (upgrade, downgrade):
        with pytest.raises(RecordsError, match="schema 9999, which this version of tqs does not know"):
            change(engine)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT version_num FROM alembic_version")) == "9999"


def test_a_revision_that_does_not_exist_is_one_sentence(engine: Engine) -> None:
    for change, revision in ((upgrade, "nonsense"), (downgrade, "nonsense"), (downgrade, "-99"), (upgrade, "+99")):
        with pytest.raises(RecordsError, match=re.escape(f"the schema cannot go to {revision!r}")) as caught:
            change(engine, revision)
        assert "\n" not in str(caught.value)
    with engine.connect() as connection:
        assert current_revision(connection) == head_revision()
