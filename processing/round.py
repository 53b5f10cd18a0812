"""One round of all there is to do: process what is due, keep up, send the mails that follow."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from sqlalchemy import Engine

from processing.drain import DrainReport, drain
from processing.upkeep import keep_up
from records.engine import is_outage
from reports.sending import SendingReport, send_all_due
from scoring.current_models import CurrentModels
from scoring.sessions import SESSION_TARGETS
from tqs.settings import Settings


def work_off(
    engine: Engine,
    settings: Settings,
    *,
    stop: Callable[[], bool] = lambda: False,
    progress: Callable[[DrainReport], None] | None = None,
) -> tuple[DrainReport, SendingReport]:
    """Process all that is due and send all mails that are due, until nothing is or `stop` says so.

    Whatever keeps sessions from being processed is raised after the rest is done, for the operator is to hear of it by
    mail; only a database that is away leaves nothing to be done.
    """
    failure: Exception | None = None
    done = DrainReport()
    try:
        done = drain(engine, settings, CurrentModels(engine, settings, SESSION_TARGETS), stop=stop, progress=progress)
    except Exception as error:
        if is_outage(error):
            raise
        failure = error
    keep_up(engine, settings, datetime.now(UTC))
    mails = send_all_due(engine, settings, stop=stop)
    if failure is not None:
        raise failure
    return done, mails
