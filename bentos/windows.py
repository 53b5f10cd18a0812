"""Counts of the last seconds, shared by all workers of a machine without a server and without a lock.

A file that every worker maps into memory. Each worker writes to a lane of its own and reads all of them: a lock would
be a system call, during which Python gives way to a thread that computes, for milliseconds and with the lock held. Two
workers that take the last place in the same microsecond may both get it; nothing else is ever lost.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import Final

from limits.storage import MovingWindowSupport, Storage

from tqs.private_files import ensure_private_folder

PARTS: Final = 15  # of a window; what a part counted is forgotten as a whole, at most a part late
CELLS: Final = PARTS + 1
LANES: Final = 64  # as many as there may be workers
ROWS: Final = 2_048  # callers with calls within the window; a file of 16 MiB, of which the disk holds what is used
PROBES: Final = 8
_HEADER: Final = 512  # words of 8 bytes; the first says how many lanes were ever used
_ROW: Final = 1 + LANES * CELLS  # the caller's fingerprint, then each lane's cells: number of the part, count in it
_LOW: Final = 2**32 - 1
_KNOWN: Final = 10_000  # callers whose row is remembered


class SharedWindows(Storage, MovingWindowSupport):
    """A storage of `limits` for windows of one length. Lives in one thread.

    In no window of `seconds` are there more entries than the limit; a caller who asks all the time gets at least
    PARTS / CELLS of it (94 %).
    """

    def __init__(self, path: Path, seconds: int, clock: Callable[[], float] = time.time) -> None:
        super().__init__()
        self._seconds = seconds
        self._step = seconds / PARTS
        self._clock = clock
        ensure_private_folder(path.parent)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        size = (_HEADER + ROWS * _ROW) * 8
        os.ftruncate(self._file, size)
        self._map = mmap.mmap(self._file, size)
        self._words = memoryview(self._map).cast("Q")
        with _alone(self._file):
            self._lane = _take_lane(self._file)
            self._words[0] = min(max(self._words[0], self._lane + 1), LANES)
        self._rows: dict[str, tuple[int, int]] = {}

    @property
    def base_exceptions(self) -> type[Exception]:
        """What may go wrong here."""
        return OSError

    def acquire_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count `amount` more where that stays within `limit`; whether it did. expiry: the length of the window."""
        row, part = self._find_row(key), int(self._clock() / self._step)
        if sum(count for _, count in self._recent(row, part)) + amount > limit:
            return False
        self._add(row, part, amount)
        return True

    def get_moving_window(self, key: str, limit: int, expiry: int) -> tuple[float, int]:
        """When the oldest part that counts ended, in seconds since 1970, and how many entries count."""
        part = int(self._clock() / self._step)
        counted = self._recent(self._find_row(key), part)
        oldest = max((age for age, count in counted if count), default=0)
        return (part - oldest + 1) * self._step, sum(count for _, count in counted)

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count `amount` more, whatever the limit; returns how many entries count."""
        self._add(self._find_row(key), int(self._clock() / self._step), amount)
        return self.get(key)

    def get(self, key: str) -> int:
        """How many entries count."""
        return self.get_moving_window(key, 0, self._seconds)[1]

    def get_expiry(self, key: str) -> float:
        """When the oldest of them no longer counts, in seconds since 1970."""
        return self.get_moving_window(key, 0, self._seconds)[0] + self._seconds

    def check(self) -> bool:
        """Whether the file is there to count in."""
        return not self._map.closed

    def reset(self) -> int | None:
        """Forget all entries; returns of how many callers."""
        rows = range(_HEADER, _HEADER + ROWS * _ROW, _ROW)
        counted = [row for row in rows if self._words[row]]
        for row in counted:
            self._empty(row)
        return len(counted)

    def clear(self, key: str) -> None:
        """Forget the entries of one caller."""
        self._empty(self._find_row(key))

    def close(self) -> None:
        """Let go of the file, and of the lane."""
        self._words.release()
        self._map.close()
        with suppress(OSError):
            os.close(self._file)

    def _recent(self, row: int, part: int) -> list[tuple[int, int]]:
        """Age in parts and count of the cells that lie in the window. Parts of a clock that was set back do not."""
        words = self._words
        cells = words[row + 1 : row + 1 + words[0] * CELLS].tolist()
        return [(age, cell & _LOW) for cell in cells if (age := (part - (cell >> 32)) & _LOW) < CELLS]

    def _add(self, row: int, part: int, amount: int) -> None:
        place = row + 1 + self._lane * CELLS + part % CELLS
        number, cell = part & _LOW, self._words[place]
        before = cell & _LOW if cell >> 32 == number else 0
        self._words[place] = number << 32 | min(before + amount, _LOW)

    def _find_row(self, key: str) -> int:
        known = self._rows.get(key)
        if known is not None and self._words[known[0]] == known[1]:
            return known[0]
        fingerprint = int.from_bytes(blake2b(key.encode(), digest_size=8).digest()) | 1
        row = self._claim_row(fingerprint)
        if len(self._rows) >= _KNOWN:
            self._rows.clear()
        self._rows[key] = row, fingerprint
        return row

    def _claim_row(self, fingerprint: int) -> int:
        """The caller's row, else one that nobody's entries count in, else that of another caller, who starts anew."""
        part = int(self._clock() / self._step)
        start = fingerprint >> 1
        rows = [_HEADER + (start + i) % ROWS * _ROW for i in range(PROBES)]
        for row in rows:
            if self._words[row] == fingerprint:
                return row
        unused = (row for row in rows if not any(count for _, count in self._recent(row, part)))
        row = next(unused, rows[0])
        self._empty(row)
        self._words[row] = fingerprint
        return row

    def _empty(self, row: int) -> None:
        self._words[row] = 0
        for place in range(row + 1, row + 1 + self._words[0] * CELLS):
            self._words[place] = 0


@contextmanager
def _alone(file: int) -> Iterator[None]:
    """No other process is within this at the same time: of two that start at once, both must be counted as lanes."""
    fcntl.lockf(file, fcntl.LOCK_EX, 1, LANES)
    try:
        yield
    finally:
        fcntl.lockf(file, fcntl.LOCK_UN, 1, LANES)


def _take_lane(file: int) -> int:
    """The first lane that no living process holds; it is free again when this one ends, however it ends.

    The lock of a lane is the process's: no two processes get one lane, and a process has one object for a file.
    """
    for lane in range(LANES):
        try:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, lane)
        except OSError:
            continue
        return lane
    return LANES - 1
