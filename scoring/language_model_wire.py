"""The wire to a language model: an answer of bounded size, never one that unpacks to more than was sent."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import httpx2

from scoring.language_model import LanguageModelError

LARGEST_ANSWER: Final = 64 * 2**10  # bytes; an explanation has some hundred, what stands around it a few thousand


class BoundedTransport(httpx2.AsyncHTTPTransport):
    """HTTP as ever, but the body of every answer, errors included, ends at LARGEST_ANSWER bytes."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request.

        Raises
        ------
        LanguageModelError
            here where the answer is packed, and while it is read where it is larger than LARGEST_ANSWER.
        """
        request.headers["Accept-Encoding"] = "identity"
        response = await super().handle_async_request(request)
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            await response.aclose()
            raise LanguageModelError("the answer is packed")
        response.stream = _BoundedStream(response.stream)
        return response


class _BoundedStream(httpx2.AsyncByteStream):
    def __init__(self, stream: object) -> None:
        assert isinstance(stream, httpx2.AsyncByteStream)  # noqa: S101  # what an asynchronous transport gives
        self._stream = stream

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for part in self._stream:
            size += len(part)
            if size > LARGEST_ANSWER:
                raise LanguageModelError(f"the answer is larger than {LARGEST_ANSWER} bytes")
            yield part

    async def aclose(self) -> None:
        await self._stream.aclose()
