import numpy as np
import pytest

from features.catalogue import names_of
from features.matrix import pair_features
from features.pairing import (
    StudentVectors,
    TutorVectors,
    incompatibility_parts,
    known_features,
    pair_block,
    pair_matrix,
    student_vectors,
    tutor_vectors,
)
from records.columns import MISSING, RESCHEDULED
from tests.features.histories import DAY, at, make_history, make_sessions, make_students, make_tutors, random_history

NOW = at("2026-06-01 12:00")
STUDENT = {
    "student": 0,
    "valid_from": MISSING,
    "age": 16.0,
    "preferred_pace": 4.0,
    "preferred_teaching_style": 2,
    "communication_style_preference": 5.0,
    "urgency_level": 4.0,
    "previous_tutoring_experience": 7.0,
    "previous_satisfaction": 2.0,
}
TUTOR = {
    "tutor": 0,
    "valid_from": MISSING,
    "age": 31.0,
    "experience_years": 6.0,
    "teaching_style": 2,
    "preferred_pace": 2.0,
    "communication_style": 4.0,
    "confidence_level": 5.0,
}


def features_of_pair(student, tutor, sessions=()):
    history = make_history(make_sessions(sessions), make_tutors([tutor]), make_students([student]))
    row = pair_features(history, np.array([0]), np.array([0]), np.array([NOW]))[0]
    return dict(zip(names_of("match"), row.tolist(), strict=True))


def test_a_pair_worked_out_by_hand():
    moved = {"scheduled": NOW - 5 * DAY, "status": RESCHEDULED, "by_tutor": True, "outcome_known": NOW - 6 * DAY}
    sessions = [moved, *({"scheduled": NOW - day * DAY} for day in (1, 2, 3))]
    features = features_of_pair(STUDENT, TUTOR, sessions)
    # 1 − (0.3 · 2/4 + 0.3 · 0 + 0.2 · 1/4 + 0.2 · 15/20) = 1 − (0.15 + 0.05 + 0.15)
    assert features.pop("compatibility_score") == pytest.approx(0.65, abs=1e-15)
    assert features == {
        "pace_mismatch": 2,
        "style_mismatch": 0,
        "communication_mismatch": 1,
        "age_difference": 15,
        "student_age": 16,
        "student_pace": 4,
        "student_urgency": 4,
        "student_experience": 7,
        "student_satisfaction": 2,
        "tutor_age": 31,
        "tutor_experience": 6,
        "tutor_confidence": 5,
        "tutor_pace": 2,
        "tutor_reschedule_rate_30d": 0.25,
        "tutor_total_sessions_30d": 4,
        "tutor_is_high_risk": 1,
    }


def test_missing_values_count_as_the_defaults():
    features = features_of_pair({"student": 0, "valid_from": MISSING}, {"tutor": 0, "valid_from": MISSING})
    # 1 − (0.3 · 2.5/4 + 0.3 · 0.5 + 0.2 · 2.5/4 + 0.2 · 10/20) = 1 − (0.1875 + 0.15 + 0.125 + 0.1)
    assert features.pop("compatibility_score") == pytest.approx(0.4375, abs=1e-15)
    assert list(features.values()) == [2.5, 0.5, 2.5, 10, 15, 3, 3, 0, 3, 30, 2, 3, 3, 0, 0, 0]


def test_one_missing_side_makes_the_mismatch_missing():
    for student, tutor in (({}, {"preferred_pace": np.nan, "teaching_style": -1}), ({"age": np.nan}, {})):
        features = features_of_pair(STUDENT | student, TUTOR | tutor)
        assert features["pace_mismatch"] == (2.5 if tutor else 2)
        assert features["style_mismatch"] == (0.5 if tutor else 0)
        assert features["age_difference"] == (15 if tutor else 10)
    assert features_of_pair(STUDENT | {"preferred_teaching_style": 0}, TUTOR)["style_mismatch"] == 1


def test_what_is_known_and_what_a_default_stands_for():
    nan = np.array([np.nan, 4.0])
    told = np.array([3.0, 3.0])
    students = StudentVectors(told, nan, np.array([2, -1], dtype=np.int8), told, told, told, nan)
    tutors = TutorVectors(nan, told, np.array([1, 1], dtype=np.int8), told, told, told, told, told, told)
    known = known_features(students, tutors)
    assert known.shape == (2, 17)
    unknown = [[n for n, k in zip(names_of("match"), row, strict=True) if not k] for row in known]
    assert unknown == [
        ["pace_mismatch", "age_difference", "student_pace", "student_satisfaction", "tutor_age"],
        ["style_mismatch"],
    ]


