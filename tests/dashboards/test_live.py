"""How often open pages are refreshed, and what they read together."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import pairwise
from time import monotonic
from typing import Any

import panel as pn
import pytest
from sqlalchemy import Engine, text
from tornado.ioloop import IOLoop

from dashboards import live
from dashboards.live import Live

PATIENCE_S = 60.0  # never waited for: only a test that fails takes that long


class Document:
    """Of a browser: it runs what is to be done on its page when the loop gets there, as Bokeh's does."""

    def __init__(self, loop: IOLoop) -> None:
        self.add_next_tick_callback = loop.add_callback
        self.session_context = self
        self.session = self
        self.connection_count = 1


class Browsers:
    """Pages that are open, and the loop that serves them."""

    def __init__(self, engine: Engine, loop: IOLoop, monkeypatch: pytest.MonkeyPatch) -> None:
        self.live, self.loop = Live(engine, loop), loop
        self._monkeypatch = monkeypatch
        monkeypatch.setattr(pn.state, "add_periodic_callback", lambda *_, **__: None)
        monkeypatch.setattr(pn.state, "on_session_destroyed", lambda _: None)

    def open(self, refresh: Callable[[], None], **document: Any) -> None:
        with self._monkeypatch.context() as patch:
            opened = Document(self.loop)
            vars(opened).update(document)
            patch.setattr(type(pn.state), "curdoc", opened)
            self.live.keep(refresh)

    def serve_until(self, done: threading.Event) -> None:
        """In a thread of its own: browsers that other tests drive have a loop in this one."""

        def serve() -> None:
            self.loop.make_current()
            self.loop.start()

        thread = threading.Thread(target=serve)
        thread.start()
        with self.live:
            ended = done.wait(PATIENCE_S)
        self.loop.add_callback(self.loop.stop)
        thread.join()
        assert ended


@pytest.fixture
def browsers(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Any:
    loop = IOLoop(make_current=False)
    yield Browsers(engine, loop, monkeypatch)
    loop.close()


def change(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO tutors (name, source) VALUES ('Ann', 'api')"))


def test_a_round_takes_a_quarter_of_the_time(
    engine: Engine, browsers: Browsers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "PAUSE_S", 0.01)
    begun: list[float] = []
    spent: list[float] = []
    done = threading.Event()

    def refresh() -> None:
        begun.append(monotonic())
        if len(begun) == 1:
            change(engine)  # told while the first round runs
        if len(begun) > 4:
            done.set()
        threading.Event().wait(0.1)  # what a page takes
        spent.append(monotonic() - begun[-1])

    for _ in range(4):
        browsers.open(refresh)
    start = monotonic()
    browsers.serve_until(done)

    assert begun[4] - start >= 4 * sum(spent[:4])


def test_what_pages_share_is_read_once_a_round(engine: Engine, browsers: Browsers) -> None:
    read: list[Engine] = []
    shared: list[int] = []
    done = threading.Event()

    def count(engine: Engine) -> int:
        read.append(engine)
        return len(read)

    def refresh() -> None:
        shared.append(browsers.live.share(count))
        if len(shared) == 3:
            change(engine)
        if len(shared) == 6:
            done.set()

    for _ in range(3):
        browsers.open(refresh)
    browsers.serve_until(done)

    assert shared == [1, 1, 1, 2, 2, 2]
    assert set(read) == {engine}
    kept = browsers.live.share(count)
    browsers.live.forget()
    assert (kept, browsers.live.share(count)) == (2, 3)


def test_what_was_read_is_not_kept_for_long(
    engine: Engine, browsers: Browsers, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = iter(range(9))
    moment = 100.0
    monkeypatch.setattr(live, "monotonic", lambda: moment)
    first = browsers.live.share(take := lambda _: next(read))
    moment += live.SHARED_S
    second = browsers.live.share(take)
    moment += 0.1
    assert (first, second, browsers.live.share(take)) == (0, 0, 1)


def test_between_two_pages_of_a_round_visitors_have_their_turn(engine: Engine, browsers: Browsers) -> None:
    order: list[str] = []
    done = threading.Event()

    def refresh() -> None:
        if not order:  # from now on the loop has something else to do, as often as it gets to it
            browsers.loop.add_callback(act)
        order.append("page")

    def act() -> None:
        order.append("visitor")
        if order.count("page") == 3:
            done.set()
        else:
            browsers.loop.add_callback(act)

    for _ in range(3):
        browsers.open(refresh)
    browsers.serve_until(done)

    pages = [place for place, who in enumerate(order) if who == "page"]
    assert all("visitor" in order[one:other] for one, other in pairwise(pages))


def test_a_page_that_is_held_up_holds_up_no_other(
    engine: Engine, browsers: Browsers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "LATE_S", 0.01)
    monkeypatch.setattr(live, "PAUSE_S", 0.01)
    done = threading.Event()
    asked: list[Callable[[], None]] = []
    seen: list[str] = []

    def refresh() -> None:
        seen.append("free")
        if len(seen) == 3:
            done.set()
        change(engine)

    browsers.open(lambda: seen.append("held up"), add_next_tick_callback=asked.append)
    browsers.open(refresh)
    browsers.serve_until(done)

    assert seen[:3] == ["free"] * 3
    assert len(asked) == 1  # however many rounds: it will see all changes at once


def test_what_cannot_be_prepared_is_logged_once_and_disturbs_no_page(
    engine: Engine, browsers: Browsers, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(live, "PAUSE_S", 0.01)
    monkeypatch.setattr(live, "ATTENTION_S", 0.01)
    done = threading.Event()
    tried: list[int] = []
    seen: list[int] = []

    def fail() -> None:
        tried.append(len(seen))
        if len(tried) == 4:
            done.set()
        raise RuntimeError("the disk is full")

    browsers.live = Live(engine, browsers.loop, poll_s=0.05, prepare=fail)
    browsers.open(lambda: seen.append(1))
    browsers.serve_until(done)

    assert len(seen) <= 1  # told once, when the listener was connected
    assert [record.getMessage() for record in caplog.records if record.name == "dashboards.live"] == [
        "what pages share could not be renewed: the disk is full"
    ]
