"""Calls from scripts of other web pages: allowed from exactly the origins that are configured, else from none."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

Headers = list[tuple[bytes, bytes]]

# No cookies are used here, so no credentials are allowed: a page sends its key or token in a header.
PREFLIGHT: Final[Headers] = [
    (b"access-control-allow-methods", b"GET, POST, PATCH, DELETE"),
    (b"access-control-allow-headers", b"authorization, content-type, x-api-key"),
    (b"access-control-max-age", b"600"),
]
_VARY: Final = (b"vary", b"Origin")


def cors_headers(origins: Collection[bytes], origin: bytes | None) -> Headers:
    """What an answer to a page of `origin` carries; nothing where no origins are configured."""
    if not origins:
        return []
    if origin is None or origin not in origins:
        return [_VARY]
    return [(b"access-control-allow-origin", origin), (b"access-control-expose-headers", b"Retry-After"), _VARY]
