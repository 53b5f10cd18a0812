"""Bodies are counted as they arrive, and hostile JSON goes no further."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import threading
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bentos import body as body_module
from bentos.body import BodyError, ClientGone, Receive, Unproven, check_body, check_json, read_body, replay_body
from tests.loops import run_coroutine


def arriving(chunks: Iterable[bytes], *, end: bool = True) -> Receive:
    waiting = list(chunks)

    async def receive() -> dict[str, Any]:
        if not waiting:
            return {"type": "http.disconnect"}
        chunk = waiting.pop(0)
        return {"type": "http.request", "body": chunk, "more_body": bool(waiting) or not end}

    return receive


def test_chunks_are_joined_and_handed_out_once() -> None:
    async def run() -> None:
        receive = arriving([b"ab", b"", b"cd"])
        assert await read_body(receive, None, 4) == b"abcd"
        again = replay_body(b"abcd", receive)
        assert await again() == {"type": "http.request", "body": b"abcd", "more_body": False}
        assert (await again())["type"] == "http.disconnect"

    run_coroutine(run())


@pytest.mark.parametrize("declared", [None, 5])
def test_a_body_over_the_limit_is_refused(declared: int | None) -> None:
    with pytest.raises(BodyError) as caught:
        run_coroutine(read_body(arriving([b"abc", b"de"]), declared, 4))
    assert caught.value.status == 413


def test_reading_stops_where_the_limit_is_passed() -> None:
    taken = 0

    async def endless() -> dict[str, Any]:
        nonlocal taken
        taken += 1
        return {"type": "http.request", "body": b"x" * 10, "more_body": True}

    with pytest.raises(BodyError):
        run_coroutine(read_body(endless, None, 35))
    assert taken == 4


def test_a_client_that_leaves_gets_no_answer() -> None:
    with pytest.raises(ClientGone):
        run_coroutine(read_body(arriving([b"abc"], end=False), None, 100))


def test_a_body_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_module, "BODY_SECONDS", 0.01)

    async def never() -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(BodyError) as caught:
        run_coroutine(read_body(never, None, 100))
    assert caught.value.status == 408


def test_bodies_of_strangers_are_bounded_together_and_who_sends_at_once_is_taken() -> None:
    """Three that hold theirs back fill the memory; who comes then takes the place of the longest there."""

    async def run() -> None:
        crowd, status = Unproven(30), {}
        started = [asyncio.Event() for _ in range(3)]

        async def hold_back(number: int) -> None:
            chunks = iter([b"x" * 5, b"y" * 5])

            async def receive() -> dict[str, Any]:
                chunk = next(chunks, None)
                if chunk is None:
                    started[number].set()
                    await asyncio.Event().wait()
                return {"type": "http.request", "body": chunk, "more_body": True}

            try:
                await read_body(receive, None, 10, crowd)
            except BodyError as error:
                status[number] = error.status

        slow = []
        for number in range(3):
            slow.append(asyncio.create_task(hold_back(number)))
            await started[number].wait()
        assert await read_body(arriving([b"x" * 10]), None, 10, crowd) == b"x" * 10  # of one part: it is held by nobody
        assert status == {}
        assert await read_body(arriving([b"x" * 5, b"x" * 5]), None, 10, crowd) == b"x" * 10
        await asyncio.wait(slow[:1])
        assert status == {0: 408}
        for _ in range(20):  # what is gone counts no longer
            assert await read_body(arriving([b"x" * 5, b"x" * 5]), None, 10, crowd) == b"x" * 10
        with pytest.raises(BodyError):
            await read_body(arriving([b"x" * 5, b"x" * 6]), None, 10, crowd)
        assert status == {0: 408}
        for task in slow[1:]:
            task.cancel()

    run_coroutine(run())


async def hold_back(crowd: Unproven, size: int, begun: asyncio.Future[asyncio.Timeout]) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(60) as reading:
            crowd.hold(reading, size)
            begun.set_result(reading)
            await asyncio.Event().wait()


def test_a_body_whose_time_has_just_run_out_is_not_ended_twice() -> None:
    async def run() -> None:
        loop, crowd = asyncio.get_running_loop(), Unproven(10)
        begun: asyncio.Future[asyncio.Timeout] = loop.create_future()
        slow = asyncio.create_task(hold_back(crowd, 8, begun))
        (await begun).reschedule(loop.time())
        await asyncio.sleep(0)
        assert begun.result().expired()
        assert not slow.done()
        async with asyncio.timeout(60) as reading:
            crowd.hold(reading, 8)
        await slow

    run_coroutine(run())


def test_a_body_that_was_ended_takes_no_place_again() -> None:
    """A part more of it arrives before its reader learns of the end: it is not the next one's turn to go."""

    async def run() -> None:
        loop, crowd = asyncio.get_running_loop(), Unproven(10)
        begun: asyncio.Future[asyncio.Timeout] = loop.create_future()
        slow = asyncio.create_task(hold_back(crowd, 8, begun))
        ended = await begun
        async with asyncio.timeout(60) as reading:
            crowd.hold(reading, 8)
            crowd.hold(ended, 9)
            until = reading.when()
            assert until is not None
            assert until > loop.time() + 30
        await slow

    run_coroutine(run())


