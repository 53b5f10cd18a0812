"""What keeps open pages up to date: one listener of the database for all of them, and beneath it their own asking."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial
from typing import Final, Self

import panel as pn
from bokeh.document import Document
from sqlalchemy import Engine
from tornado.ioloop import IOLoop

from records.listening import CHANGES, Listener
from tqs.errors import TqsError

POLL_S: Final = 30.0
PAUSE_S: Final = 1.0  # changes that follow each other faster reach the pages together
ATTENTION_S: Final = 1.0  # how long ending may take

_log = logging.getLogger(__name__)


class Live:
    """Refreshes every open page when a commit tells of a change, when the database goes or comes, and every `poll_s`.

    To be entered while `loop` serves the pages.
    """

    def __init__(self, engine: Engine, loop: IOLoop, poll_s: float = POLL_S) -> None:
        self._listener = Listener(engine, CHANGES)
        self._loop = loop
        self._poll_s = poll_s
        self._pages: dict[Document, Callable[[], None]] = {}
        self._due: set[Document] = set()
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

    def _listen(self) -> None:
        lost = False
        while not self._ending.is_set():
            try:
                told, lost = self._listener.wait(ATTENTION_S), False
            except Exception as error:  # noqa: BLE001  # whatever it was, pages must hear again when it is over
                if not lost and not isinstance(error, TqsError):
                    _log.exception("pages hear of no change")
                told, lost = not lost, True  # pages look once, and say and log an outage themselves
            if told:
                self._loop.add_callback(self._refresh_pages)
            if told or lost:
                self._ending.wait(PAUSE_S)
        self._listener.close()

    def _refresh_pages(self) -> None:
        for document in self._pages:
            if document not in self._due:  # else a refresh that has not begun yet will see this change too
                self._due.add(document)
                document.add_next_tick_callback(partial(self._refresh_page, document))

    def _refresh_page(self, document: Document) -> None:
        self._due.discard(document)
        if document in self._pages:  # not closed since
            self._pages[document]()

    def _forget(self, document: Document) -> None:
        self._pages.pop(document, None)
        self._due.discard(document)
