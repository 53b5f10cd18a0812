"""Requests of one turn of the loop are computed in one call, each answered with its own, none harmed by another."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any

import pytest

from bentos.together import MOST_RECORDS, Together
from tests.loops import run_coroutine


class Squares:
    """Squares numbers; refuses a batch that holds a zero. calls: how many records came each time."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def __call__(self, records: Sequence[Any]) -> Sequence[Any]:
        self.calls.append(len(records))
        if 0 in records:
            raise ZeroDivisionError
        return [record**2 for record in records]


def ask(*requests: tuple[str, list[int]]) -> tuple[list[Any], list[int]]:
    squares = Squares()

    async def run() -> list[Any]:
        together = Together()
        waiting: list[Awaitable[Any]] = [together.answer(kind, records, squares) for kind, records in requests]
        return list(await asyncio.gather(*waiting, return_exceptions=True))

    return run_coroutine(run()), squares.calls


def test_each_gets_the_answers_to_its_own_records() -> None:
    assert ask(("a", [1, 2]), ("a", [3]), ("a", [4, 5, 6])) == ([[1, 4], [9], [16, 25, 36]], [6])


def test_kinds_are_kept_apart() -> None:
    answers, calls = ask(("a", [1]), ("b", [2]), ("a", [3]))
    assert (answers, sorted(calls)) == ([[1], [4], [9]], [1, 2])


def test_one_that_fails_harms_no_other() -> None:
    (first, second, third), calls = ask(("a", [1]), ("a", [0]), ("a", [3]))
    assert (first, third, calls) == ([1], [9], [3, 1, 1, 1])
    assert isinstance(second, ZeroDivisionError)


def test_a_call_is_bounded_and_what_is_left_comes_next() -> None:
    answers, calls = ask(*[("a", [1] * 5)] * 7)
    assert answers == [[1] * 5] * 7
    assert max(calls) <= MOST_RECORDS
    assert sum(calls) == 35


def test_one_who_goes_away_leaves_the_others_their_answers() -> None:
    async def run() -> Sequence[Any]:
        together, squares = Together(), Squares()
        gone, stays = (asyncio.create_task(together.answer("a", [number], squares)) for number in (2, 3))
        await asyncio.sleep(0)
        gone.cancel()
        with pytest.raises(asyncio.CancelledError):
            await gone
        return await stays

    assert run_coroutine(run()) == [9]
