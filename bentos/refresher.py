"""Stale predictions of people who were changed, renewed beside the requests."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock
from typing import Final
from uuid import UUID

from sqlalchemy import Engine

from scoring.match_lists import Who
from scoring.models import ServedModel
from scoring.pair_refresh import refresh_stored

log: Final = logging.getLogger("bentoml.tqs")

REFRESH_AFTER_S: Final = 1.0  # so that changes that come together are answered by one refresh
REST: Final = 4.0  # times as long as a refresh took: renewing never takes more than a fifth of a processor


class Refresher:
    """Renews what is stored of people who were changed, one after the other, a little later and at leisure.

    Nothing is lost where the worker dies first: what was not renewed is stale, and made anew by whoever reads it.
    """

    def __init__(self, engine: Engine, model: Callable[[], ServedModel | None]) -> None:
        self._engine = engine
        self._model = model
        self._waiting: dict[tuple[Who, UUID], str] = {}
        self._working = False
        self._lock = Lock()
        self._stopped = Event()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="refresher")

    def ask(self, who: Who, person_id: UUID, actor: str) -> None:
        """Renew the stored predictions of a person soon; who waits already is not asked for twice. From any thread.

        actor: whose change it was, as the audit log names them.
        """
        with self._lock:
            self._waiting[who, person_id] = actor
            if self._working or self._stopped.is_set():
                return
            self._working = True
        self._pool.submit(self._work)

    def stop(self) -> None:
        """End after the one that is being renewed."""
        self._stopped.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _work(self) -> None:
        pause_s = REFRESH_AFTER_S
        while not self._stopped.wait(pause_s):
            with self._lock:
                if not self._waiting:
                    self._working = False
                    return
                person = next(iter(self._waiting))
                actor = self._waiting.pop(person)
            started = time.monotonic()
            self._refresh(*person, actor)
            pause_s = REST * (time.monotonic() - started)

    def _refresh(self, who: Who, person_id: UUID, actor: str) -> None:
        model = self._model()
        try:
            if model is not None:
                refresh_stored(self._engine, model, who, person_id, actor=actor)
        except Exception as error:  # noqa: BLE001  # whatever it is, the next reader makes them anew
            log.warning("the predictions of a %s were not renewed: %s", who, type(error).__name__)
