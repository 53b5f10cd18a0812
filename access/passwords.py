"""Passwords: generated, shown once, and stored as what scrypt makes of them (RFC 7914)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
from functools import cache
from typing import Final

ALPHABET: Final = "abcdefghijkmnpqrstuvwxyz23456789"  # 32 signs; without l, o, 0 and 1, which are mistaken for another
GROUPS: Final = 5
GROUP_CHARS: Final = 5  # 25 signs of 5 bits are 125 bits
LONGEST_TYPED: Final = 1_000  # characters: nothing longer is hashed

# What OWASP recommends for 16 MiB a hash; some 0.2 s on one core.
LOG_N: Final = 14
BLOCK: Final = 8
PARALLEL: Final = 5
MOST_MEMORY: Final = 64 * 1024 * 1024  # bytes
SALT_BYTES: Final = 16
HASH_BYTES: Final = 32


def generate_password() -> str:
    """A new password of 125 random bits, as `xxxxx-xxxxx-xxxxx-xxxxx-xxxxx`."""
    groups = ("".join(secrets.choice(ALPHABET) for _ in range(GROUP_CHARS)) for _ in range(GROUPS))
    return "-".join(groups)


def hash_password(password: str) -> str:
    """What is stored of a password: `scrypt$log2(N)$r$p$salt$hash`, the latter two in base64. Takes 0.2 s."""
    salt = secrets.token_bytes(SALT_BYTES)
    made = _stretch(password, salt, LOG_N, BLOCK, PARALLEL)
    return "$".join(("scrypt", str(LOG_N), str(BLOCK), str(PARALLEL), _encode(salt), _encode(made)))


def is_password(typed: str, stored: str | None) -> bool:
    """Whether `typed` is the password of which `stored` is what `hash_password` made, with the parameters it names.

    None, for those who have no password, is compared as well: how long it takes tells nothing about who has one.
    """
    _, log_n, block, parallel, salt, known = (stored or _nobodys()).split("$")
    typed = typed if len(typed) <= LONGEST_TYPED else ""
    made = _stretch(typed, base64.b64decode(salt), int(log_n), int(block), int(parallel))
    return hmac.compare_digest(made, base64.b64decode(known)) and stored is not None


@cache
def _nobodys() -> str:
    return hash_password(generate_password())


def _stretch(password: str, salt: bytes, log_n: int, block: int, parallel: int) -> bytes:
    typed = password.encode("utf-8", "surrogatepass")
    return hashlib.scrypt(typed, salt=salt, n=2**log_n, r=block, p=parallel, maxmem=MOST_MEMORY, dklen=HASH_BYTES)


def _encode(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")
