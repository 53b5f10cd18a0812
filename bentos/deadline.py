"""How long a call may take until its answer begins.

In the place of BentoML's own layer, which keeps the timer of each call, and all that the call held, for the whole time
that it might have taken: 60,000 calls at 2,000 a second, and with so many objects a collection of garbage stops every
request for half a second. Its client also waits for the whole of that time where the application raises.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextvars import Context
from typing import Any

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Deadline:
    """The ASGI layer. What is too late is cancelled and answered 504; a thread that computes ends by itself."""

    def __init__(self, app: Callable[..., Awaitable[None]], seconds: float) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: MutableMapping[str, Any], receive: object, send: Send) -> None:
        """Serve one connection of any kind."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        loop = asyncio.get_running_loop()
        in_time: asyncio.Future[bool] = loop.create_future()
        # A timer keeps the context that it was made in, asyncio's also for a while after it was cancelled.
        timer = loop.call_later(self._seconds, _decide, in_time, False, context=Context())

        async def send_in_time(message: MutableMapping[str, Any]) -> None:
            _decide(in_time, True)
            if in_time.result():
                await send(message)

        async def run() -> None:
            try:
                await self._app(scope, receive, send_in_time)
            finally:
                _decide(in_time, True)
                timer.cancel()

        call = loop.create_task(run())
        try:
            if await in_time:
                await call
                return
        except asyncio.CancelledError:
            call.cancel()
            raise
        call.add_done_callback(_look_at_error)
        call.cancel()
        await send({"type": "http.response.start", "status": 504, "headers": []})
        await send({"type": "http.response.body", "body": b""})


def _decide(future: asyncio.Future[bool], answer: bool) -> None:
    if not future.done():
        future.set_result(answer)


def _look_at_error(call: asyncio.Task[None]) -> None:
    """Nobody waits for it any more; asyncio would log it as one that nobody ever looked at."""
    if not call.cancelled():
        call.exception()
