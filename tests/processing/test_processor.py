"""The resident processor goes on with one thing whatever becomes of another."""

from __future__ import annotations

from threading import Event

import pytest

from processing.processor import run_processor
from tests.processing.conftest import Plant


def test_upkeep_goes_on_where_no_mail_can_be_sent(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    stop, kept = Event(), Event()

    def fail(*_: object, **__: object) -> None:
        raise OSError

    def keep_up(*_: object) -> None:
        kept.set()
        stop.set()

    monkeypatch.setattr("processing.processor.send_all_due", fail)
    monkeypatch.setattr("processing.processor.keep_up", keep_up)

    run_processor(plant.engine, plant.settings, stop)

    assert kept.is_set()
