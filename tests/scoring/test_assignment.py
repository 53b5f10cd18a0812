from __future__ import annotations

import itertools
import random
from collections import Counter
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sqlalchemy import Engine

import scoring.assignment
from records.columns import Float64, Int64
from scoring.assignment import Assignment, assign, assign_greedily, compare_matching, run_matching
from scoring.pair_people import read_clock
from scoring.pairs import predict_pairs
from tests.scoring.conftest import Records, serve, uid
from tqs.errors import NotFoundError, QueryError

MODEL, RULE = serve("match"), serve("match", rule=True)
NOBODY = uid("nobody", 1)


@st.composite
def problems(draw: st.DrawFn, most: int) -> tuple[Float64, Int64]:
    """Costs with many ties, and room of 0 to 4 a column."""
    n, m = draw(st.integers(1, most)), draw(st.integers(1, most))
    costs = st.integers(0, 6).map(lambda k: k / 4)
    return draw(arrays(np.float64, (n, m), elements=costs)), draw(arrays(np.int64, m, elements=st.integers(0, 4)))


def least_by_trying(cost: Float64, room: Int64) -> tuple[int, float]:
    """How many rows can be matched, and the least cost of that many, by trying every choice."""
    n, m = cost.shape
    best = (0, 0.0)
    for choice in itertools.product(range(-1, m), repeat=n):
        used = Counter(column for column in choice if column >= 0)
        if any(count > room[column] for column, count in used.items()):
            continue
        total = sum(cost[row, column] for row, column in enumerate(choice) if column >= 0)
        best = min(best, (-sum(used.values()), total))
    return -best[0], best[1]


def in_turn(cost: Float64, room: Int64) -> float:
    left, total = room.copy(), 0.0
    for row in range(len(cost)):
        columns = np.flatnonzero(left)
        if len(columns):
            chosen = columns[np.argmin(cost[row, columns])]
            left[chosen] -= 1
            total += float(cost[row, chosen])
    return total


@given(problems(most=4))
def test_nothing_that_can_be_tried_is_better(problem: tuple[Float64, Int64]) -> None:
    cost, room = problem
    rows, columns = assign(cost, room)
    matched, least = least_by_trying(cost, room)
    assert len(rows) == len(set(rows.tolist())) == matched
    assert (np.bincount(columns, minlength=len(room)) <= room).all()
    assert cost[rows, columns].sum() == pytest.approx(least)


@given(problems(most=30))
def test_all_are_matched_as_far_as_there_is_room_and_never_worse_than_in_turn(problem: tuple[Float64, Int64]) -> None:
    cost, room = problem
    rows, columns = assign(cost, room)
    assert len(rows) == len(set(rows.tolist())) == min(len(cost), room.sum())
    assert (np.bincount(columns, minlength=len(room)) <= room).all()
    if room.sum() >= len(cost):
        assert cost[rows, columns].sum() <= in_turn(cost, room) + 1e-9


def best_pair_first(cost: Float64, room: Int64) -> dict[int, int]:
    left, chosen = room.copy(), {}
    for _, row, column in sorted((cost[i, j], i, j) for i in range(cost.shape[0]) for j in range(cost.shape[1])):
        if row not in chosen and left[column]:
            chosen[row] = column
            left[column] -= 1
    return chosen


@given(problems(most=12))
def test_greedily_is_the_best_pair_first_and_never_better(problem: tuple[Float64, Int64]) -> None:
    cost, room = problem
    rows, columns = assign_greedily(cost, room)
    assert dict(zip(rows.tolist(), columns.tolist(), strict=True)) == best_pair_first(cost, room)
    best = assign(cost, room)
    assert len(best[0]) == len(rows)
    assert cost[best].sum() <= cost[rows, columns].sum() + 1e-9


def test_the_first_good_pair_can_cost_the_others_more() -> None:
    cost = np.array([[0.10, 0.15, 0.90], [0.12, 0.80, 0.85], [0.50, 0.20, 0.30]])
    one_each = np.ones(3, dtype=np.int64)
    assert list(zip(*assign_greedily(cost, one_each), strict=True)) == [(0, 0), (1, 2), (2, 1)]  # 0.10 + 0.85 + 0.20
    assert list(zip(*assign(cost, one_each), strict=True)) == [(0, 1), (1, 0), (2, 2)]  # 0.15 + 0.12 + 0.30


def test_what_would_not_fit_into_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring.assignment, "MOST_CELLS", 500)
    cost = np.random.default_rng(0).random((10, 10))
    assert len(assign(cost, np.full(10, 5))[0]) == 10
    assert len(assign(cost, np.full(10, 1_000))[0]) == 10  # nobody needs more than the one tutor who suits them best
    with pytest.raises(QueryError, match=r"^20 students and \d\d places .* the 500 combinations"):
        assign(np.tile(cost, (2, 1)) + np.random.default_rng(1).random((20, 10)), np.full(10, 4))


@pytest.fixture
def people(records: Records) -> tuple[list[UUID], list[UUID]]:
    students = [records.student(i, age=10 + 3 * i, preferred_pace=1 + i % 5) for i in range(6)]
    tutors = [records.tutor(i, age=25 + 5 * i, preferred_pace=1 + i % 5) for i in range(4)]
    return [UUID(one) for one in students], [UUID(one) for one in tutors]


def chosen(found: Assignment) -> set[tuple[UUID, UUID]]:
    return {(pair.student_id, pair.tutor_id) for pair in found.matches}


