"""Commits tell of what pages show, and a listener hears of it whatever becomes of its connection."""

from __future__ import annotations

import os
import resource
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest
from sqlalchemy import Engine, text

from records.listening import CHANGES, Listener
from tests.conftest import connect_as_owner
from tqs.errors import RecordsError

ALMA = "00000000-0000-0000-0000-00000000000a"
PATIENCE_S = 60.0  # never waited for: only a test that fails takes that long

ADD_TUTOR = f"INSERT INTO tutors (id, name, source) VALUES ('{ALMA}', 'Alma', 'api')"
ADD_SCORES = f"""
    INSERT INTO tutor_scores (tutor_id, total_sessions_7d, total_sessions_30d, total_sessions_90d, no_shows_90d,
        tutor_reschedules_7d, tutor_reschedules_30d, tutor_reschedules_90d, is_high_risk, risk_threshold,
        last_calculated_at)
    VALUES ('{ALMA}', 1, 1, 1, 0, 0, 0, 0, false, 15, now())"""
TOLD = {
    "a new tutor": "INSERT INTO tutors (name, source) VALUES ('Bert', 'api')",
    "another name": "UPDATE tutors SET name = 'Alba'",
    "a removal": "UPDATE tutors SET is_active = false",
    "other scores": "UPDATE tutor_scores SET reschedule_rate_30d = 20",
    "scores gone": "DELETE FROM tutor_scores",
    "all gone": "TRUNCATE tutors CASCADE",
}
UNTOLD = {
    "another table": "INSERT INTO students (name, source) VALUES ('Mia', 'api')",
    "not shown": "UPDATE tutors SET inputs_changed_at = now()",
    "the same name": "UPDATE tutors SET name = name, email = email, is_active = is_active",
    "a tutor that is there": f"{ADD_TUTOR} ON CONFLICT DO NOTHING",
    "scores that are there": f"{ADD_SCORES} ON CONFLICT (tutor_id) DO UPDATE SET is_high_risk = true WHERE false",
    "no new scores": "INSERT INTO tutor_scores SELECT * FROM tutor_scores WHERE false",
    "the name of nobody": "UPDATE tutors SET name = 'Alba' WHERE false",
    "scores of nobody": "UPDATE tutor_scores SET reschedule_rate_30d = 20 WHERE false",
    "nobody gone": "DELETE FROM tutors WHERE false",
    "no scores gone": "DELETE FROM tutor_scores WHERE false",
}


@pytest.fixture
def listener(engine: Engine) -> Iterator[Listener]:
    """Connected, with Alma and her scores there already."""
    change(engine, ADD_TUTOR, ADD_SCORES)
    listener = Listener(engine, CHANGES)
    assert listener.wait(0)
    yield listener
    listener.close()


def change(engine: Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


@pytest.mark.parametrize("statement", TOLD.values(), ids=TOLD)
def test_every_change_of_what_pages_show_is_told(engine: Engine, listener: Listener, statement: str) -> None:
    change(engine, statement)

    assert listener.wait(PATIENCE_S)
    assert not listener.wait(0)


def test_what_changes_nothing_that_pages_show_is_not_told(engine: Engine) -> None:
    change(engine, ADD_TUTOR, ADD_SCORES)
    with closing(engine.raw_connection()) as pooled, closing(pooled.cursor()) as cursor:
        connection: Any = pooled.driver_connection
        pooled.detach()
        cursor.execute(f"LISTEN {CHANGES}")
        connection.commit()

        for name, statement in UNTOLD.items():
            change(engine, statement)
            change(engine, f"NOTIFY {CHANGES}, '{name}'")

        while len(connection.notifies) < len(UNTOLD):
            cursor.execute("SELECT")
            connection.commit()
        assert [told.payload for told in connection.notifies] == list(UNTOLD)


def test_many_statements_are_told_once_and_only_by_their_commit(engine: Engine, listener: Listener) -> None:
    with engine.connect() as connection:
        connection.execute(text("UPDATE tutors SET name = 'Alba'"))
        connection.execute(text("UPDATE tutor_scores SET total_sessions_7d = 2"))
        assert not listener.wait(0)
        connection.commit()
        assert listener.wait(PATIENCE_S)
        connection.execute(text("UPDATE tutors SET name = 'Alma'"))
        connection.rollback()
    assert not listener.wait(0)


def test_a_listener_that_waits_is_woken(engine: Engine, listener: Listener) -> None:
    heard: list[bool] = []
    thread = threading.Thread(target=lambda: heard.append(listener.wait(PATIENCE_S)))
    thread.start()
    change(engine, "UPDATE tutors SET name = 'Alba'")
    thread.join(PATIENCE_S)

    assert heard == [True]


def test_a_cut_connection_is_said_once_and_made_anew(engine: Engine, listener: Listener) -> None:
    with connect_as_owner(engine.url) as run:
        run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            f"WHERE query = 'LISTEN {CHANGES}' AND datname = '{engine.url.database}'"
        )

    with pytest.raises(RecordsError, match="does not answer"):
        wait_until_told(listener)
    assert listener.wait(0)  # something may have been told meanwhile
    assert not listener.wait(0)
    change(engine, "UPDATE tutors SET name = 'Alba'")
    assert listener.wait(PATIENCE_S)


def wait_until_told(listener: Listener) -> None:
    while not listener.wait(PATIENCE_S):
        pass


def test_it_keeps_no_connection_of_the_pool(engine: Engine, listener: Listener) -> None:
    assert engine.pool.checkedout() == 0  # type: ignore[attr-defined]  # of QueuePool, which an engine has by default


def test_it_listens_where_a_process_has_many_files_open(engine: Engine) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with ExitStack() as opened:
        if soft < 2_000:
            resource.setrlimit(resource.RLIMIT_NOFILE, (2_000, hard))
            opened.callback(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        while opened.enter_context(open(os.devnull)).fileno() < 1_100:
            pass
        listener = opened.enter_context(closing(Listener(engine, CHANGES)))
        assert listener.wait(0)
        change(engine, ADD_TUTOR)
        assert listener.wait(PATIENCE_S)
