"""Sixty refused keys a minute and address, over all workers; then a wait."""

from __future__ import annotations

from pathlib import Path

from bentos.throttle import RefusalCounter

START = 1_800_000_000


def test_the_sixty_first_refusal_in_a_minute_is_throttled(tmp_path: Path) -> None:
    counter = RefusalCounter(tmp_path / "refused")
    assert [counter.count_refusal("10.0.0.1", START + i / 2) for i in range(60)] == [0] * 60
    assert counter.count_refusal("10.0.0.1", START + 30) == 31
    assert counter.count_refusal("10.0.0.1", START + 59.5) == 1
    counter.close()


def test_a_minute_after_the_first_the_count_starts_again(tmp_path: Path) -> None:
    counter = RefusalCounter(tmp_path / "refused")
    for _ in range(100):
        counter.count_refusal("10.0.0.1", START)
    assert counter.count_refusal("10.0.0.1", START + 59.9) > 0
    assert [counter.count_refusal("10.0.0.1", START + 60) for _ in range(60)] == [0] * 60
    counter.close()


def test_addresses_are_counted_apart(tmp_path: Path) -> None:
    counter = RefusalCounter(tmp_path / "refused")
    for _ in range(100):
        counter.count_refusal("10.0.0.1", START)
    assert counter.count_refusal("10.0.0.2", START) == 0
    counter.close()


def test_two_workers_count_together(tmp_path: Path) -> None:
    one, other = RefusalCounter(tmp_path / "refused"), RefusalCounter(tmp_path / "refused")
    waits = [(one, other)[i % 2].count_refusal("10.0.0.1", START) for i in range(61)]
    assert waits == [0] * 60 + [61]
    one.close()
    other.close()


def test_a_clock_that_was_set_back_throttles_nobody(tmp_path: Path) -> None:
    counter = RefusalCounter(tmp_path / "refused")
    for _ in range(100):
        counter.count_refusal("10.0.0.1", START)
    assert counter.count_refusal("10.0.0.1", START - 3600) == 0
    counter.close()
