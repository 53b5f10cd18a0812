"""What keeps open pages up to date: one listener of the database for all of them, and beneath it their own asking."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial
from math import inf
from time import monotonic
from typing import Any, Final, Self, TypeVar

import panel as pn
from bokeh.document import Document
from sqlalchemy import Engine
from tornado.ioloop import IOLoop

from records.listening import CHANGES, Listener
from tqs.errors import TqsError

POLL_S: Final = 30.0
PAUSE_S: Final = 1.0  # at least: changes that follow each other faster reach the pages together
ATTENTION_S: Final = 1.0  # how long ending may take

T = TypeVar("T")

_log = logging.getLogger(__name__)


class Live:
    """Refreshes every open page when a commit tells of a change, when the database goes or comes, and every `poll_s`.

    To be entered while `loop` serves the pages. `prepare` is called by the thread that listens, before the pages are
    told of a change and every `poll_s`: for what takes too long to be done while pages wait.
    """

    def __init__(
        self, engine: Engine, loop: IOLoop, poll_s: float = POLL_S, prepare: Callable[[], None] = lambda: None
    ) -> None:
        self._engine = engine
        self._listener = Listener(engine, CHANGES)
        self._loop = loop
        self._poll_s = poll_s
        self._prepare = prepare
        self._prepared_at = -inf
        self._pages: dict[Document, Callable[[], None]] = {}
        self._due: set[Document] = set()
        self._spent_s = 0.0  # on the pages of the last round that are done
        self._busy_since: float | None = None  # on its next page
        self._in_round = False
        self._read: dict[Callable[[Engine], Any], Any] = {}  # in the last round
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="live", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()

    def keep(self, refresh: Callable[[], None]) -> None:
        """Call `refresh`, which must not raise, as long as the page of the current document is open."""
        document = pn.state.curdoc
        session = document.session_context.session

        def refresh_if_seen() -> None:
            if session.connection_count:  # none once the browser has left, a while before the session ends
                refresh()

        self._pages[document] = refresh_if_seen
        pn.state.on_session_destroyed(lambda _context: self._forget(document))
        pn.state.add_periodic_callback(refresh_if_seen, period=int(1000 * self._poll_s))

    def share(self, read: Callable[[Engine], T]) -> T:
        """What `read` gives: for all pages that are refreshed in one round the same, else read anew."""
        if not self._in_round:
            return read(self._engine)
        if read not in self._read:
            self._read[read] = read(self._engine)
        value: T = self._read[read]
        return value

    def _listen(self) -> None:
        lost = False
        while not self._ending.is_set():
            try:
                told, lost = self._listener.wait(ATTENTION_S), False
                if told or monotonic() - self._prepared_at > self._poll_s:
                    self._prepare()
                    self._prepared_at = monotonic()
            except Exception as error:  # noqa: BLE001  # whatever it was, pages must hear again when it is over
                if not lost and not isinstance(error, TqsError):
                    _log.exception("pages hear of no change")
                told, lost = not lost, True  # pages look once, and say and log an outage themselves
            if told:
                self._begin_round()
            if told or lost:
                self._pause(monotonic())
        self._listener.close()

    def _begin_round(self) -> None:
        self._spent_s, self._busy_since = 0.0, monotonic()
        self._loop.add_callback(self._refresh_pages)

    def _pause(self, begun: float) -> None:
        """Leave the loop free for as long as the round that has `begun` keeps it busy.

        Not for longer than `poll_s`, since a page may hang, and all look that often by themselves.
        """
        while (rest := min(max(PAUSE_S, 2 * self._measure_round()), self._poll_s) - (monotonic() - begun)) > 0:
            if self._ending.wait(rest):
                return

    def _measure_round(self) -> float:
        since = self._busy_since
        return self._spent_s + (0.0 if since is None else monotonic() - since)

    def _refresh_pages(self) -> None:
        self._read.clear()
        for document in self._pages:
            if document not in self._due:  # else a refresh that has not begun yet will see this change too
                self._due.add(document)
                document.add_next_tick_callback(partial(self._refresh_page, document))
        self._end_if_idle()

    def _refresh_page(self, document: Document) -> None:
        self._due.discard(document)
        if document not in self._pages:  # closed since
            self._end_if_idle()
            return
        begun = self._busy_since = self._busy_since or monotonic()
        self._in_round = True
        try:
            self._pages[document]()
        finally:
            self._in_round = False
            self._spent_s += monotonic() - begun
            self._busy_since = None

    def _forget(self, document: Document) -> None:
        self._pages.pop(document, None)
        self._due.discard(document)
        self._end_if_idle()

    def _end_if_idle(self) -> None:
        """A round whose last page was closed is over."""
        if not self._due and not self._in_round:
            self._busy_since = None
