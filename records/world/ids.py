"""Stable identifiers that look like UUIDv5 and are computed for a million rows at once."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from records.columns import Int64

_HEX_PAIRS = np.frombuffer("".join(f"{byte:02x}" for byte in range(256)).encode(), dtype="S2")
_DASHES = (8, 13, 18, 23)


def make_uuids(kind: str, seed: int, indices: Int64) -> NDArray[np.object_]:
    """UUID texts that depend on nothing but `kind`, `seed` and each index.

    Parameters
    ----------
    kind: what is named ("tutor", "student", "session"); another kind gives other ids.
    indices: int64, shape (n,).

    Returns
    -------
    Python strings, shape (n,), with the version and variant bits of UUIDv5.

    Notes
    -----
    Bits come from SplitMix64 (Steele, Lea and Flood 2014), keyed by BLAKE2b of kind and seed: cryptographic
    hashing of every row would take longer than the rest of the world.
    """
    key = np.uint64(int.from_bytes(blake2b(f"{kind}:{seed}".encode(), digest_size=8).digest(), "big"))
    counters = np.repeat(indices.astype(np.uint64) * np.uint64(2), 2)
    counters[1::2] += np.uint64(1)
    octets = _mix_bits(counters + key).astype(">u8").view(np.uint8).reshape(-1, 16)
    octets[:, 6] = (octets[:, 6] & 0x0F) | 0x50
    octets[:, 8] = (octets[:, 8] & 0x3F) | 0x80
    return _format_uuids(octets)


def fold_keys(*keys: Int64) -> Int64:
    """One number for each row of `keys` (int64, shape (n,)), another for other rows but by the chance of 2^-63."""
    folded = np.zeros(len(keys[0]), dtype=np.uint64)
    for key in keys:
        folded = _mix_bits(folded + key.astype(np.uint64))
    return folded.astype(np.int64)


def _mix_bits(counters: NDArray[np.uint64]) -> NDArray[np.uint64]:
    bits = counters * np.uint64(0x9E3779B97F4A7C15)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


def _format_uuids(octets: NDArray[np.uint8]) -> NDArray[np.object_]:
    digits = _HEX_PAIRS[octets].view(np.uint8).reshape(-1, 32)
    text = np.full((len(octets), 36), ord("-"), dtype=np.uint8)
    text[:, [place for place in range(36) if place not in _DASHES]] = digits
    return text.view("S36").ravel().astype("U36").astype(object)
