"""What a call shows to be let in: a key in X-API-Key, or a bearer token where they are configured."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from access.keys import KEY_FORM
from access.ring import ApiKey, KeyRing
from access.tokens import TokenVerifier

# What something is decided by. A header that is there twice decides nothing: readers differ on which of them counts.
_DECISIVE: Final = frozenset(
    {
        b"x-api-key",
        b"authorization",
        b"origin",
        b"access-control-request-method",
        b"content-type",
        b"content-encoding",
        b"content-length",
        b"x-tqs-timestamp",
        b"x-tqs-signature",
    }
)
_BEARER: Final = b"bearer "

MISSING: Final = "The header X-API-Key is missing; an operator makes a key with `tqs keys create`."
REPEATED: Final = "The header {} is there more than once; send one."
BOTH: Final = "There are a key and a bearer token; send one of them."
BAD_KEY: Final = "The key in the header X-API-Key is not valid: unknown, revoked or expired."
BAD_BEARER: Final = "The bearer token is not valid: its signature, audience, issuer or time is not what is expected."


@dataclass(frozen=True, slots=True)
class Credential:
    """A key, a token, or neither; and what is wrong with it where it is not good."""

    fault: str
    key: str = ""
    token: str = ""

    @property
    def may_be_new(self) -> bool:
        """Whether it may be a key that was made after the ring was read."""
        return KEY_FORM.fullmatch(self.key) is not None

    def verify(self, keys: KeyRing | None, tokens: TokenVerifier | None, now: datetime) -> ApiKey | None:
        """Who calls; None where it is not good."""
        if self.key:
            return None if keys is None else keys.verify(self.key, now)
        return tokens.verify(self.token, now) if self.token and tokens is not None else None


def gather_headers(headers: Iterable[tuple[bytes, bytes]]) -> tuple[dict[bytes, bytes], frozenset[bytes] | set[bytes]]:
    """The decisive headers of a call, and the names of those that it has more than once."""
    found: dict[bytes, bytes] = {}
    repeated: set[bytes] | frozenset[bytes] = _NONE
    for name, value in headers:
        if name in _DECISIVE:
            if name in found:
                repeated = {*repeated, name}
            found[name] = value
    return found, repeated


def find_credential(
    headers: dict[bytes, bytes], repeated: frozenset[bytes] | set[bytes], tokens: TokenVerifier | None
) -> Credential:
    """What a call shows. Bearer tokens count only where `tokens` are configured."""
    key = headers.get(b"x-api-key")
    shown = headers.get(b"authorization", b"") if tokens is not None else b""
    token = shown[len(_BEARER) :].strip() if shown[: len(_BEARER)].lower() == _BEARER else b""
    if b"x-api-key" in repeated:
        return Credential(REPEATED.format("X-API-Key"))
    if token and b"authorization" in repeated:
        return Credential(REPEATED.format("Authorization"))
    if key is not None and token:
        return Credential(BOTH)
    if key is not None:
        return Credential(BAD_KEY, key=key.decode("latin-1"))
    return Credential(BAD_BEARER, token=token.decode("latin-1")) if token else Credential(MISSING)


_NONE: Final[frozenset[bytes]] = frozenset()
