"""Predictions of people who were changed are renewed beside the requests."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import Engine

import bentos.refresher
from bentos.refresher import Refresher
from scoring.pair_people import read_clock
from scoring.pairs import predict_pairs
from tests.bentos.conftest import wait_until
from tests.scoring.conftest import Records, serve, uid

RULE = serve("match", rule=True)


@pytest.fixture
def records(engine: Engine) -> Records:
    return Records(engine)


@pytest.fixture
def refresher(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Refresher]:
    monkeypatch.setattr(bentos.refresher, "REFRESH_AFTER_S", 0.0)
    refresher = Refresher(engine, lambda: RULE)
    yield refresher
    refresher.stop()


def make_stale(records: Records, *tutors: str) -> None:
    names = ", ".join(f"'{one}'" for one in tutors)
    records.execute(f"UPDATE tutors SET inputs_changed_at = clock_timestamp() WHERE id IN ({names})")


def stale(records: Records) -> int:
    query = "SELECT count(*) FROM match_predictions p JOIN tutors t ON t.id = p.tutor_id WHERE p.updated_at <= t."
    return int(records.rows(f"{query}inputs_changed_at")[0][0])


def test_what_is_stored_of_someone_is_renewed_soon(engine: Engine, records: Records, refresher: Refresher) -> None:
    records.student(1)
    tutors = [records.tutor(i) for i in range(3)]
    predict_pairs(engine, RULE, read_clock(engine))
    make_stale(records, *tutors[:2])
    assert stale(records) == 2

    for i in range(2):
        refresher.ask("tutor", uid("tutor", i), "ada")

    wait_until(lambda: stale(records) == 0, 60)
    assert records.rows("SELECT count(*) FROM match_predictions") == [(3,)]
    make_stale(records, *tutors)
    refresher.ask("student", uid("student", 1), "ada")
    wait_until(lambda: stale(records) == 0, 60)


def test_who_is_asked_for_time_and_again_is_renewed_once(
    engine: Engine, records: Records, refresher: Refresher, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[tuple[str, object]] = []

    def slow(_: Engine, __: object, who: str, person: object, *, actor: str) -> int:
        done.append((who, person))
        time.sleep(0.02)
        return 1

    monkeypatch.setattr(bentos.refresher, "refresh_stored", slow)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: refresher.ask("tutor", uid("tutor", i % 2), "ada"), range(200)))
    wait_until(lambda: not refresher._working, 60)
    assert {person for _, person in done} == {uid("tutor", 0), uid("tutor", 1)}
    assert len(done) < 50


def test_a_refresh_that_fails_stops_no_other(
    refresher: Refresher, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    done: list[object] = []

    def refuse_first(_: Engine, __: object, ___: str, person: object, *, actor: str) -> int:
        done.append(person)
        if len(done) == 1:
            raise ValueError("no")
        return 1

    monkeypatch.setattr(bentos.refresher, "refresh_stored", refuse_first)
    refresher.ask("tutor", uid("tutor", 0), "ada")
    refresher.ask("student", uid("student", 0), "ada")
    wait_until(lambda: done == [uid("tutor", 0), uid("student", 0)], 60)
    assert "a tutor were not renewed: ValueError" in caplog.text
