from __future__ import annotations

import os

import pytest

from modelling.cpus import usable_cpus


def test_a_process_that_is_confined_counts_only_what_it_may_run_on(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3} if pid == 0 else set(), raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    assert usable_cpus(tmp_path / "none") == 1


@pytest.mark.parametrize(("counted", "expected"), [(8, 8), (None, 1)])
def test_a_system_that_confines_nobody_counts_all(monkeypatch, tmp_path, counted, expected):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: counted)
    assert usable_cpus(tmp_path / "none") == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [("max 100000\n", 8), ("200000 100000\n", 2), ("150000 100000\n", 2), ("5000 100000\n", 1), ("999 10\n", 8)],
)
def test_a_container_is_not_kept_busier_than_its_share_of_time(monkeypatch, tmp_path, written, expected):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    (tmp_path / "cpu.max").write_text(written)
    assert usable_cpus(tmp_path / "cpu.max") == expected
