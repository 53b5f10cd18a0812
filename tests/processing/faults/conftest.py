"""A ledger on a database of its own, and the environment of processes that work on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.processing.faults.clock import Clock
from tests.processing.faults.ledger import COACHES, Bad, Ledger
from tests.reports.smtp_server import smtp_server


@pytest.fixture
def ledger(engine: Engine) -> Iterator[Ledger]:
    """Four tutors of whom nothing was told yet, and a mail server."""
    with smtp_server() as server:
        ledger = Ledger(engine, server)
        ledger.hire(4)
        yield ledger


@pytest.fixture
def bad(ledger: Ledger) -> Bad:
    return Bad(ledger)


@pytest.fixture
def clock(ledger: Ledger) -> Clock:
    return Clock(ledger.engine)


@pytest.fixture
def environment(ledger: Ledger, tmp_path: Path) -> dict[str, str]:
    """Of processes that work on the ledger's sessions."""
    return work_on(ledger, tmp_path)


def work_on(ledger: Ledger, home: Path) -> dict[str, str]:
    return {
        "TQS_HOME": str(home),
        "TQS_DATABASE_URL": ledger.engine.url.render_as_string(hide_password=False),
        "TQS_SMTP_URL": f"{ledger.server.url}?timeout=5",
        "TQS_MAIL_FROM": "reports@example.com",
        "TQS_REPORT_RECIPIENTS": ",".join(COACHES),
        "TQS_REPORT_CAP": "100000",
    }
