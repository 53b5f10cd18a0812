"""What takes too long to be read while a page waits: kept, and renewed aside."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic
from typing import Final, Generic, TypeVar

SHARE: Final = 100  # at most a hundredth of the time is spent on reading

T = TypeVar("T")


class Kept(Generic[T]):
    """What `read` gave when it was last called.

    It is renewed by the thread that listens, before pages are told of a change, and the less often the longer it takes:
    where a second, every hundred seconds.
    """

    def __init__(self, read: Callable[[], T]) -> None:
        self._read = read
        self._rest_until = 0.0
        self._value: T | None = None

    def renew(self) -> None:
        """Read anew, unless it was done too short a while ago; from one thread."""
        begun = monotonic()
        if begun < self._rest_until:
            return
        try:
            self._value = self._read()
        finally:
            self._rest_until = begun + SHARE * (monotonic() - begun)

    @property
    def value(self) -> T | None:
        """As it was last read; None until it first was."""
        return self._value
