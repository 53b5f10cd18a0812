"""What is slow to read is read once for all pages, and anew when it is old."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import Engine

from dashboards import model_history
from dashboards.model_history import KEPT_S, ModelHistories, ModelHistory


def test_pages_that_ask_at_once_share_one_reading(monkeypatch: pytest.MonkeyPatch, engine: Engine) -> None:
    read: list[str] = []
    clock = [1000.0]

    def read_history(_engine: Engine, target: str, _now: object) -> ModelHistory:
        read.append(target)
        return ModelHistory((), (), None)

    monkeypatch.setattr(model_history, "_read_history", read_history)
    monkeypatch.setattr(model_history, "monotonic", lambda: clock[0])
    histories, together = ModelHistories(engine), Barrier(4)
    assert histories.peek("match") == (None, False)

    def ask(_number: int) -> ModelHistory:
        together.wait()
        return histories.read("match")

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(ask, range(4)))
    assert read == ["match"]
    assert histories.peek("match") == (answers[0], True)
    clock[0] += KEPT_S
    assert histories.peek("match") == (answers[0], False)
    histories.read("match")
    assert read == ["match", "match"]


def test_without_predictions_there_is_nothing_to_tell(engine: Engine) -> None:
    for target in ("match", "reschedule"):
        assert ModelHistories(engine).read(target) == ModelHistory((), (), None)
