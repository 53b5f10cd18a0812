from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

import pytest
from sqlalchemy import Engine

from access.audit import Deed
from dashboards import matching_predictions
from dashboards.matching_predictions import MissingPredictions
from scoring.match_people import StudentCard
from scoring.models import ServedModel
from tqs.errors import QueryError

ENGINE = cast(Engine, None)
ANNA, BEN = (
    StudentCard(UUID(int=number), name, *[None] * 8)  # type: ignore[arg-type]
    for number, name in enumerate(("Anna", "Ben"), start=1)
)
LEFT_OUT = ["tutor"] * 1200


@dataclass
class Model:
    version: str


OLD, NEW = (cast(ServedModel, Model(version)) for version in ("v1", "v2"))


class Threads:
    """Work that was begun and has not ended."""

    def __init__(self) -> None:
        self.begun: list[tuple[Callable[[], Any], Callable[[Future[Any]], None]]] = []
        self.predicted: list[tuple[UUID, str, int, Deed | None]] = []
        self.trouble: Exception | None = None

    def do(self, work: Callable[[], Any], then: Callable[[Future[Any]], None]) -> None:
        self.begun.append((work, then))

    def predict(self, _engine: Engine, model: Any, _who: str, one: UUID, others: list[str], *, deed: Deed) -> None:
        self.predicted.append((one, model.version, len(others), deed))
        if self.trouble is not None:
            raise self.trouble

    def end(self) -> None:
        work, then = self.begun.pop(0)
        done: Future[Any] = Future()
        done.set_result(work())
        then(done)


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> Threads:
    threads = Threads()
    monkeypatch.setattr(matching_predictions, "do_aside", threads.do)
    monkeypatch.setattr(matching_predictions, "predict_person", threads.predict)
    monkeypatch.setattr(matching_predictions, "explain_outage", lambda _engine: nullcontext())
    return threads


def test_what_is_missing_is_made_once_and_the_audit_log_knows_who_looked(threads: Threads) -> None:
    loads: list[int] = []
    missing = MissingPredictions(ENGINE, lambda: loads.append(1))
    for _load in range(3):
        missing.follow(OLD, ANNA, LEFT_OUT, "person vera")
    assert (len(threads.begun), missing.under_way) == (1, True)
    assert missing.view.object == "Anna is being predicted with 1,200 tutors …"

    threads.end()
    assert threads.predicted == [(ANNA.id, "v1", 1200, Deed("person vera", "refresh student", str(ANNA.id)))]
    assert (loads, missing.under_way) == ([1], False)
    missing.follow(OLD, ANNA, [], "person vera")
    assert not missing.view.visible
    missing.follow(OLD, ANNA, LEFT_OUT, "person vera")  # hours later, when they are out of date
    assert len(threads.begun) == 1


@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        (QueryError("the model is gone"), "the model is gone"),
        (ValueError("inner"), "something went wrong here, and the log of the dashboards says what"),
        (None, "the predictions were made, and are out of date again"),
    ],
)
def test_what_failed_is_told_and_not_tried_again(threads: Threads, trouble: Exception | None, told: str) -> None:
    threads.trouble = trouble
    missing = MissingPredictions(ENGINE, lambda: missing.follow(OLD, ANNA, LEFT_OUT, "person vera"))
    missing.follow(OLD, ANNA, LEFT_OUT, "person vera")
    threads.end()
    for _load in range(3):
        missing.follow(OLD, ANNA, LEFT_OUT, "person vera")

    assert (threads.begun, len(threads.predicted), missing.under_way) == ([], 1, False)
    assert missing.view.visible
    assert f"1,200 tutors are left out of it: {told}. Choose another" in missing.view.object
    missing.follow(NEW, ANNA, LEFT_OUT, "person vera")
    assert len(threads.begun) == 1
    missing.follow(NEW, BEN, LEFT_OUT, "person vera")  # meanwhile
    assert missing.view.object == "1,200 tutors are left out of it until another student is predicted …"
    threads.begun.clear()


def test_one_that_failed_is_tried_again_after_another_student(threads: Threads) -> None:
    threads.trouble = QueryError("no")
    missing = MissingPredictions(ENGINE, lambda: None)
    for student in (ANNA, BEN, ANNA):
        missing.follow(OLD, student, LEFT_OUT, "person vera")
        threads.end()
    assert [one for one, *_rest in threads.predicted] == [ANNA.id, BEN.id, ANNA.id]
