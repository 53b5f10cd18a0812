"""How much rows count whose outcome somebody meddled with: lists worked out by hand, and a world of known truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.interference import is_handled, is_reminded, weigh_rows
from features.table import training_table, uuid_texts
from records.columns import TARGETS, UNTOUCHED, HandledSessions, Interference, ReminderArms
from tests.features.histories import DAY, at, random_history

CUT_OFF = at("2027-06-01 00:00")
HISTORY = random_history(2, n=4000, tutors=12, students=60, days=500)


def arms_of(rows: list[tuple[int, int, bool, float]]) -> ReminderArms:
    tutor, assigned, hold_out, share = zip(*rows, strict=True)
    return ReminderArms(np.array(tutor), np.array(assigned), np.array(hold_out), np.array(share))


def test_weights_by_hand():
    arms = arms_of([(2, 100, False, 0.2), (5, 100, True, 0.2), (7, 50, True, 0.5)])
    rows = [(1, 500), (2, 99), (2, 100), (5, 99), (5, 100), (7, 60), (6, 60), (9, 60), (0, 0)]
    tutor, known = (np.array(column) for column in zip(*rows, strict=True))
    assert weigh_rows(arms, tutor, known).tolist() == [1, 1, 0, 1, 5, 2, 1, 1, 1]
    assert weigh_rows(UNTOUCHED.arms, tutor, known).tolist() == [1] * 9


def test_who_is_reminded_by_a_moment():
    arms = arms_of([(2, 100, False, 0.2), (5, 50, True, 0.2), (7, 50, False, 0.5)])
    tutor = np.array([7, 2, 5, 6, 2])
    assert is_reminded(arms, tutor, 100).tolist() == [True, False, False, False, False]
    assert is_reminded(arms, tutor, 101).tolist() == [True, True, False, False, True]
    assert not is_reminded(UNTOUCHED.arms, tutor, 101).any()


@given(st.floats(0.05, 0.95), st.integers(-3, 3))
def test_in_the_mean_over_lots_every_row_counts_once(share, later):
    """share · weight if held out + (1 − share) · weight if reminded = 1, whenever its label was settled."""
    row = np.array([4]), np.array([100 + later])
    held, reminded = (weigh_rows(arms_of([(4, 100, lot, share)]), *row)[0] for lot in (True, False))
    assert share * held + (1 - share) * reminded == pytest.approx(1)


def test_weighted_rows_tell_what_would_have_happened_untouched():
    """Tutors of known risk; the riskier half is drawn when it calls for a reminder, which halves what happens after."""
    rng = np.random.default_rng(1)
    tutors, each, share = 4000, 20, 0.2
    risk = rng.uniform(0.05, 0.5, tutors)
    called = np.flatnonzero(risk > 0.25)
    held = rng.random(len(called)) < share
    arms = ReminderArms(called, rng.integers(0, 1000, len(called)), held, np.full(len(called), share))
    tutor, known = np.repeat(np.arange(tutors), each), rng.integers(0, 1000, tutors * each)
    assigned, treated = np.full(tutors, 10**9), np.zeros(tutors, dtype=bool)
    assigned[called], treated[called] = arms.assigned, ~held
    reminded = treated[tutor] & (known >= assigned[tutor])
    untouched = rng.random(len(tutor)) < risk[tutor]
    seen = untouched & ~(reminded & (rng.random(len(tutor)) < 0.5))

    weights = weigh_rows(arms, tutor, known)
    truth = untouched.mean()
    assert np.average(seen, weights=weights) == pytest.approx(truth, abs=0.008)
    assert seen.mean() < truth - 0.03  # taken as they are: reminders pass for low risk
    dropped = seen[~reminded].mean()
    assert dropped < truth - 0.02  # the reminded dropped: the top of the risk goes with them
    high = risk[tutor] > 0.25
    assert np.average(seen[high], weights=weights[high]) == pytest.approx(untouched[high].mean(), abs=0.015)


@pytest.mark.parametrize("target", TARGETS)
def test_a_table_without_arms_is_that_of_before_and_weighs_1(target):
    frame = training_table(HISTORY, target, CUT_OFF).frame
    assert (frame["weight"] == 1).all()
    lot = int(HISTORY.sessions.scheduled.mean())
    arms = arms_of([(0, lot, False, 0.25), (1, lot, True, 0.25), (2, CUT_OFF, False, 0.25)])
    table = training_table(HISTORY, target, CUT_OFF, interference=Interference(arms, UNTOUCHED.by_hand))
    for name in frame.columns.drop("weight"):
        assert table.frame[name].equals(frame[name])
    counts = np.unique(table.frame["weight"], return_counts=True)
    assert counts[0].tolist() == [0, 1, 4]
    assert (table.counts.reminded, table.counts.held_out) == (counts[1][0], counts[1][2])
    assert table.counts.rows == len(frame)
    if target == "match":
        settled = table.frame["label_known"] >= pd.Timestamp(lot, unit="us", tz="UTC")
        reminded, held = (settled & (table.frame["tutor_id"] == f"tutor-000{number}") for number in (0, 1))
        expected = np.select([reminded, held], [0.0, 4.0], 1.0)
        assert table.frame["weight"].tolist() == expected.tolist()


def test_sessions_that_somebody_handled_before_their_outcome_are_counted_and_stay():
    sessions = HISTORY.sessions
    some = np.flatnonzero(sessions.outcome_known < CUT_OFF)[100:160]
    early, late = sessions.outcome_known[some[:40]] - DAY, sessions.outcome_known[some[40:]]
    handled = HandledSessions(sessions.id[some], np.concatenate([early, late]))
    assert is_handled(handled, sessions.id[some], sessions.outcome_known[some]).tolist() == [True] * 40 + [False] * 20
    others = np.flatnonzero(sessions.outcome_known < CUT_OFF)[160:170]
    assert not is_handled(handled, sessions.id[others], sessions.outcome_known[others]).any()

    table = training_table(HISTORY, "reschedule", CUT_OFF, interference=Interference(UNTOUCHED.arms, handled))
    assert (table.frame["weight"] == 1).all()
    told = set(uuid_texts(sessions.id[some[:40]]))
    assert table.counts.by_hand == table.frame["session_id"].isin(told).sum() > 0
