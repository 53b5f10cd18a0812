"""The real service, whose workers are killed while they take sessions in, with a processor beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from sqlalchemy import URL, Engine

from access.keys import create_key
from tests.bentos.conftest import serving, wait_until
from tests.processing.faults.conftest import work_on
from tests.processing.faults.ledger import Ledger
from tests.processing.faults.test_at_once import resident, settle
from tests.reports.smtp_server import smtp_server

POSTS = 20


@pytest.fixture
def ledger(engine: Engine) -> Iterator[Ledger]:
    with smtp_server() as server:
        ledger = Ledger(engine, server)
        ledger.hire(4)
        yield ledger


@pytest.mark.long
@pytest.mark.parametrize("point", ["intake.stored", "intake.committed"])
def test_workers_killed_while_they_take_sessions(ledger: Ledger, database_url: URL, tmp_path: Path, point: str) -> None:
    random = Random(point)
    environment = work_on(ledger, tmp_path)
    key = create_key(ledger.engine, "tests", scopes=["ingest"])
    kills = 0
    # Each worker dies at every fourth session that it takes; another takes its place.
    with (
        serving(database_url, tmp_path, TQS_FAILPOINT=f"{point}:4") as (url, _, _),
        resident(environment),
        httpx.Client(base_url=url, headers={"X-API-Key": key}, timeout=30) as client,
    ):
        for _ in range(POSTS):
            body = ledger.imagine(random)
            answers: list[Any] = []

            def post(body: dict[str, Any] = body, answers: list[Any] = answers) -> bool:
                try:
                    answers.append(client.post("/api/sessions", json=body).status_code)
                except httpx.TransportError:
                    answers.append(None)
                return answers[-1] == 202

            wait_until(post, 60)
            kills += answers.count(None) > 0
            ledger.accept(body)
        settle(ledger)
    assert kills >= 3
    ledger.check()
