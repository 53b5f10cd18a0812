"""What a page shares with others: what it keeps of it, and what it leaves behind when it is closed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import panel as pn
import pytest
from bokeh.document import Document
from panel.io.state import set_curdoc
from sqlalchemy import Engine

from dashboards import page as pages
from dashboards.page import LivePage


def count_watchers() -> int:
    return sum(len(watchers) for watchers in pn.state.param.watchers.get("busy", {}).values())


def test_what_all_sessions_share_keeps_no_page(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "read_visitor", lambda _: SimpleNamespace(name="ann", role="viewer"))
    context: Any = SimpleNamespace(engine=engine, live=SimpleNamespace(rounds=0, keep=lambda _: None), zone="UTC")
    before = count_watchers()
    with set_curdoc(Document()):
        shown = LivePage(context, lambda: None).show("Overview")
    assert count_watchers() == before
    assert shown.busy is False


def test_what_was_shared_stays_until_the_records_may_have_changed(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "read_visitor", lambda _: SimpleNamespace(name="ann", role="viewer"))
    live = SimpleNamespace(rounds=0, keep=lambda _: None, share=lambda read: read(engine))
    context: Any = SimpleNamespace(engine=engine, live=live, zone="UTC")
    numbers, seen = iter(range(9)), []

    def read(_: Engine) -> int:
        return next(numbers)

    with set_curdoc(Document()):
        page = LivePage(context, lambda: seen.append(page.share(read)))
        page.show("Overview")
        seen.clear()
        page.ask()
        page.refresh()
        page.ask()
        live.rounds += 1  # a change was told of, and this page has its turn later
        page.ask()
    assert seen == [0, 1, 1, 2]
