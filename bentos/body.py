"""Request bodies: counted as they arrive, and JSON that is checked before any handler sees it."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable, Container, Mapping, MutableMapping
from typing import Any, Final

from pydantic_core import from_json

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

BODY_SECONDS: Final = 30.0  # within which a body must have arrived
METHODS_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})

_FLATTEN: Final = bytes.maketrans(b"123456789E", b"000000000e")
# A number's end, not a text's: no quotation mark follows. Each begins with a fixed byte, which is found fast.
_LARGE_EXPONENT: Final = re.compile(rb"0e\+?000+(?=[\s,\]}]|\Z)")
_NUL: Final = re.compile(rb"\\(?<!\\\\)(?:\\\\)*u0000")  # after an odd number of backslashes
LARGE_BODY: Final = 64 * 2**10  # bytes; to check a larger one takes more than some milliseconds


class BodyError(Exception):
    """The body cannot be taken; `status` and the message say why."""

    def __init__(self, status: int, detail: str = "") -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


class ClientGone(Exception):  # noqa: N818  # nobody is left to be told of an error
    """The client closed the connection before its body was whole."""


class Unproven:
    """The bodies that are arriving from senders who have shown nothing yet: never more than `most` bytes in all.

    What is too much ends the reading of the body that has been arriving longest. However many others hold theirs back,
    a body that is sent at once is not among them; a slow one is, where so much has begun to arrive since.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._held: dict[asyncio.Timeout, int] = {}
        self._bytes = 0

    def hold(self, reading: asyncio.Timeout, size: int) -> None:
        """Of the body that is read within `reading` there are `size` bytes."""
        now = asyncio.get_running_loop().time()
        if (reading.when() or now) <= now:  # it has been ended, but may get a part more before it learns of it
            return
        self._bytes += size - self._held.get(reading, 0)
        self._held[reading] = size
        while self._bytes > self._most:
            longest = next(iter(self._held))
            self.release(longest)
            if not longest.expired():
                longest.reschedule(now)

    def release(self, reading: asyncio.Timeout) -> None:
        """The body is whole, or is no longer read."""
        self._bytes -= self._held.pop(reading, 0)


async def read_body(receive: Receive, declared: int | None, limit: int, unproven: Unproven | None = None) -> bytes:
    """The whole body.

    Parameters
    ----------
    declared: the Content-Length, None where the body comes in chunks.
    limit: bytes; a larger body is refused as soon as it is known to be larger.
    unproven: where the sender has shown nothing yet, those who are in the same position.

    Raises
    ------
    BodyError
        413 over the limit, 408 where it does not arrive within BODY_SECONDS.
    ClientGone
        where the client leaves.
    """
    if declared is not None and declared > limit:
        raise _too_large(limit)
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(BODY_SECONDS) as reading:
            try:
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ClientGone
                    chunks.append(message.get("body", b""))
                    size += len(chunks[-1])
                    if size > limit:
                        raise _too_large(limit)
                    if not message.get("more_body", False):
                        return b"".join(chunks)
                    if unproven is not None:
                        unproven.hold(reading, size)
            finally:
                if unproven is not None:
                    unproven.release(reading)
    except TimeoutError:
        raise BodyError(408) from None


def read_length(headers: Mapping[bytes, bytes]) -> int | None:
    """The Content-Length; None where there is none, or none that is a number."""
    length = headers.get(b"content-length", b"")
    return int(length[:20]) if length.isdigit() else None


async def check_body(headers: Mapping[bytes, bytes], repeated: Container[bytes], body: bytes) -> None:
    """Refuse a body that is no JSON; an empty one is none.

    headers: those of `credentials.gather_headers`, and the names of those that are `repeated`.

    Raises
    ------
    BodyError
        415 or 400, saying what is wrong with the body.
    """
    if not body:
        return
    kind, _, parameters = headers.get(b"content-type", b"").lower().partition(b";")
    plain = kind.strip() == b"application/json" and parameters.strip() in (b"", b"charset=utf-8")
    if not plain or b"content-type" in repeated:
        raise BodyError(415)
    if headers.get(b"content-encoding", b"identity").lower() != b"identity" or b"content-encoding" in repeated:
        raise BodyError(415, "Send the body as it is, without a Content-Encoding.")
    if len(body) > LARGE_BODY:
        await asyncio.to_thread(check_json, body)
    else:
        check_json(body)


def replay_body(body: bytes, receive: Receive) -> Receive:
    """A `receive` that hands out the body once and then waits for the client as the real one does."""
    handed_out = False

    async def replay() -> Message:
        nonlocal handed_out
        if handed_out:
            return await receive()
        handed_out = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def check_json(body: bytes) -> None:
    """Refuse what is no JSON of RFC 8259 in UTF-8, NaN and infinities (also as 1e999), NUL and lone surrogates.

    An object may name a member twice: the last one counts, for every reader in this service. Nesting ends at 200.

    Raises
    ------
    BodyError
        400, saying what and where, never quoting the body.
    """
    try:
        value = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise BodyError(400, f"The body is no JSON: {error}.") from None
    if _NUL.search(body):
        raise BodyError(400, "The body holds the character NUL, which no text may hold.")
    if _may_hold_infinity(body):
        _check_numbers(value)


def _may_hold_infinity(body: bytes) -> bool:
    """Whether there may be a number beyond a float, which jiter lets pass; a look that spares nearly all the walk."""
    flat = body.translate(_FLATTEN)
    return b"0" * 200 in flat or _LARGE_EXPONENT.search(flat) is not None


def _check_numbers(value: object) -> None:
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            waiting.extend(found.values())
        elif isinstance(found, list):
            waiting.extend(found)
        elif isinstance(found, float | int) and not abs(found) <= sys.float_info.max:
            raise BodyError(400, "The body holds a number beyond what a 64-bit float can hold.")


def _too_large(limit: int) -> BodyError:
    return BodyError(413, f"The body is larger than {limit // 2**20} MiB; send it in parts.")
