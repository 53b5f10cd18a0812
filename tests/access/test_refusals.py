"""Each refused call is told by the audit log, in so few rows that nobody can fill it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, text

from access.audit import UNKNOWN
from access.refusals import MOST_A_MINUTE, MOST_WAITING, OTHERS, Refusal, RefusalLog

MINUTE = datetime(2026, 11, 22, 12, 5, tzinfo=UTC)
KEY = "tqs_" + "aB3_-" * 8 + "xyz"
KNOCK = Refusal(UNKNOWN, "refuse key", "10.0.0.1")


def rows(engine: Engine) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        found = connection.execute(text("SELECT actor, action, subject, details FROM audit_log ORDER BY id"))
        return [tuple(row) for row in found]


def test_a_minute_s_refusals_are_two_rows_that_add_up(engine: Engine) -> None:
    log = RefusalLog()
    for second in range(50):
        log.note(KNOCK, MINUTE + timedelta(seconds=second), KEY)
        log.write(engine, MINUTE + timedelta(seconds=second))
    log.write(engine, MINUTE + timedelta(seconds=60))
    log.write(engine, MINUTE + timedelta(seconds=120))
    told = {"minute": "2026-11-22T12:05:00+00:00", "prefixes": [KEY[:12]]}
    assert rows(engine) == [
        ("unknown", "refuse key", "10.0.0.1", {"count": 1, **told}),
        ("unknown", "refuse key", "10.0.0.1", {"count": 49, **told}),
    ]


def test_callers_and_minutes_are_told_apart(engine: Engine) -> None:
    log = RefusalLog()
    log.note(KNOCK, MINUTE)
    log.note(KNOCK, MINUTE + timedelta(seconds=60))
    log.note(Refusal("rails", "refuse call", "10.0.0.1"), MINUTE)
    log.write(engine, MINUTE + timedelta(seconds=61))
    assert [(row[0], row[1], row[3]["count"]) for row in rows(engine)] == [
        ("unknown", "refuse key", 1),
        ("unknown", "refuse key", 1),
        ("rails", "refuse call", 1),
    ]


@pytest.mark.parametrize("presented", ["", "hunter2", KEY + "x", KEY[:-1], "tqs_" + "ä" * 43, "x" * 100_000])
def test_no_more_of_a_key_is_kept_than_a_prefix_of_ours(engine: Engine, presented: str) -> None:
    log = RefusalLog()
    log.note(KNOCK, MINUTE, presented)
    log.write(engine, MINUTE)
    assert rows(engine)[0][3]["prefixes"] == []


def test_an_attacker_with_many_addresses_cannot_fill_the_table(engine: Engine) -> None:
    log = RefusalLog()
    for i in range(3_000):
        log.note(Refusal(UNKNOWN, "refuse key", f"2001:db8::{i:x}"), MINUTE, f"tqs_{i:043}")
    log.write(engine, MINUTE)
    log.write(engine, MINUTE + timedelta(seconds=60))
    found = rows(engine)
    assert len(found) == MOST_A_MINUTE + 1
    assert found[-1][2:] == (
        OTHERS,
        {"count": 3_000 - MOST_A_MINUTE, "minute": MINUTE.isoformat(),
         "prefixes": [f"tqs_{i:043}"[:12] for i in range(100, 101)]},
    )  # fmt: skip


def test_a_database_that_is_gone_loses_nothing_and_memory_stays_bounded(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = RefusalLog()
    with monkeypatch.context() as patch:
        patch.setattr(engine, "begin", lambda: (_ for _ in ()).throw(OSError("gone")))
        for minute in range(100):
            at = MINUTE + timedelta(minutes=minute)
            for i in range(120):
                log.note(Refusal(UNKNOWN, "refuse key", f"10.0.0.{i}"), at)
            with pytest.raises(OSError, match="gone"):
                log.write(engine, at)
    assert len(log._tallies) <= MOST_WAITING + 100
    log.write(engine, MINUTE + timedelta(hours=3))
    assert sum(row[3]["count"] for row in rows(engine)) == 12_000
    assert log._tallies == {}
