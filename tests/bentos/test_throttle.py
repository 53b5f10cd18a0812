"""So many in any window for each who asks, over all workers; then a wait until one more is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest
from limits import parse

from bentos.throttle import REFUSALS, Throttle, read_rate_limit
from tqs.errors import SettingsError

START = 1_800_000_000  # a multiple of the 4 seconds that are a part of a minute


class Clock:
    """Seconds since 1970, as a test sets them."""

    now: float = START

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def throttle(tmp_path: Path, clock: Clock) -> Throttle:
    return Throttle(tmp_path / "counts", REFUSALS, clock)


def test_the_sixty_first_in_a_minute_waits(throttle: Throttle, clock: Clock) -> None:
    waits = []
    for i in range(60):
        clock.now = START + i / 2
        waits.append(throttle.take("10.0.0.1"))
    assert waits == [0] * 60
    clock.now = START + 30
    # the 8 of the first 4 seconds are forgotten together when the last of them is a minute old
    assert throttle.take("10.0.0.1") == 34
    clock.now = START + 63.5
    assert throttle.take("10.0.0.1") == 1
    clock.now = START + 64
    assert [throttle.take("10.0.0.1") for _ in range(9)] == [0] * 8 + [4]


def test_in_no_minute_are_there_more_than_the_limit(throttle: Throttle, clock: Clock) -> None:
    taken = []
    for tenth in range(3_000):  # five minutes, ten tries a second
        clock.now = START + 2.7 + tenth / 10
        if throttle.take("10.0.0.1") == 0:
            taken.append(clock.now)
    fullest = max(sum(begin <= at < begin + 60 for at in taken) for begin in taken)
    assert fullest == 60
    assert len(taken) >= 5 * 60 * 15 / 16


def test_everyone_is_counted_apart(throttle: Throttle) -> None:
    for _ in range(100):
        throttle.take("10.0.0.1")
    assert throttle.take("10.0.0.2") == 0


def test_a_clock_that_was_set_back_throttles_nobody(throttle: Throttle, clock: Clock) -> None:
    for _ in range(100):
        throttle.take("10.0.0.1")
    clock.now = START - 3600
    assert throttle.take("10.0.0.1") == 0


def test_counts_outlive_a_worker(tmp_path: Path, clock: Clock, throttle: Throttle) -> None:
    for _ in range(60):
        throttle.take("10.0.0.1")
    throttle.close()
    assert Throttle(tmp_path / "counts", REFUSALS, clock).take("10.0.0.1") == 64


def test_another_limit_starts_anew(tmp_path: Path, clock: Clock, throttle: Throttle) -> None:
    for _ in range(60):
        throttle.take("a")
    other = Throttle(tmp_path / "counts", parse("10/second"), clock)
    assert [other.take("a") for _ in range(11)] == [0] * 10 + [2]


def test_limits_that_can_be_read() -> None:
    limit = read_rate_limit("600/minute")
    assert limit is not None
    assert (limit.amount, limit.get_expiry()) == (600, 60)
    assert read_rate_limit(None) is None


@pytest.mark.parametrize("text", ["600", "many", "0/minute", "-5/minute", "5/month", "5 per 3 days", "1e9/minute",
                                  "99999999999/second", "600/minute; 10/second ", ""])  # fmt: skip
def test_limits_that_cannot(text: str) -> None:
    with pytest.raises(SettingsError, match="TQS_RATE_LIMIT"):
        read_rate_limit(text)
