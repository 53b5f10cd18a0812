"""Kept answers: always what was committed before the question, whoever committed it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
from sqlalchemy import URL, Engine, make_url, text

from bentos import answers
from bentos.answers import Answers
from bentos.snapshots import Snapshots
from tests.loops import run_coroutine
from tqs.errors import DatabaseDownError

ROWS = "SELECT coalesce(json_agg(prefix ORDER BY prefix), '[]')::text FROM api_keys WHERE name = $1"
CALLS = "SELECT $1::text || ' ' || clock_timestamp()::text"  # another text each time it is truly asked
Result = TypeVar("Result")


def ask(
    url: URL, conversation: Callable[[Answers], Awaitable[Result]], clock: Callable[[], float] | None = None
) -> Result:
    async def run() -> Result:
        reader = Answers(url) if clock is None else Answers(url, clock=clock)
        await reader.start()
        try:
            return await conversation(reader)
        finally:
            await reader.stop()

    return run_coroutine(run())


def add(engine: Engine, name: str, prefix: str) -> None:
    with engine.begin() as connection:
        insert = "INSERT INTO api_keys (name, hash, prefix, scopes) VALUES (:name, :name || :prefix, :prefix, '{read}')"
        connection.execute(text(insert), {"name": name, "prefix": prefix})


def test_what_another_connection_committed_is_in_the_next_answer(database_url: URL, engine: Engine) -> None:
    async def conversation(reader: Answers) -> list[bytes | None]:
        seen = [await reader.fetch(ROWS, "a")]
        for prefix in "xyz":
            add(engine, "a", prefix)
            seen.append(await reader.fetch(ROWS, "a"))
        return seen

    assert ask(database_url, conversation) == [b"[]", b'["x"]', b'["x", "y"]', b'["x", "y", "z"]']


def test_an_open_transaction_shows_when_it_commits_and_not_before(database_url: URL, engine: Engine) -> None:
    async def conversation(reader: Answers) -> list[bytes | None]:
        seen = []
        with engine.connect() as connection:
            insert = "INSERT INTO api_keys (name, hash, prefix, scopes) VALUES ('a', 'h', 'x', '{read}')"
            connection.execute(text(insert))
            seen += [await reader.fetch(ROWS, "a"), await reader.fetch(ROWS, "a")]
            connection.commit()
            seen += [await reader.fetch(ROWS, "a")]
        return seen

    assert ask(database_url, conversation) == [b"[]", b"[]", b'["x"]']


def test_without_a_commit_the_answer_is_kept_for_its_own_parameters(database_url: URL) -> None:
    async def conversation(reader: Answers) -> list[bytes | None]:
        return [await reader.fetch(CALLS, name) for name in ("a", "a", "b", "a")]

    # Autovacuum may commit at any moment, so a few rounds are allowed; without keeping none would ever agree.
    for _ in range(20):
        first, second, other, third = ask(database_url, conversation)
        assert other is not None
        assert other.startswith(b"b ")
        if first == second == third:
            return
    raise AssertionError("no answer was kept")


def test_an_answer_that_depends_on_the_time_is_asked_again_when_it_is_too_old(database_url: URL) -> None:
    now = 0.0

    async def conversation(reader: Answers) -> list[bytes | None]:
        nonlocal now
        seen = [await reader.fetch(CALLS, "a", max_age_s=1)]
        now = 1.0
        return [*seen, await reader.fetch(CALLS, "a", max_age_s=1)]

    first, second = ask(database_url, conversation, lambda: now)
    assert first != second


def test_null_and_no_row_are_none(database_url: URL) -> None:
    async def conversation(reader: Answers) -> list[bytes | None]:
        no_row = "SELECT prefix FROM api_keys WHERE name = $1"
        return [await reader.fetch(sql, "a") for sql in ("SELECT CASE WHEN $1 = 'b' THEN 'x' END", no_row, no_row)]

    assert ask(database_url, conversation) == [None, None, None]


def test_memory_is_bounded(database_url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "KEPT_BYTES", 100_000)

    async def conversation(reader: Answers) -> tuple[int, int, bool]:
        for number in range(50):
            await reader.fetch("SELECT repeat($1, 10000)", str(number % 10))
        counted = sum(answers._size(*entry) for entry in reader._kept.items())
        return reader._bytes, len(reader._kept), reader._bytes == counted

    held, entries, counted = ask(database_url, conversation)
    assert held <= 100_000
    assert 1 <= entries <= 10
    assert counted


def test_the_statements_count_too(database_url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "KEPT_BYTES", 100_000)

    async def conversation(reader: Answers) -> int:
        for number in range(20):
            await reader.fetch(f"SELECT '{number}'{' ' * 20_000}")
        return len(reader._kept)

    assert ask(database_url, conversation) == 4


def test_nothing_can_be_written(database_url: URL) -> None:
    async def conversation(reader: Answers) -> bytes | None:
        return await reader.fetch("WITH gone AS (DELETE FROM api_keys RETURNING 1) SELECT count(*)::text FROM gone")

    with pytest.raises(Exception, match=r"read-only|data-modifying"):
        ask(database_url, conversation)


def test_a_server_that_is_not_there_is_said_in_a_sentence() -> None:
    nowhere = make_url("postgresql+psycopg2://postgres@127.0.0.1:1/none?connect_timeout=3")
    with pytest.raises(DatabaseDownError, match="does not answer"):
        ask(nowhere, lambda reader: reader.fetch("SELECT '1'"))


def test_a_look_at_the_snapshot_that_hangs_keeps_nobody_from_reading(database_url: URL, engine: Engine) -> None:
    """As on a connection that is half open, while those of the pool are well."""

    async def hang() -> None:
        await asyncio.Event().wait()

    async def conversation(reader: Answers) -> list[bytes | None]:
        seen = [await reader.fetch(ROWS, "a")]
        reader._snapshots = Snapshots(hang, 0.01)
        add(engine, "a", "x")
        return [*seen, await reader.fetch(ROWS, "a"), await reader.fetch(ROWS, "a")]

    assert ask(database_url, conversation) == [b"[]", b'["x"]', b'["x"]']


def test_a_connection_that_was_cut_is_replaced(database_url: URL, engine: Engine) -> None:
    async def conversation(reader: Answers) -> bytes | None:
        await reader.fetch(ROWS, "a")
        with engine.begin() as connection:
            others = "pid <> pg_backend_pid() AND datname = current_database()"
            connection.execute(text(f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {others}"))
        for _ in range(answers.CONNECTIONS):
            try:
                return await reader.fetch(ROWS, "a")
            except DatabaseDownError:
                continue  # this one was cut; the pool drops it
        return await reader.fetch(ROWS, "a")

    assert ask(database_url, conversation) == b"[]"
