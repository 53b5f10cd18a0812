"""Ids: a UUID stays what it is, any other text becomes a stable UUIDv5 of it."""

from __future__ import annotations

from hashlib import sha1
from typing import Any, Final
from uuid import UUID

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from records.columns import Bool

NAMESPACE: Final = UUID("6f1b6f0e-9a57-5c7d-8a5e-0d2f1c3b4a59")
_TEXT_LENGTH = 36
_DASHES = [8, 13, 18, 23]
_DIGITS = [i for i in range(_TEXT_LENGTH) if i not in _DASHES]
_NO_DIGIT = 255


def make_uuids(texts: pa.Array) -> NDArray[np.uint8]:
    """The UUID of each text, shape (n, 16); null gives zeros.

    A text that is no UUID of the form 8-4-4-4-12 becomes `uuid5(NAMESPACE, text)`, whatever file it stands in.
    """
    out, found = _parse(texts)
    others = np.flatnonzero(pc.is_valid(texts).to_numpy(zero_copy_only=False) & ~found)
    if len(others):
        out[others] = _hash(texts.take(pa.array(others)).to_pylist())
    return out


def make_uuid(text: str) -> UUID:
    """As `make_uuids`, of one text."""
    return UUID(bytes=make_uuids(pa.array([text]))[0].tobytes())


def is_uuid(texts: pa.Array) -> Bool:
    """Which texts are UUIDs of the form 8-4-4-4-12, in upper or lower case."""
    return _parse(texts)[1]


def write_hex(ids: NDArray[np.uint8]) -> pa.Array:
    """UUIDs, shape (n, 16), as texts of 32 hexadecimal digits, which PostgreSQL reads as uuid."""
    digits = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
    text = np.empty((len(ids), 32), dtype=np.uint8)
    text[:, 0::2], text[:, 1::2] = digits[ids >> 4], digits[ids & 15]
    offsets = np.arange(0, 32 * len(ids) + 1, 32, dtype=np.int32)
    return pa.StringArray.from_buffers(len(ids), pa.py_buffer(offsets), pa.py_buffer(text))


def _parse(texts: pa.Array) -> tuple[NDArray[np.uint8], Bool]:
    """The bytes of the texts that are UUIDs (zeros else), and which they are."""
    out = np.zeros((len(texts), 16), dtype=np.uint8)
    found = np.zeros(len(texts), dtype=bool)
    long = pc.fill_null(pc.equal(pc.binary_length(texts), _TEXT_LENGTH), False).to_numpy(zero_copy_only=False)
    candidates = np.flatnonzero(long)
    if len(candidates) == 0:
        return out, found
    value = np.full(256, _NO_DIGIT, dtype=np.uint8)
    for digit in range(16):
        value[ord(f"{digit:x}")] = value[ord(f"{digit:X}")] = digit
    raw = np.frombuffer("".join(texts.filter(pa.array(long)).to_pylist()).encode(), dtype=np.uint8)
    raw = raw.reshape(-1, _TEXT_LENGTH)
    digits = value[raw[:, _DIGITS]]
    good = (digits != _NO_DIGIT).all(axis=1) & (raw[:, _DASHES] == ord("-")).all(axis=1)
    rows = candidates[good]
    out[rows] = (digits[good, 0::2] << 4) | digits[good, 1::2]
    found[rows] = True
    return out, found


def _hash(texts: list[Any]) -> NDArray[np.uint8]:
    """RFC 9562 version 5: SHA-1 of namespace and name, cut to 16 bytes, with version and variant set."""
    space = NAMESPACE.bytes
    ids = np.frombuffer(b"".join([sha1(space + text.encode()).digest() for text in texts]), dtype=np.uint8)  # noqa: S324
    ids = ids.reshape(-1, 20)[:, :16].copy()
    ids[:, 6] = (ids[:, 6] & 0x0F) | 0x50
    ids[:, 8] = (ids[:, 8] & 0x3F) | 0x80
    return ids
