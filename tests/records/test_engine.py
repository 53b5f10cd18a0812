"""What people are told when the server fails before or during the work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import SecretStr
from sqlalchemy import URL, Connection, Engine, create_engine, text
from sqlalchemy.exc import IntegrityError

from records.bulk import open_cursor
from records.engine import create_app_engine, explain_outage, open_databases
from records.importing import files as import_parts
from records.importing import import_files
from tqs.errors import RecordsError
from tqs.settings import Settings

NOT_THERE = "does not answer"


@pytest.fixture
def settings(database_url: URL, tmp_path: Path) -> Settings:
    url = SecretStr(database_url.render_as_string(hide_password=False))
    return Settings(home=tmp_path / "home", database_url=url)


@pytest.fixture
def second(database_url: URL) -> Iterator[Engine]:
    """A connection of another process, as far as the first can tell."""
    engine = create_engine(database_url, isolation_level="AUTOCOMMIT")
    yield engine
    engine.dispose()


def end_others(second: Engine) -> None:
    """End all other connections to the database, and wait until they are gone."""
    with second.connect() as connection:
        ended = connection.scalars(
            text(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        ).all()
    assert ended
    assert all(ended)


def run_in_transaction(engine: Engine, work: Callable[[Connection], object]) -> None:
    with engine.begin() as connection:
        work(connection)


def test_a_server_that_dies_during_an_import_is_one_sentence_and_leaves_nothing(
    settings: Settings, second: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_parts, "CHUNK_ROWS", 10)
    names = [f"Ann {number}" for number in range(50)]
    pq.write_table(pa.table({"id": names, "name": names}), tmp_path / "tutors.parquet")

    with pytest.raises(RecordsError, match=NOT_THERE) as caught, open_databases(settings) as databases:
        import_files(
            databases.app,
            [tmp_path / "tutors.parquet"],
            lambda _file, rows, _done: end_others(second) if rows == 20 else None,
        )

    assert "\n" not in str(caught.value)
    assert "Ann" not in str(caught.value)
    with second.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM tutors")) == 0


def test_copy_on_the_raw_cursor_is_explained_too(settings: Settings, second: Engine) -> None:
    class Source:
        """Rows for COPY; the server goes away between the first and the second."""

        given = 0

        def read(self, _size: int) -> str:
            self.given += 1
            if self.given == 2:
                end_others(second)
            return "some name\n" if self.given < 4 else ""

    def copy(connection: Connection) -> None:
        connection.execute(text("CREATE TEMP TABLE t (name text)"))
        with open_cursor(connection) as cursor:
            cursor.copy_expert("COPY t FROM STDIN", Source())

    with pytest.raises(RecordsError, match=NOT_THERE) as caught, open_databases(settings) as databases:
        run_in_transaction(databases.app, copy)

    assert "some name" not in str(caught.value)


def test_a_statement_on_a_cut_connection_is_explained(settings: Settings, second: Engine) -> None:
    def work(connection: Connection) -> None:
        connection.execute(text("SELECT 1"))
        end_others(second)
        connection.execute(text("SELECT 1"))

    with pytest.raises(RecordsError, match=NOT_THERE), open_databases(settings) as databases:
        run_in_transaction(databases.app, work)


def test_a_full_disk_is_a_refusal_and_not_an_absence(engine: Engine) -> None:
    fill = (
        "DO $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' "
        "USING ERRCODE = 'disk_full'; END $$"
    )
    said = r"refused \(could not extend file: No space left on device\)"
    with pytest.raises(RecordsError, match=said), explain_outage(engine):
        run_in_transaction(engine, lambda connection: connection.execute(text(fill)))
    with pytest.raises(RecordsError, match=said), explain_outage(engine):
        run_in_transaction(engine, lambda connection: open_cursor(connection).execute(fill))


def test_what_the_work_itself_raises_passes_untouched(settings: Settings) -> None:
    for error in (RecordsError("as it was"), ValueError("as it was")):
        with pytest.raises(type(error)) as caught, open_databases(settings):
            raise error
        assert caught.value is error


def test_an_error_that_the_work_handles_is_its_own(settings: Settings) -> None:
    with open_databases(settings) as databases:
        with pytest.raises(IntegrityError), databases.app.begin() as connection:
            connection.execute(text("INSERT INTO tutors (name, source) VALUES ('Ann', 'nobody')"))
        with pytest.raises(psycopg2.IntegrityError), databases.app.begin() as connection:
            open_cursor(connection).execute("INSERT INTO tutors (name, source) VALUES ('Ann', 'nobody')")


def test_errors_do_not_repeat_the_values(database_url: URL) -> None:
    engine = create_app_engine(database_url)
    with pytest.raises(IntegrityError) as caught, engine.begin() as connection:
        connection.execute(
            text("INSERT INTO tutors (name, email, source) VALUES ('Ann', :email, NULL)"), {"email": "x" * 321}
        )
    engine.dispose()
    assert "[SQL parameters hidden due to hide_parameters=True]" in str(caught.value)


def test_a_server_that_is_not_there(settings: Settings, tmp_path: Path) -> None:
    url = SecretStr(f"postgresql://ann:secret@/tqs?host={tmp_path}")
    with pytest.raises(RecordsError, match=NOT_THERE) as caught, open_databases(Settings(database_url=url)):
        pass
    assert "secret" not in str(caught.value)