HOSTILE = {
    "NaN": b'{"a": NaN}',
    "infinity": b'{"a": Infinity}',
    "minus infinity": b"[-Infinity]",
    "1e999": b'{"a": 1e999}',
    "-1E+400 in a list": b"[1, -1E+400]",
    "the only value": b"1e999",
    "1.8e308": b"[1.8e308]",
    "many digits and a small exponent": b"[" + b"9" * 250 + b"e99]",
    "400 digits": b"[" + b"9" * 400 + b"]",
    "5,000 digits": b"[" + b"9" * 5000 + b"]",
    "400 digits and a fraction": b"[" + b"9" * 400 + b".5]",
    "NUL": b'["a\\u0000b"]',
    "NUL in a name": b'{"\\u0000": 1}',
    "raw NUL": b'["a\x00b"]',
    "leading surrogate alone": b'["\\ud800"]',
    "trailing surrogate alone": b'["\\udc00x"]',
    "surrogate in UTF-8": b'["\xed\xa0\x80"]',
    "no UTF-8": b'["\xff"]',
    "byte order mark": b"\xef\xbb\xbf[1]",
    "deep": b"[" * 100_000 + b"]" * 100_000,
    "two documents": b"[1] [2]",
    "trailing comma": b"[1,]",
    "not finished": b'{"a": ',
    "nothing but space": b" ",
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_json_is_refused_without_quoting_it(body: bytes) -> None:
    with pytest.raises(BodyError) as caught:
        check_json(body)
    assert caught.value.status == 400
    assert len(caught.value.detail) < 120


HARMLESS = {
    "large numbers": b"[1e308, -1.7e308, 1e-999, 0e999]",
    "many digits": b"[0." + b"0" * 400 + b"1]",
    "what only looks like it": b'["1e999", "\\\\u0000", "3e000111-0000-4000-8000-1e9991e99912"]',
    "a name twice": b'{"a": 1, "a": 2}',
    "surrogate pair": b'["\\ud83d\\ude00"]',
}


@pytest.mark.parametrize("body", HARMLESS.values(), ids=HARMLESS.keys())
def test_harmless_json_passes(body: bytes) -> None:
    check_json(body)


def test_harmless_texts_start_no_walk(monkeypatch: pytest.MonkeyPatch) -> None:
    def walk(_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(body_module, "_check_numbers", walk)
    check_json(HARMLESS["what only looks like it"])


def test_a_large_body_is_checked_beside_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []
    monkeypatch.setattr(body_module, "check_json", lambda _: threads.append(threading.get_ident()))

    async def stays_on_the_loop(size: int) -> bool:
        body = b"[" + b" " * (size - 2) + b"]"
        await check_body({b"content-type": b"application/json"}, (), body)
        return threads.pop() == threading.get_ident()

    assert run_coroutine(stays_on_the_loop(64 * 1024))
    assert not run_coroutine(stays_on_the_loop(64 * 1024 + 1))


@pytest.mark.parametrize("backslashes", range(1, 7))
def test_a_nul_is_one_after_an_odd_number_of_backslashes(backslashes: int) -> None:
    body = b'["a' + b"\\" * backslashes + b'u0000"]'
    if backslashes % 2:
        with pytest.raises(BodyError, match="NUL"):
            check_json(body)
    else:
        check_json(body)


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**320), 10**320)
    | st.floats()
    | st.text(st.characters(codec="utf-8"), max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=8,
)


@given(JSON_VALUES)
def test_what_passes_holds_no_nul_and_no_infinity(value: object) -> None:
    """Against a plain walk over the value itself, whatever it is."""
    body = json.dumps(value).encode("utf-8", "surrogatepass")
    try:
        check_json(body)
    except BodyError:
        assert is_hostile(value)
    else:
        assert not is_hostile(value)


def is_hostile(value: object) -> bool:
    if isinstance(value, dict):
        return any(is_hostile(key) or is_hostile(inner) for key, inner in value.items())
    if isinstance(value, list):
        return any(is_hostile(inner) for inner in value)
    if isinstance(value, str):
        return any(character == "\0" or 0xD800 <= ord(character) < 0xE000 for character in value)
    if isinstance(value, int | float):
        return not abs(value) <= sys.float_info.max
    return False
