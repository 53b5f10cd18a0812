from __future__ import annotations

from collections.abc import Iterator

import pytest

from dashboards import kept
from dashboards.kept import Kept


def test_it_is_read_again_only_after_a_hundred_times_as_long(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = 50.0
    monkeypatch.setattr(kept, "monotonic", lambda: clock)
    values: Iterator[int] = iter(range(10))

    def read() -> int:
        nonlocal clock
        clock += 2.0
        return next(values)

    figures = Kept(read)
    assert figures.value is None
    figures.renew()  # from 50 to 52
    assert figures.value == 0
    clock = 249.9
    figures.renew()
    assert figures.value == 0
    clock = 250.0
    figures.renew()
    assert figures.value == 1


def test_a_read_that_fails_keeps_what_was_there_and_is_tried_again() -> None:
    answers = iter([1, None, 2])

    def read() -> int:
        answer = next(answers)
        if answer is None:
            raise RuntimeError("away")
        return answer

    figures = Kept(read)
    figures.renew()
    figures._rest_until = 0.0
    with pytest.raises(RuntimeError):
        figures.renew()
    assert figures.value == 1
    figures._rest_until = 0.0
    figures.renew()
    assert figures.value == 2
