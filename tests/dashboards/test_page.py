from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from sqlalchemy import create_engine

from dashboards.page import LivePage


def test_a_click_while_the_database_is_away_is_told_and_raises_nothing() -> None:
    engine = create_engine("postgresql://nobody@127.0.0.1:1/nothing")
    page: Any = object.__new__(LivePage)
    told: list[tuple[str, str]] = []
    page._context = SimpleNamespace(engine=engine)
    page._told = SimpleNamespace(tell=lambda sentence, tone: told.append((sentence, tone)))

    page.attempt(lambda: engine.connect().close())

    ((sentence, tone),) = told
    assert sentence.startswith("Not done: the database postgresql://nobody@127.0.0.1:1/nothing does not answer")
    assert tone == "bad"
    page.attempt(lambda: None)
    assert len(told) == 1
