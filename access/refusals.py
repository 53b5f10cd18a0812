"""Refused calls in the audit log: added up by caller and minute, so that who knocks all day cannot fill it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from typing import Final, NamedTuple

from sqlalchemy import Engine, text

from access.audit import UNKNOWN, record_action
from access.keys import KEY_FORM, PREFIX_CHARS

OTHERS: Final = "other addresses"
MOST_A_MINUTE: Final = 100  # callers told apart; all others of the minute are added up in one row
MOST_WAITING: Final = 5_000  # rows while the database does not answer
MOST_PREFIXES: Final = 5
WRITE_TIMEOUT_MS: Final = 2_000


class Refusal(NamedTuple):
    """Who was refused what: the caller's name, "unknown" without a good key; what was done; the address."""

    actor: str
    action: str
    address: str


@dataclass(slots=True)
class _Tally:
    count: int = 0
    written: int = 0
    prefixes: set[str] = field(default_factory=set)


_Place = tuple[Refusal, datetime]  # whose refusals of which minute


class RefusalLog:
    """What was refused and is not yet, or not wholly, written. `note` and `write` may run in two threads."""

    def __init__(self) -> None:
        self._tallies: dict[_Place, _Tally] = {}
        self._minute = datetime.min.replace(tzinfo=UTC)
        self._told = 0  # callers of that minute
        self._lock = Lock()

    def note(self, refusal: Refusal, now: datetime, presented: str = "") -> None:
        """Count one. presented: the key, of which the prefix is told where it has the form of a key of ours."""
        minute = _minute_of(now)
        with self._lock:
            if minute != self._minute:
                self._minute, self._told = minute, 0
            tally = self._tallies.get((refusal, minute))
            if tally is None:
                self._told += 1
                if self._told > MOST_A_MINUTE or len(self._tallies) >= MOST_WAITING:
                    refusal = Refusal(UNKNOWN, refusal.action, OTHERS)
                tally = self._tallies.setdefault((refusal, minute), _Tally())
            tally.count += 1
            if len(tally.prefixes) < MOST_PREFIXES and KEY_FORM.fullmatch(presented):
                tally.prefixes.add(presented[:PREFIX_CHARS])

    def write(self, engine: Engine, now: datetime | None = None) -> None:
        """Add a row for each caller of a new minute; when the minute is over, one more for all that came after it.

        The counts of a caller's rows of a minute add up. What cannot be written is kept for the next time.
        """
        this_minute = _minute_of(now or datetime.now(UTC))
        with self._lock:
            due = [
                (place, tally, tally.count, sorted(tally.prefixes))
                for place, tally in self._tallies.items()
                if tally.count > tally.written and (not tally.written or place[1] < this_minute)
            ]
        if due:
            with engine.begin() as connection:
                connection.execute(text(f"SET LOCAL statement_timeout = {WRITE_TIMEOUT_MS}"))
                for (refusal, minute), tally, count, prefixes in due:
                    details = {"count": count - tally.written, "minute": minute.isoformat(), "prefixes": prefixes}
                    record_action(connection, refusal.actor, refusal.action, refusal.address, details)
        with self._lock:
            for _, tally, count, _ in due:
                tally.written = count
            self._tallies = {
                place: tally
                for place, tally in self._tallies.items()
                if place[1] >= this_minute or tally.count > tally.written
            }


def _minute_of(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)
