"""Counts that workers share through a file, each in a lane of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest

from bentos import windows
from bentos.windows import CELLS, LANES, PROBES, SharedWindows

START = 1_800_000_000
ROOT = Path(__file__).parents[2]
OTHER_WORKER = """
import sys
from pathlib import Path
from bentos.windows import SharedWindows
windows = SharedWindows(Path(sys.argv[1]), 60, lambda: float(sys.argv[2]))
taken = sum(windows.acquire_entry("a", 10, 60) for _ in range(int(sys.argv[3])))
print(windows._lane, taken, flush=True)
sys.stdin.read()
"""


STARTING_WORKER = """
import sys
from pathlib import Path
from bentos import windows
take_lane = windows._take_lane
def take_slowly(file):
    take_lane(file)
    print("5 lanes read", flush=True)
    sys.stdin.readline()
    return 5
windows._take_lane = take_slowly
counts = windows.SharedWindows(Path(sys.argv[1]), 60)
sys.stdin.read()
"""


def open_windows(folder: Path, now: float = START) -> SharedWindows:
    return SharedWindows(folder / "counts", 60, lambda: now)


def test_another_process_writes_to_another_lane_and_counts_with_this_one(tmp_path: Path) -> None:
    mine = open_windows(tmp_path)
    assert [mine.acquire_entry("a", 10, 60) for _ in range(4)] == [True] * 4
    command = [sys.executable, "-c", OTHER_WORKER, str(tmp_path / "counts"), str(START), "50"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline().split() == [b"1", b"6"]
        assert not mine.acquire_entry("a", 10, 60)
        assert mine.get("a") == 10
        other.kill()
        other.wait()
    assert mine.get("a") == 10  # what a worker counted outlives it
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as next_one:
        assert next_one.stdout is not None
        assert next_one.stdout.readline().split() == [b"1", b"0"]  # its lane is free again


def test_two_that_start_at_once_are_both_counted(tmp_path: Path) -> None:
    """Another worker is between taking its lane and telling how many there are: this one waits for it."""
    command = [sys.executable, "-c", STARTING_WORKER, str(tmp_path / "counts")]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdin is not None
        assert other.stdout is not None
        assert other.stdout.readline() == b"5 lanes read\n"
        mine: list[SharedWindows] = []
        starting = Thread(target=lambda: mine.append(open_windows(tmp_path)))
        starting.start()
        starting.join(0.3)
        assert mine == []
        other.stdin.write(b"\n")
        other.stdin.flush()
        starting.join()
        assert mine[0]._words[0] == 6
        other.stdin.close()


def test_entries_are_forgotten_part_by_part(tmp_path: Path) -> None:
    open_windows(tmp_path).incr("a", 60, 3)
    open_windows(tmp_path, START + 4).incr("a", 60, 5)
    assert open_windows(tmp_path, START + 63.9).get("a") == 8
    assert open_windows(tmp_path, START + 63.9).get_expiry("a") == START + 64
    assert open_windows(tmp_path, START + 64).get("a") == 5
    assert open_windows(tmp_path, START + 68).get("a") == 0
    assert open_windows(tmp_path, START + 64 * 1000).get("a") == 0


def test_no_more_than_all_at_once(tmp_path: Path) -> None:
    windows = open_windows(tmp_path)
    assert not windows.acquire_entry("a", 10, 60, amount=11)
    assert windows.acquire_entry("a", 10, 60, amount=10)
    assert not windows.acquire_entry("a", 10, 60)


def test_clearing_and_resetting(tmp_path: Path) -> None:
    windows = open_windows(tmp_path)
    for key in ("a", "b", "c"):
        windows.incr(key, 60)
    windows.clear("a")
    assert [windows.get(key) for key in "abc"] == [0, 1, 1]
    assert windows.reset() == 3
    assert [windows.get(key) for key in "abc"] == [0, 0, 0]
    assert windows.check()
    windows.close()
    assert not windows.check()


def test_who_shares_a_row_by_chance_is_still_counted_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "ROWS", PROBES)
    shared = open_windows(tmp_path)
    for i in range(PROBES):
        shared.incr(f"caller {i}", 60, i + 1)
    assert [shared.get(f"caller {i}") for i in range(PROBES)] == list(range(1, PROBES + 1))


def test_a_full_table_makes_room_for_who_comes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "ROWS", PROBES)
    shared = open_windows(tmp_path)
    for i in range(100):
        assert shared.incr(f"caller {i}", 60) == 1


def test_the_file_is_for_its_owner_and_mostly_not_on_the_disk(tmp_path: Path) -> None:
    open_windows(tmp_path).incr("a", 60)
    found = (tmp_path / "counts").stat()
    assert found.st_mode & 0o777 == 0o600
    assert found.st_size > LANES * CELLS * 8 * 2_000
    assert found.st_blocks * 512 < 100_000