def test_the_least_churn_of_all_assignments(
    engine: Engine, records: Records, people: tuple[list[UUID], list[UUID]]
) -> None:
    students, tutors = people[0][:3], people[1]
    found = run_matching(engine, MODEL, students, tutors)

    predict_pairs(engine, MODEL, read_clock(engine))
    columns = (
        "churn_probability, compatibility_score, risk_level, pace_mismatch, style_mismatch, communication_mismatch"
    )
    stored = {
        (row[0], row[1]): row[2:]
        for row in records.rows(f"SELECT student_id, tutor_id, {columns}, age_difference FROM match_predictions")
    }
    totals = [
        sum(stored[pair][0] for pair in zip(students, choice, strict=True))
        for choice in itertools.permutations(tutors, len(students))
    ]
    assert found.total_churn_risk == pytest.approx(min(totals))
    assert found.total_churn_risk < max(totals)
    assert [pair.student_id for pair in found.matches] == students
    assert found.unmatched == []
    for pair in found.matches:
        assert stored[pair.student_id, pair.tutor_id] == (
            pair.churn_probability,
            pair.compatibility_score,
            pair.risk_level,
            pair.pace_mismatch,
            pair.style_mismatch,
            pair.communication_mismatch,
            pair.age_difference,
        )
    assert found.avg_churn_risk == pytest.approx(found.total_churn_risk / 3)
    assert found.total_compatibility == pytest.approx(sum(pair.compatibility_score for pair in found.matches))
    assert found.avg_compatibility == pytest.approx(found.total_compatibility / 3)


def test_both_ways_on_the_same_predictions(engine: Engine, people: tuple[list[UUID], list[UUID]]) -> None:
    students, tutors = people
    found = compare_matching(engine, MODEL, students, tutors, 2)
    assert found.best == run_matching(engine, MODEL, students, tutors, 2)
    assert len(found.greedy.matches) == 6
    assert max(Counter(pair.tutor_id for pair in found.greedy.matches).values()) <= 2
    assert found.saved == pytest.approx(found.greedy.total_churn_risk - found.best.total_churn_risk)
    assert found.saved >= 0


def test_more_students_than_room(engine: Engine, people: tuple[list[UUID], list[UUID]]) -> None:
    students, tutors = people
    found = run_matching(engine, MODEL, students, tutors)
    assert len(found.matches) == 4
    assert found.unmatched == [one for one in students if one not in {pair.student_id for pair in found.matches}]

    assert run_matching(engine, MODEL, students, tutors, 2).unmatched == []
    alone = run_matching(engine, MODEL, students, tutors[:1], 5)
    assert (len(alone.matches), len(alone.unmatched)) == (5, 1)


def test_room_of_each_tutor(engine: Engine, people: tuple[list[UUID], list[UUID]]) -> None:
    students, tutors = people
    found = run_matching(engine, MODEL, students, tutors, {tutors[0]: 3, tutors[1]: 0})
    taken = Counter(pair.tutor_id for pair in found.matches)
    assert taken == {tutors[0]: 3, tutors[2]: 1, tutors[3]: 1}
    assert len(found.unmatched) == 1


def test_no_room_at_all(engine: Engine, people: tuple[list[UUID], list[UUID]]) -> None:
    found = run_matching(engine, MODEL, *people, 0)
    assert (found.matches, found.unmatched) == ([], people[0])
    assert (found.total_churn_risk, found.avg_churn_risk, found.avg_compatibility) == (0, None, None)


def test_the_order_of_the_lists_changes_nothing_also_where_all_are_equal(engine: Engine, records: Records) -> None:
    students = [UUID(records.student(i)) for i in range(9)]
    tutors = [UUID(records.tutor(i)) for i in range(6)]
    first = run_matching(engine, RULE, students, tutors)
    for seed in range(3):
        shuffled = [random.Random(seed).sample(some, len(some)) for some in (students, tutors)]
        again = run_matching(engine, RULE, *shuffled)
        assert chosen(again) == chosen(first)
        assert set(again.unmatched) == set(first.unmatched)
        order = [pair.student_id for pair in again.matches]
        assert order == [one for one in shuffled[0] if one in order]


def test_what_cannot_be_meant_is_refused_by_name(
    engine: Engine, records: Records, people: tuple[list[UUID], list[UUID]]
) -> None:
    students, tutors = people
    with pytest.raises(QueryError, match=rf"student_ids holds some more than once: {students[0]};"):
        run_matching(engine, MODEL, [students[0], students[1], students[0], students[0]], tutors)
    with pytest.raises(QueryError, match=f"tutor_ids .*{tutors[1]}"):
        run_matching(engine, MODEL, students, [tutors[1], tutors[1]])
    with pytest.raises(QueryError, match=f"capacity .*{tutors[3]}"):
        run_matching(engine, MODEL, students, tutors[:3], {tutors[3]: 2})
    with pytest.raises(NotFoundError, match=f"no students {NOBODY}; GET /api/matching/students "):
        run_matching(engine, MODEL, [NOBODY, students[0]], tutors)
    records.execute(f"UPDATE tutors SET is_active = false WHERE id = '{tutors[2]}'")
    with pytest.raises(NotFoundError, match=f"no active tutors {tutors[2]}, {NOBODY}; GET /api/matching/tutors "):
        run_matching(engine, MODEL, students, [*tutors, NOBODY])
    with pytest.raises(NotFoundError, match=" and 5 more; "):
        run_matching(engine, MODEL, [uid("nobody", i) for i in range(25)], tutors)
