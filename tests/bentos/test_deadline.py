"""An answer that does not begin in time is a 504; a call that ended leaves nothing behind."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

import pytest

from bentos.deadline import Deadline
from tests.loops import run_coroutine

App = Callable[[Any, Any, Any], Awaitable[None]]
OK = {"type": "http.response.start", "status": 200, "headers": []}
BODY = {"type": "http.response.body", "body": b"hello"}


async def serve(app: App, seconds: float, scope: dict[str, Any] | None = None) -> list[Any]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    await Deadline(app, seconds)(scope or {"type": "http"}, None, send)
    return sent


async def answer(_: Any, __: Any, send: Any) -> None:
    await send(OK)
    await send(BODY)


def test_an_answer_in_time_passes() -> None:
    assert run_coroutine(serve(answer, 10)) == [OK, BODY]


def test_one_that_began_in_time_may_go_on() -> None:
    async def slow(_: Any, __: Any, send: Any) -> None:
        await send(OK)
        await asyncio.sleep(0.05)
        await send(BODY)

    assert run_coroutine(serve(slow, 0.01)) == [OK, BODY]


def test_one_that_is_late_is_a_504_and_what_comes_after_is_dropped() -> None:
    ended = asyncio.Event()

    async def stubborn(_: Any, __: Any, send: Any) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await send(OK)
            ended.set()
            raise RuntimeError from None

    async def run() -> list[Any]:
        sent = await serve(stubborn, 0.01)
        await ended.wait()
        return sent

    sent = run_coroutine(run())
    assert [message.get("status") for message in sent] == [504, None]


def test_an_exception_is_raised_at_once() -> None:
    async def broken(_: Any, __: Any, ___: Any) -> None:
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        run_coroutine(asyncio.wait_for(serve(broken, 100), 5))


def test_what_is_cancelled_above_is_cancelled_below() -> None:
    async def run() -> bool:
        begun, cancelled = asyncio.Event(), asyncio.Event()

        async def waiting(_: Any, __: Any, ___: Any) -> None:
            begun.set()
            try:
                await asyncio.Event().wait()
            finally:
                cancelled.set()

        task = asyncio.create_task(serve(waiting, 100))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(cancelled.wait(), 5)
        return True

    assert run_coroutine(run())


class Held:
    """Something that a call works with."""


OF_THIS_CALL: ContextVar[Held] = ContextVar("OF_THIS_CALL")


def test_nothing_of_a_call_is_kept_once_it_ended() -> None:
    async def call() -> weakref.ref[Held]:
        OF_THIS_CALL.set(Held())  # a timer keeps the context that it was made in
        await serve(answer, 100)
        return weakref.ref(OF_THIS_CALL.get())

    async def run() -> object:
        watched = await asyncio.create_task(call())
        await asyncio.sleep(0)  # the loop itself lets go of a task one round later
        gc.collect()
        return watched()

    assert run_coroutine(run()) is None


def test_other_connections_are_passed_on() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send(scope)

    assert run_coroutine(serve(app, 0, {"type": "lifespan"})) == [{"type": "lifespan"}]
