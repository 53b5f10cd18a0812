"""How often passwords may be guessed: wrong ones are counted by address, and by address and login."""

from __future__ import annotations

from typing import Final

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

OF_LOGIN: Final = RateLimitItemPerMinute(5, namespace="login")  # from one address
OF_ADDRESS: Final = RateLimitItemPerMinute(20, namespace="address")  # whatever the logins


class GuessLimit:
    """The wrong passwords of the last minute. Who types the right one from another address is not held up."""

    def __init__(self) -> None:
        self._windows = MovingWindowRateLimiter(MemoryStorage())

    def is_reached(self, address: str, login: str) -> bool:
        """Whether nobody may try this login from this address for now."""
        free = self._windows.test(OF_LOGIN, address, login) and self._windows.test(OF_ADDRESS, address)
        return not free

    def note_wrong(self, address: str, login: str) -> None:
        """Count one."""
        self._windows.hit(OF_LOGIN, address, login)
        self._windows.hit(OF_ADDRESS, address)

    def forgive(self, address: str, login: str) -> None:
        """The right password was typed: the wrong ones before it were slips. Those of other logins still count."""
        self._windows.clear(OF_LOGIN, address, login)
