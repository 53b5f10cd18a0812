"""What must hold before the service starts, and what its log leaves out."""

from __future__ import annotations

import logging
import sys

from pydantic import ValidationError

from access.ring import read_key_ring
from access.tokens import configure_tokens
from bentos.throttle import read_rate_limit
from records.engine import explain_outage, open_databases
from tqs.errors import SettingsError, TqsError
from tqs.private_logs import leave_values_unlogged
from tqs.settings import Settings, load_settings


def check_start() -> None:
    """End the process with one sentence where the service cannot serve: a wrong setting, no database, no key.

    Runs once, in the process that starts the workers, and brings the database's schema up to date.
    """
    try:
        require_key(load_settings())
    except TqsError as error:
        print(f"tqs: {error}", file=sys.stderr)  # noqa: T201  # before any logging, to whoever started it
        sys.exit(1)


def check_settings(settings: Settings) -> None:
    """Raise SettingsError where a limit or the rules of tokens cannot be used."""
    configure_tokens(settings)
    read_rate_limit(settings.rate_limit)


def require_key(settings: Settings) -> None:
    """Refuse a service that nobody could call.

    Raises
    ------
    TqsError
        where there is no key that is good, a limit or the rules of tokens cannot be used, or the database cannot.
    """
    check_settings(settings)
    with open_databases(settings) as databases, explain_outage(databases.app), databases.app.connect() as connection:
        if not len(read_key_ring(connection, settings.api_key)):
            raise SettingsError(
                "the service has no API key, so nobody could call it; make one with "
                "`tqs keys create NAME --scope read`, or set TQS_API_KEY"
            )


def leave_client_errors_unlogged() -> None:
    """Keep BentoML from logging a traceback for each request that a client got wrong, and values in any."""
    logger = logging.getLogger("bentoml._internal.server.http_app")
    logger.addFilter(_is_our_fault)
    for one in (logger, logging.getLogger("bentoml.tqs")):
        leave_values_unlogged(one)


def _is_our_fault(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], ValidationError))
