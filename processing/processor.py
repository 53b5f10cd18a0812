"""The resident processor: `python -m processing.processor`, the part `processor` of `tqs up`.

It processes sessions as soon as they are stored, sends the mails that are due, and looks after both from time to time.
Several may run at once. SIGINT and SIGTERM end it once the batch that it works on is done.
"""

from __future__ import annotations

import logging
import signal
import sys
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from threading import Event, Thread
from typing import Final

from sqlalchemy import Engine

from modelling.canary import check_artifact
from processing.drain import DrainReport, drain
from processing.upkeep import keep_up
from records.engine import explain_outage, open_databases
from records.listening import Listener
from records.work import CHANNEL
from reports.sending import send_all_due
from scoring.current_models import CurrentModels
from scoring.sessions import SESSION_TARGETS
from tqs.errors import TqsError
from tqs.private_logs import describe_error
from tqs.settings import Settings, load_settings

log: Final = logging.getLogger("tqs.processing")

POLL_S: Final = 1.0  # retries are due at their time, a notification may be lost, and a database may have been away
MAIL_POLL_S: Final = 2.0
UPKEEP_S: Final = 60.0
LAST_MAIL_S: Final = 3.0  # for the mail that is being sent when it is to end; tqs up kills after five


def run_processor(engine: Engine, settings: Settings, stop: Event) -> None:
    """Process and send until `stop` is set, which is seen within a second. A database that goes away is waited for."""
    models = CurrentModels(engine, settings, SESSION_TARGETS, check=check_artifact)
    # A mail server that hangs holds up nothing else.
    mails = Thread(target=_send, args=(engine, settings, stop), name="mails", daemon=True)
    mails.start()
    Thread(target=_keep_up, args=(engine, settings, stop), name="upkeep", daemon=True).start()
    answers = _Watch("processing", engine)
    with closing(Listener(engine, CHANNEL)) as listener:
        while not stop.is_set():
            if not answers.keep(lambda: _process(engine, settings, models, stop, listener)):
                time.sleep(POLL_S)  # not stop.wait, which a signal handler that sets it could block for ever
    mails.join(LAST_MAIL_S)


def _process(engine: Engine, settings: Settings, models: CurrentModels, stop: Event, listener: Listener) -> None:
    """Process what is due, then wait until there may be more."""
    done = drain(engine, settings, models, stop=stop.is_set)
    if done != DrainReport():
        log.info("%s", done)
    if not stop.is_set():
        listener.wait(POLL_S)


def _send(engine: Engine, settings: Settings, stop: Event) -> None:
    answers = _Watch("mails", engine)
    while not stop.is_set():
        answers.keep(lambda: _send_due(engine, settings, stop))
        stop.wait(MAIL_POLL_S)


def _keep_up(engine: Engine, settings: Settings, stop: Event) -> None:
    answers = _Watch("upkeep", engine)
    while not stop.is_set():
        answers.keep(lambda: keep_up(engine, settings, datetime.now(UTC)))
        stop.wait(UPKEEP_S)


def _send_due(engine: Engine, settings: Settings, stop: Event) -> None:
    report = send_all_due(engine, settings, stop=stop.is_set)
    if report.claimed:
        log.info("%s", report)


class _Watch:
    """Keeps a task going whatever happens in it, and says once that it fails and once that it does no more."""

    def __init__(self, name: str, engine: Engine) -> None:
        self._name = name
        self._engine = engine
        self._failing = False

    def keep(self, task: Callable[[], None]) -> bool:
        """Whether the task went well."""
        try:
            with explain_outage(self._engine):
                task()
        except Exception as error:  # noqa: BLE001  # it is tried again, until it is stopped
            self._tell(error)
            return False
        if self._failing:
            self._failing = False
            log.info("%s goes on", self._name)
        return True

    def _tell(self, error: Exception) -> None:
        if not self._failing:
            self._failing = True
            said = str(error) if isinstance(error, TqsError) else "\n" + "\n".join(describe_error(error))
            log.error("%s failed, to be tried again: %s", self._name, said)


def main() -> int:
    """Run until SIGINT or SIGTERM; the exit status. Settings come from the environment."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("tqs").setLevel(logging.INFO)
    stop = Event()
    try:
        settings = load_settings()
        with open_databases(settings) as databases:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: stop.set())
            log.info("ready")
            run_processor(databases.app, settings, stop)
    except TqsError as error:
        print(error, file=sys.stderr)  # noqa: T201  # the one line that a person sees
        return 1
    log.info("stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
