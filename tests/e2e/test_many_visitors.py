"""25 people at once for five minutes, of a company of 10,000 tutors and a million sessions, while sessions come in."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks._crowd import visit
from benchmarks._dashboards import Server, found_company, serving
from benchmarks._server import temporary_engine
from benchmarks.dashboards import (
    CROWD_MS,
    GROWTH,
    OPENING_MS,
    PEOPLE,
    WITH_TABLES,
    measure_interactions,
    posting,
)
from tests.loops import run_coroutine

SECONDS = 300.0
TIMES_ALONE = 6.0  # as long as one who is alone may one of many wait, where that is more than the limit


@pytest.mark.long
@pytest.mark.timeout(1200)
def test_many_people_at_once_wait_little_and_memory_stays_flat(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    with temporary_engine() as engine:
        found_company(engine)
        with serving(engine, tmp_path / "home") as server:
            alone = run_coroutine(wait_alone(server))
            with posting(engine, tmp_path / "home"):
                crowd = run_coroutine(visit(server, SECONDS, people=PEOPLE, pages=WITH_TABLES))

    wait, opening = (statistics.quantiles(seconds, n=20)[-1] for seconds in (crowd.waits, crowd.openings))
    memory = f"memory {crowd.memory_before:.0f} to {crowd.memory_after:.0f} MB"
    record_property(
        "counted",
        f"p95 of {len(crowd.waits)} {wait:.2f} s, alone {alone:.2f} s, of a page opening {opening:.2f} s, {memory}",
    )
    assert len(crowd.waits) > 0.5 * PEOPLE * SECONDS / 5  # one in five seconds at least, most of the time
    slow = max(1.0, TIMES_ALONE * alone / (CROWD_MS / 1000))
    assert wait <= slow * CROWD_MS / 1000
    assert opening <= slow * OPENING_MS / 1000
    assert crowd.memory_after <= GROWTH * crowd.memory_before


async def wait_alone(server: Server) -> float:
    """The p95 of what one person waits for, in seconds."""
    return max(float(row["ours"]) for row in await measure_interactions(server, "alone")) / 1000
