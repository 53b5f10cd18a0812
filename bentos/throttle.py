"""How often keys were refused from an address, counted over all workers of a machine."""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Final

from tqs.private_files import ensure_private_folder

REFUSALS_A_MINUTE: Final = 60
WINDOW_S: Final = 60
SLOTS: Final = 65_536  # addresses share a slot by chance; that can only ever throttle keys that are refused anyway
_SLOT: Final = struct.Struct("=II")  # start of the window in seconds since 1970, refusals in it


class RefusalCounter:
    """A table in a file that all workers map into memory: half a megabyte, whoever knocks.

    An address's window starts with its first refusal and lasts a minute.
    """

    def __init__(self, path: Path) -> None:
        ensure_private_folder(path.parent)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        os.ftruncate(self._file, SLOTS * _SLOT.size)
        self._table = mmap.mmap(self._file, SLOTS * _SLOT.size)

    def count_refusal(self, address: str, now: float) -> int:
        """Count one; returns for how many seconds the address is throttled, 0 where it is not (yet).

        now: seconds since 1970.
        """
        place = int.from_bytes(blake2b(address.encode(), digest_size=8).digest()) % SLOTS * _SLOT.size
        fcntl.flock(self._file, fcntl.LOCK_EX)
        try:
            start, refusals = _SLOT.unpack_from(self._table, place)
            if not 0 <= now - start < WINDOW_S:
                start, refusals = int(now), 0
            refusals = min(refusals + 1, 2**32 - 1)
            _SLOT.pack_into(self._table, place, start, refusals)
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)
        return 0 if refusals <= REFUSALS_A_MINUTE else max(1, int(start + WINDOW_S - now) + 1)

    def close(self) -> None:
        """Let go of the file."""
        self._table.close()
        with suppress(OSError):
            os.close(self._file)
