"""The watched rows are those of training: the same sample, the same features."""

from __future__ import annotations

import numpy as np
import pytest

from features.catalogue import names_of
from features.table import training_table
from features.watched import draw_blocks, look_at_history, watched_table
from records.columns import DAY_US, HOUR_US, NEVER, TARGETS, UNTOUCHED, Interference, ReminderArms
from tests.features.histories import DAY, at, make_sessions, random_history

CUT_OFF = at("2027-06-01 00:00")
HISTORY = random_history(2, n=4000, tutors=12, students=60, days=500)


def as_microseconds(column):
    return column.dt.tz_convert(None).to_numpy().astype("datetime64[us]").astype(np.int64)


@pytest.mark.parametrize("target", TARGETS)
def test_features_and_labels_are_those_that_training_computes(target):
    frame = training_table(HISTORY, target, CUT_OFF, "Europe/Berlin").frame
    looks = look_at_history(HISTORY, target, CUT_OFF)
    watched = watched_table(HISTORY, target, looks, "Europe/Berlin")
    names = list(names_of(target))
    assert list(watched.columns) == [*names, "tutor", "day", "label", "told"]
    ours = {(s, a): row for row, (s, a) in enumerate(zip(looks.scheduled.tolist(), looks.as_of.tolist(), strict=True))}
    theirs = list(
        zip(as_microseconds(frame["scheduled_time"]).tolist(), as_microseconds(frame["as_of"]).tolist(), strict=True)
    )
    assert len(looks) > len(frame) > 0  # training leaves the gap before its test part out
    same = watched.iloc[[ours[key] for key in theirs]]
    assert same[names].to_numpy().tobytes() == frame[names].to_numpy().tobytes()
    assert same["label"].tolist() == frame["label"].tolist()


@pytest.mark.parametrize("target", TARGETS)
def test_rows_that_weigh_nothing_in_training_are_not_watched(target):
    """Tutor 0 is reminded from the middle of the history on, 1 held out, 2 reminded after the cut-off."""
    lot = int(HISTORY.sessions.scheduled.mean())
    arms = ReminderArms(
        np.array([0, 1, 2]), np.array([lot, lot, CUT_OFF]), np.array([False, True, False]), np.full(3, 0.25)
    )
    frame = training_table(HISTORY, target, CUT_OFF, interference=Interference(arms, UNTOUCHED.by_hand)).frame
    before, after = look_at_history(HISTORY, target, CUT_OFF), look_at_history(HISTORY, target, CUT_OFF, arms)
    watched = set(zip(after.scheduled.tolist(), after.as_of.tolist(), strict=True))
    times = zip(*(as_microseconds(frame[name]).tolist() for name in ("scheduled_time", "as_of")), strict=True)
    assert [row in watched for row in times] == (frame["weight"] > 0).tolist()
    assert 0 < (after.tutor == 0).sum() < (before.tutor == 0).sum()
    assert (after.tutor != 0).sum() == (before.tutor != 0).sum()


def test_a_session_belongs_to_the_day_of_its_end_and_says_whether_it_was_told():
    late = at("2026-03-10 23:30")
    ends = [{"scheduled": at("2025-01-01 10:00")}, {"scheduled": at("2026-06-01 10:00")}]
    rows = [{"scheduled": late, "duration": 60.0}, {"scheduled": late, "duration": 20.0, "outcome_known": NEVER}]
    sessions = make_sessions([*ends, *rows])
    history = type(HISTORY)(HISTORY.directory, sessions, HISTORY.tutor_profiles, HISTORY.student_profiles)
    looks = look_at_history(history, "reschedule", at("2026-07-01 00:00"))
    found = {
        int(row): (int(end), bool(told))
        for row, end, told in zip(looks.session, looks.settled, looks.told, strict=True)
    }
    assert found[2] == (late + HOUR_US, True)
    assert found[3] == (late + HOUR_US // 3, False)
    days = watched_table(history, "reschedule", looks).set_index(looks.session)["day"]
    assert (days[2], days[3]) == (late // DAY_US + 1, late // DAY_US)


def test_a_pair_belongs_to_the_day_on_which_its_thirty_days_end():
    looks = look_at_history(HISTORY, "match", CUT_OFF)
    assert (looks.settled - looks.scheduled == 30 * DAY).all()
    assert looks.told.all()
    assert (looks.session == -1).all()


def test_whole_weeks_of_a_tutor_are_drawn_and_the_same_each_time():
    looks = look_at_history(HISTORY, "reschedule", CUT_OFF)
    drawn = draw_blocks(looks, 1500)
    assert 1200 < len(drawn) < 1800
    assert drawn.session.tolist() == draw_blocks(looks, 1500).session.tolist()

    def blocks(rows):
        return rows.tutor * 10_000 + rows.settled // (7 * DAY_US)

    kept = np.isin(blocks(looks), blocks(drawn))
    assert kept.sum() == len(drawn)  # no row of a drawn block is left behind
    assert len(draw_blocks(looks, len(looks))) == len(looks)
