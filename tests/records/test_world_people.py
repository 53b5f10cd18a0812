from datetime import UTC, datetime

import numpy as np

from records.columns import DAY_US
from records.world.people import draw_students, draw_tutors, profiles_before
from records.world.times import read_times

START = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
END = START + 300 * DAY_US


def test_a_changed_profile_counts_only_after_its_valid_from() -> None:
    tutors = draw_tutors(200, START, END, seed=5)
    changed = np.flatnonzero(tutors.second >= 0)
    assert len(changed) > 3
    moment = read_times(tutors.frame["valid_from"])[tutors.second[changed]]
    original, later = tutors.frame.iloc[changed], tutors.frame.iloc[tutors.second[changed]]
    assert (original["valid_from"].to_numpy() < later["valid_from"].to_numpy()).all()
    assert profiles_before(tutors, changed, moment).equals(original)
    assert profiles_before(tutors, changed, moment + 1).equals(later)


def test_a_profile_that_never_changed_counts_always() -> None:
    students = draw_students(50, START, END, seed=5)
    same = np.flatnonzero(students.second < 0)
    for moment in (START, END):
        assert profiles_before(students, same, np.full(len(same), moment)).equals(students.frame.iloc[same])


def test_unreliable_tutors_seem_less_confident_but_not_surely_so() -> None:
    tutors = draw_tutors(2_000, START, END, seed=5)
    confidence = tutors.frame["confidence_level"].to_numpy(dtype=float)[tutors.first]
    assert -0.5 < np.corrcoef(confidence, tutors.unreliability)[0, 1] < -0.1
