"""What a worker knows of those who call it: tokens, limits, origins, and the notes of who used and who was refused."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Engine

from access.refusals import Refusal, RefusalLog
from access.tokens import configure_tokens
from access.usage import KeyUse
from bentos.body import Unproven
from bentos.throttle import REFUSALS, Throttle, read_rate_limit
from tqs.settings import Settings

REFUSALS_FILE: Final = "refused-keys.counts"
CALLS_FILE: Final = "calls.counts"
MOST_UNPROVEN: Final = 64 * 2**20  # bytes of webhooks that arrive at a time and may not be signed


class Gate:
    """The state of one worker process. All but `write_notes` is for the thread of the event loop.

    Raises
    ------
    SettingsError
        for a limit or for rules of tokens that cannot be used.
    """

    def __init__(self, settings: Settings) -> None:
        self.open_docs = settings.env == "development"
        self.origins = frozenset(origin.encode() for origin in settings.cors_origins)
        self.webhook_secrets = settings.webhook_secrets
        self.unproven = Unproven(MOST_UNPROVEN)
        self.tokens = configure_tokens(settings)
        self.use = KeyUse()
        limit = read_rate_limit(settings.rate_limit)
        self.refusals = Throttle(settings.home / REFUSALS_FILE, REFUSALS)
        self.calls = None if limit is None else Throttle(settings.home / CALLS_FILE, limit)
        self._refused = RefusalLog()

    def note_refusal(self, actor: str, action: str, address: str, now: datetime, presented: str = "") -> None:
        """Keep in mind for the audit log that a call was refused. presented: the key that was not good."""
        self._refused.note(Refusal(actor, action, address), now, presented)

    def write_notes(self, engine: Engine) -> None:
        """Write the audit log's rows of refused calls, and when each key was last used."""
        self._refused.write(engine)
        self.use.write(engine)

    def close(self) -> None:
        """Let go of the files."""
        self.refusals.close()
        if self.calls is not None:
            self.calls.close()
