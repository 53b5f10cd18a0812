"""The brakes on a retraining that drift asks for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine

from modelling.decisions import Decision
from modelling.origin import Origin
from modelling.retraining import Brake, apply_brakes, recent_retrainings
from modelling.runs import begin_run, end_run
from modelling.store import record_decision

NOW = datetime(2026, 11, 29, 9, tzinfo=UTC)


def brake(
    new_rows: int = 5000, trained_rows: int = 40_000, ago: tuple[float, ...] = (), *, running: bool = False
) -> Brake:
    times = [NOW - timedelta(days=days) for days in ago]
    return apply_brakes(
        "match", new_rows=new_rows, trained_rows=trained_rows, retrained_at=times, running=running, now=NOW
    )


@pytest.mark.parametrize(
    ("held", "reason"),
    [
        (brake(running=True), "match is being retrained already"),
        (brake(499, 800), "499 rows are new since the champion was trained, a retraining needs at least 500"),
        (brake(1999), "1,999 rows are new since the champion was trained, a retraining needs at least 2,000"),
        (brake(ago=(2.9,)), "the last retraining was 2.9 days ago, the next one waits for 3 days"),
        (brake(ago=(0.5, 5)), "the last retraining was 12.0 hours ago, the next one waits for 3 days"),
        (brake(ago=(6.5, 3.1)), "2 retrainings in the last 7 days, 2 a week are the most"),
    ],
)
def test_what_holds_a_retraining_back(held: Brake, reason: str) -> None:
    assert held == Brake(False, reason)


@pytest.mark.parametrize("free", [brake(500, 800), brake(2000), brake(ago=(3.1,)), brake(ago=(7.1, 7.2, 3.1))])
def test_what_does_not(free: Brake) -> None:
    assert free.retrain
    assert free.reason.endswith("rows are new since the champion was trained")


@given(st.lists(st.floats(0, 40), min_size=1, max_size=60))
def test_never_more_than_two_in_any_week_and_three_days_apart(asked: list[float]) -> None:
    done: list[datetime] = []
    for moment in sorted(NOW + timedelta(days=days) for days in asked):
        if apply_brakes("x", new_rows=9999, trained_rows=1, retrained_at=done, running=False, now=moment).retrain:
            done.append(moment)
    assert done[0] == min(NOW + timedelta(days=days) for days in asked)
    assert all(later - earlier >= timedelta(days=3) for earlier, later in pairwise(done))
    assert all(third - first >= timedelta(days=7) for first, third in zip(done, done[2:], strict=False))


def test_a_retraining_counts_whatever_came_of_it_and_neither_a_trial_nor_a_lost_run_does(engine: Engine) -> None:
    for failed_ in (True, False):
        run, _ = begin_run(engine, "match", seed=1, trials=1, origin=Origin())
        end_run(engine, run, failed=failed_)
    record_decision(engine, Decision("match", "kept", "a trial of a notebook", "ann", mlflow_run_id="run-1"))
    begin_run(engine, "no_show", seed=1, trials=1, origin=Origin())
    assert len(recent_retrainings(engine, "match")) == 2
    begin_run(engine, "no_show", seed=1, trials=1, origin=Origin())  # the first of them is lost by that
    assert len(recent_retrainings(engine, "no_show")) == 1