def test_the_parts_of_incompatibility_by_hand():
    parts = incompatibility_parts(
        {
            "pace_mismatch": np.array([3.0]),
            "style_mismatch": np.array([0.5]),
            "communication_mismatch": np.array([4.0]),
            "age_difference": np.array([44.0]),
        }
    )
    assert {name: part[0] for name, part in parts.items()} == pytest.approx(
        {"pace_mismatch": 0.225, "style_mismatch": 0.15, "communication_mismatch": 0.2, "age_difference": 0.2}
    )


def test_the_least_compatible_pair_reaches_zero_and_the_best_one():
    student = STUDENT | {"age": 10.0, "preferred_pace": 1.0, "communication_style_preference": 1.0}
    tutor = TUTOR | {"age": 90.0, "preferred_pace": 5.0, "communication_style": 5.0, "teaching_style": 0}
    assert features_of_pair(student, tutor)["compatibility_score"] == 0
    elder = TUTOR | {"age": 66.0, "preferred_pace": 4.0, "communication_style": 5.0}
    assert features_of_pair(STUDENT, elder)["compatibility_score"] == pytest.approx(0.8)  # 50 years count as 20
    twin = TUTOR | {"age": 16.0, "preferred_pace": 4.0, "communication_style": 5.0}
    assert features_of_pair(STUDENT, twin)["compatibility_score"] == 1


def test_the_profile_is_the_one_known_at_the_moment():
    older = STUDENT | {"valid_from": NOW - 9 * DAY, "known": NOW - 9 * DAY, "age": 15.0}
    newer = STUDENT | {"valid_from": NOW - 5 * DAY, "known": NOW - 2 * DAY, "age": 16.0}
    history = make_history(students=make_students([newer, older]), tutors=make_tutors([TUTOR]))
    as_of = NOW - np.array([9, 8, 3, 2, 1]) * DAY
    zero = np.zeros(5, dtype=np.int64)
    ages = pair_features(history, zero, zero, as_of)[:, names_of("match").index("student_age")]
    assert ages.tolist() == [15, 15, 15, 15, 16]  # 15 is the default at first, and then what was told
    pace = pair_features(history, zero, zero, as_of)[:, names_of("match").index("student_pace")]
    assert pace.tolist() == [3, 4, 4, 4, 4]


@pytest.mark.parametrize(("students", "tutors"), [(9, 5), (1, 1), (40, 700), (3, 20_000), (0, 5), (5, 0)])
def test_a_block_equals_the_rows_bit_for_bit(students, tutors):
    rng = np.random.default_rng(students)
    student, tutor = _random_vectors(rng, StudentVectors, students), _random_vectors(rng, TutorVectors, tutors)
    pairs = pair_matrix(
        student.take(np.repeat(np.arange(students), tutors)), tutor.take(np.tile(np.arange(tutors), students))
    )
    for dtype in (np.float64, np.float32):
        out = np.full((students * tutors, 17), np.nan, dtype=dtype)
        pair_block(student, tutor, out)
        assert out.tobytes() == pairs.astype(dtype).tobytes()


def test_a_block_from_a_history_equals_pair_features():
    history = random_history(7)
    students, tutors = np.arange(9), np.arange(5)
    out = np.empty((45, 17))
    pair_block(
        student_vectors(history.student_profiles, students, np.full(9, NOW)),
        tutor_vectors(history.tutor_profiles, history.sessions, tutors, np.full(5, NOW)),
        out,
    )
    rows = pair_features(history, np.repeat(students, 5), np.tile(tutors, 9), np.full(45, NOW))
    assert out.tobytes() == rows.tobytes()


@pytest.mark.parametrize("out", [np.empty((6, 16)), np.empty((5, 17)), np.empty((17, 6)).T])
def test_a_block_refuses_a_matrix_that_does_not_fit(out):
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"expected \(6, 17\) in C order"):
        pair_block(_random_vectors(rng, StudentVectors, 2), _random_vectors(rng, TutorVectors, 3), out)


def _random_vectors(rng, kind, n):
    columns = {name: np.where(rng.random(n) < 0.1, np.nan, rng.random(n) * 5) for name in kind.__slots__}
    return kind(**columns | {"style": rng.integers(-1, 5, n).astype(np.int8)})
