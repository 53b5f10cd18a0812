"""Tracebacks that name what failed and where, and quote nothing: an error's message may hold a name or an e-mail."""

from __future__ import annotations

import logging
import traceback


def leave_values_unlogged(logger: logging.Logger | logging.Handler) -> None:
    """From now on what `logger` says of an exception is its frames and types, without the messages of any."""
    logger.addFilter(_quote_nothing)


def _quote_nothing(record: logging.LogRecord) -> bool:
    if record.exc_info and record.exc_info[1] is not None:
        record.exc_text = "\n".join(describe_error(record.exc_info[1]))
        record.exc_info = None
    return True


def describe_error(error: BaseException) -> list[str]:
    """The lines of a traceback, with those of what led to it, that quote no message."""
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    before = [] if cause is None else [*describe_error(cause), "", "which led to", ""]
    frames = "".join(traceback.format_tb(error.__traceback__)).rstrip()
    kind = f"{type(error).__module__}.{type(error).__qualname__} (its message is left out: it may hold personal data)"
    return [*before, "Traceback (most recent call last):", frames, kind]
