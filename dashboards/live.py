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
SHARED_S: Final = 2.0
LATE_S: Final = 1.0  # how long others wait for a page that is held up

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
        self._prepared = True
        self._pages: dict[Document, Callable[[], None]] = {}
        self._due: dict[Document, None] = {}  # of the round, in their order
        self._asked: set[Document] = set()  # to refresh, and have not begun
        self._current: Document | None = None
        self._next: object = None  # the time-out after which the next page has its turn
        self._spent_s = 0.0  # on the pages of the last round that are done
        self._in_round = False
        self._rounds = 0
        self._read: dict[Callable[[Engine], Any], tuple[float, Any]] = {}
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

    @property
    def rounds(self) -> int:
        """How often pages were told of something: what was read is of now while that stays the same."""
        return self._rounds

    def share(self, read: Callable[[Engine], T]) -> T:
        """What `read` gives, or gave any page in the last SHARED_S, if nothing changed since."""
        now = monotonic()
        found = self._read.get(read)
        if found is None or now - found[0] > SHARED_S:
            self._read = {one: kept for one, kept in self._read.items() if now - kept[0] <= SHARED_S}
            found = self._read[read] = (now, read(self._engine))
        value: T = found[1]
        return value

    def forget(self) -> None:
        """Something has changed, which those that listen are told of only later."""
        self._read.clear()

    def _listen(self) -> None:
        lost = False
        while not self._ending.is_set():
            try:
                told, lost = self._listener.wait(ATTENTION_S), False
            except Exception as error:  # noqa: BLE001  # whatever it was, pages must hear again when it is over
                if not lost and not isinstance(error, TqsError):
                    _log.exception("pages hear of no change")
                told, lost = not lost, True  # pages look once, and say and log an outage themselves
            if not lost and (told or monotonic() - self._prepared_at > self._poll_s):
                self._prepare_pages()
            if told:
                self._in_round, self._spent_s = True, 0.0
                self._loop.add_callback(self._refresh_pages)
            if told or lost:
                self._pause(monotonic())
        self._listener.close()

    def _prepare_pages(self) -> None:
        self._prepared_at = monotonic()
        try:
            self._prepare()
        except Exception as error:  # noqa: BLE001  # pages go on with what there was
            if self._prepared:
                _log.warning(
                    "what pages share could not be renewed: %s", error, exc_info=not isinstance(error, TqsError)
                )
            self._prepared = False
        else:
            self._prepared = True

    def _pause(self, begun: float) -> None:
        """Until the round that has `begun` is over, and for so long that it took a quarter of the time.

        Not for longer than `poll_s`, since a page may hang, and all look that often by themselves.
        """
        while (gone := monotonic() - begun) < self._poll_s:
            rest = max(PAUSE_S, 4 * self._spent_s) - gone
            if rest <= 0 and not self._in_round:
                return
            if self._ending.wait(max(rest, PAUSE_S / 10)):
                return

    def _refresh_pages(self) -> None:
        self._rounds += 1
        self.forget()
        self._due.update(dict.fromkeys(self._pages))
        if self._current is None:
            self._take_turn()

    def _take_turn(self) -> None:
        """One page after the other, and between them whatever visitors do.

        A page whose browser is slow to take what it is told holds up no other: it follows when it can.
        """
        self._current = next(iter(self._due), None)
        if self._current is None:
            self._in_round = False
            return
        self._next = self._loop.call_later(LATE_S, self._take_turn)
        del self._due[self._current]
        if self._current not in self._asked:
            self._asked.add(self._current)
            self._current.add_next_tick_callback(partial(self._refresh_page, self._current))

    def _refresh_page(self, document: Document) -> None:
        self._asked.discard(document)
        refresh = self._pages.get(document)
        if refresh is None:  # closed since
            return
        begun = monotonic()
        try:
            refresh()
        finally:
            spent = monotonic() - begun
            self._spent_s += spent
            if document is self._current:
                self._loop.remove_timeout(self._next)
                self._next = self._loop.call_later(spent, self._take_turn)

    def _forget(self, document: Document) -> None:
        self._pages.pop(document, None)
        self._due.pop(document, None)
        self._asked.discard(document)
