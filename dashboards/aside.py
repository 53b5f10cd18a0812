"""Work that takes too long to be done while pages wait: in a thread, and then back to the page that asked."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache, partial
from typing import Final, TypeVar

import panel as pn

WORKERS: Final = 4

T = TypeVar("T")


def do_aside(work: Callable[[], T], then: Callable[[Future[T]], None]) -> None:
    """Do `work` in a thread, and let the page of the current document go on with what came of it.

    then: given the work as it ended, with its result or what it raised; must not raise. Called between other events of
    the page, and not at all where that was closed meanwhile.
    """
    document = pn.state.curdoc

    def go_on(done: Future[T]) -> None:
        if document.session_context is not None and not document.session_context.destroyed:
            document.add_next_tick_callback(partial(then, done))

    _pool().submit(work).add_done_callback(go_on)


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(WORKERS, thread_name_prefix="aside")
