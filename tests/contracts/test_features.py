"""What holds for every feature of every target, whatever the history."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TypeVar

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.catalogue import features_of, names_of
from features.table import pair_features, session_features, training_table
from records.columns import (
    NEVER,
    NO_SHOW,
    RESCHEDULED,
    SCHEDULED,
    TARGETS,
    Columns,
    Float64,
    History,
    Int64,
    Sessions,
)
from tests.features.histories import DAY, at, random_history

TIMEZONE = "America/New_York"
C = TypeVar("C", bound=Columns)
SEEDS = st.integers(0, 2**32 - 1)
FEATURES = [(target, feature) for target in TARGETS for feature in features_of(target)]
FEATURE_IDS = [f"{target}-{feature.name}" for target, feature in FEATURES]


@dataclass(frozen=True)
class Rows(Columns):
    """What to compute features for: rows of sessions for `reschedule` and `no_show`, their pairs for `match`."""

    row: Int64
    as_of: Int64


def compute(target: str, history: History, bookings: Sessions, rows: Rows) -> Float64:
    chosen = bookings.take(rows.row)
    if target == "match":
        return pair_features(history, chosen.student, chosen.tutor, rows.as_of)
    return session_features(history, chosen, rows.as_of, TIMEZONE)


def some_rows(history: History, seed: int, n: int = 60) -> Rows:
    """Sessions at moments before, at and after their start; some exactly when something became known."""
    rng = np.random.default_rng(seed)
    row = rng.integers(0, len(history.sessions), n)
    as_of = history.sessions.scheduled[row] - rng.integers(-3 * DAY, 20 * DAY, n)
    known = history.sessions.outcome_known[rng.integers(0, len(history.sessions), n)]
    return Rows(row, np.where((rng.random(n) < 0.3) & (known != NEVER), known, as_of))


def known_at(history: History, moment: int) -> History:
    """The history as it stood just before the moment: all that became known at it or later never happened."""
    sessions = history.sessions.take(history.sessions.booking_known < moment)
    told = sessions.outcome_known < moment
    return replace(
        history,
        sessions=replace(
            sessions,
            status=np.where(told, sessions.status, SCHEDULED).astype(np.int8),
            by_tutor=sessions.by_tutor & told,
            outcome_known=np.where(told, sessions.outcome_known, NEVER),
        ),
        tutor_profiles=history.tutor_profiles.take(history.tutor_profiles.known < moment),
        student_profiles=history.student_profiles.take(history.student_profiles.known < moment),
    )


def rewrite_after(history: History, moment: int, seed: int) -> History:
    """Another history of which the same was known before the moment: facts changed, added and deleted after it."""
    rng = np.random.default_rng(seed)
    other = random_history(seed, n=150)
    sessions = history.sessions.take(
        (history.sessions.outcome_known < moment) | (rng.random(len(history.sessions)) < 0.5)
    )
    open_still = sessions.outcome_known >= moment
    later = moment + rng.integers(0, 60 * DAY, len(sessions)) * rng.integers(0, 2, len(sessions))
    changed = replace(
        sessions,
        status=np.where(open_still, rng.integers(0, 4, len(sessions)), sessions.status).astype(np.int8),
        by_tutor=np.where(open_still, rng.random(len(sessions)) < 0.5, sessions.by_tutor),
        outcome_known=np.where(open_still, later, sessions.outcome_known),
    )
    added = replace(other.sessions, outcome_known=np.maximum(other.sessions.outcome_known, moment))
    return replace(
        history,
        sessions=append(changed, added),
        tutor_profiles=_rewrite_versions(history.tutor_profiles, other.tutor_profiles, moment, rng),
        student_profiles=_rewrite_versions(history.student_profiles, other.student_profiles, moment, rng),
    )


def _rewrite_versions(versions: C, others: C, moment: int, rng: np.random.Generator) -> C:
    kept = versions.take((versions.known < moment) | (rng.random(len(versions)) < 0.5))
    return append(kept, replace(others, known=np.maximum(others.known, moment)))


def append(table: C, more: C) -> C:
    return type(table)(
        **{f.name: np.concatenate([getattr(table, f.name), getattr(more, f.name)]) for f in fields(table)}
    )


def arrays_of(history: History) -> list[np.ndarray]:
    tables = (history.sessions, history.tutor_profiles, history.student_profiles)
    return [getattr(table, f.name) for table in tables for f in fields(table)]


@pytest.fixture(scope="module")
def computed() -> dict[str, Float64]:
    history = random_history(1, n=3000)
    rows = some_rows(history, 1, n=3000)
    return {target: compute(target, history, history.sessions, rows) for target in TARGETS}


@pytest.mark.parametrize(("target", "feature"), FEATURES, ids=FEATURE_IDS)
def test_finite_and_within_its_range(target, feature, computed):
    values = computed[target][:, names_of(target).index(feature.name)]
    assert np.isfinite(values).all()
    assert values.min() >= feature.low
    assert values.max() <= feature.high
    assert len(np.unique(values)) > 1, "a column that never varies would pass every test here"


@pytest.mark.parametrize(("target", "feature"), FEATURES, ids=FEATURE_IDS)
def test_no_feature_tells_the_label_alone(target, feature, tables):
    frame = tables[target]
    label = frame["label"].to_numpy()
    ranks = frame[feature.name].rank().to_numpy()
    positives, n = label.sum(), len(label)
    area = (ranks[label == 1].sum() - positives * (positives + 1) / 2) / (positives * (n - positives))
    assert 0.05 < area < 0.95


@pytest.fixture(scope="module")
def tables() -> dict[str, pd.DataFrame]:
    history = random_history(4, n=4000, tutors=12, students=60, days=400)
    return {target: training_table(history, target, at("2027-03-01 00:00")).frame for target in TARGETS}


@pytest.mark.parametrize("target", TARGETS)
@given(seed=SEEDS)
@settings(max_examples=20)
def test_never_looks_ahead(target, seed):
    history = random_history(seed, n=200)
    rng = np.random.default_rng(seed)
    moment = int(history.sessions.scheduled[rng.integers(0, 200)])
    if rng.random() < 0.5:  # a moment at which something becomes known, to the microsecond
        moment = int(rng.choice(history.sessions.outcome_known[history.sessions.outcome_known != NEVER]))
    rows = Rows(np.arange(200), np.full(200, moment))
    before = compute(target, history, history.sessions, rows)
    other = rewrite_after(history, moment, seed + 1)
    assert compute(target, other, history.sessions, rows).tobytes() == before.tobytes()


@pytest.mark.parametrize("target", TARGETS)
@given(seed=SEEDS)
@settings(max_examples=10)
def test_serving_computes_what_training_computed(target, seed):
    history = random_history(seed, n=200)
    rows = some_rows(history, seed, n=15)
    training = compute(target, history, history.sessions, rows)
    for i in range(len(rows)):
        serving = known_at(history, int(rows.as_of[i]))
        alone = compute(target, serving, history.sessions, rows.take(np.array([i])))
        assert alone.tobytes() == training[i].tobytes()


@pytest.mark.parametrize("target", TARGETS)
@given(seed=SEEDS)
@settings(max_examples=10)
def test_keeps_its_rows_and_their_order(target, seed):
    history = random_history(seed, n=300)
    rows = some_rows(history, seed)
    whole = compute(target, history, history.sessions, rows)
    assert whole.shape == (len(rows), len(names_of(target)))
    picked = np.random.default_rng(seed).integers(0, len(rows), 40)
    assert compute(target, history, history.sessions, rows.take(picked)).tobytes() == whole[picked].tobytes()
    none = compute(target, history, history.sessions, rows.take(picked[:0]))
    assert none.shape == (0, len(names_of(target)))


@pytest.mark.parametrize("target", TARGETS)
def test_never_changes_its_inputs(target):
    history = random_history(6)
    rows = some_rows(history, 6)
    inputs = [*arrays_of(history), rows.row, rows.as_of]
    before = [array.tobytes() for array in inputs]
    for array in inputs:
        array.flags.writeable = False
    compute(target, history, history.sessions, rows)
    training_table(history, target, at("2026-09-01 00:00"))
    assert [array.tobytes() for array in inputs] == before


@pytest.mark.parametrize("target", TARGETS)
@given(seed=SEEDS)
@settings(max_examples=10)
def test_the_order_of_the_facts_does_not_matter(target, seed):
    history = random_history(seed, n=200)
    rows = some_rows(history, seed)
    rng = np.random.default_rng(seed)
    shuffled = replace(
        history,
        **{
            name: getattr(history, name).take(rng.permutation(len(getattr(history, name))))
            for name in ("sessions", "tutor_profiles", "student_profiles")
        },
    )
    one = compute(target, history, history.sessions, rows)
    assert compute(target, shuffled, history.sessions, rows).tobytes() == one.tobytes()


@pytest.mark.parametrize("target", ["reschedule", "no_show"])
def test_the_outcome_of_the_session_itself_is_not_read(target):
    history = random_history(8)
    rows = some_rows(history, 8)
    bookings = history.sessions
    for status in (SCHEDULED, RESCHEDULED, NO_SHOW):
        told = replace(
            bookings,
            status=np.full(len(bookings), status, dtype=np.int8),
            by_tutor=np.full(len(bookings), status == RESCHEDULED),
            outcome_known=np.zeros(len(bookings), dtype=np.int64),
        )
        assert compute(target, history, told, rows).tobytes() == compute(target, history, bookings, rows).tobytes()


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("empty", ["sessions", "tutor_profiles", "student_profiles"])
def test_finite_where_there_is_no_history(target, empty):
    history = random_history(9)
    rows = some_rows(history, 9)
    bare = replace(history, **{empty: getattr(history, empty).take(np.empty(0, dtype=np.int64))})
    assert np.isfinite(compute(target, bare, history.sessions, rows)).all()


@pytest.mark.parametrize("target", TARGETS)
@given(seed=SEEDS)
@settings(max_examples=10)
def test_a_training_table_holds_only_what_was_known_at_its_cut_off(target, seed):
    history = random_history(seed, n=600, students=30)
    cut_off = at("2026-06-01 00:00")
    later = training_table(history, target, cut_off).frame
    then = training_table(known_at(history, cut_off), target, cut_off).frame
    pd.testing.assert_frame_equal(then, later, check_exact=True)
