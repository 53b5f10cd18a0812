import pytest

from features.catalogue import features_of, names_of
from records.columns import TARGETS

SESSION_NAMES = [
    "tutor_reschedule_rate_7d",
    "tutor_reschedule_rate_30d",
    "tutor_reschedule_rate_90d",
    "tutor_total_sessions_7d",
    "tutor_total_sessions_30d",
    "tutor_total_sessions_90d",
    "tutor_is_high_risk",
    "tutor_reschedule_trend",
    "tutor_no_show_rate_90d",
    "day_of_week",
    "hour_of_day",
    "time_of_day_category",
    "is_weekend",
    "days_until_session",
    "hours_until_session",
    "session_duration_minutes",
    "hours_since_booked",
    "student_reschedule_rate_90d",
    "student_no_show_rate_90d",
    "student_reschedules_90d",
    "student_no_shows_90d",
    "student_total_sessions_90d",
    "student_is_known",
    "pair_sessions_so_far",
]
MATCH_NAMES = [
    "pace_mismatch",
    "style_mismatch",
    "communication_mismatch",
    "age_difference",
    "student_age",
    "student_pace",
    "student_urgency",
    "student_experience",
    "student_satisfaction",
    "tutor_age",
    "tutor_experience",
    "tutor_confidence",
    "tutor_pace",
    "tutor_reschedule_rate_30d",
    "tutor_total_sessions_30d",
    "tutor_is_high_risk",
    "compatibility_score",
]


def test_the_order_of_the_columns_is_the_one_that_was_promised():
    assert list(names_of("match")) == MATCH_NAMES
    assert list(names_of("reschedule")) == list(names_of("no_show")) == SESSION_NAMES


def test_another_target_is_refused_by_name():
    with pytest.raises(ValueError, match="no target is called 'churn'; the targets are match, reschedule, no_show"):
        names_of("churn")


@pytest.mark.parametrize("target", TARGETS)
def test_every_feature_is_documented_and_its_default_lies_in_its_range(target):
    for feature in features_of(target):
        assert feature.unit
        assert feature.meaning
        assert feature.concept
        assert feature.low <= feature.default <= feature.high
        assert all(feature.low <= value <= feature.high for value in feature.phrases)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("tutor_reschedule_rate_30d", 0.2, "the tutor rescheduled 20% of the sessions of the last 30 days"),
        ("tutor_reschedule_rate_30d", 0.0, "the tutor rescheduled no session in the last 30 days"),
        ("tutor_total_sessions_7d", 12.0, "the tutor had 12 sessions in the last 7 days"),
        ("tutor_total_sessions_7d", 1.0, "the tutor had one session in the last 7 days"),
        ("tutor_is_high_risk", 1.0, "the tutor rescheduled more than 15% of the sessions of the last 30 days"),
        ("day_of_week", 0.0, "the session is on a Monday"),
        ("time_of_day_category", 3.0, "the session is at night"),
        ("hour_of_day", 9.0, "the session starts after 09:00"),
        ("hours_since_booked", -1.0, "nobody told when the session was booked"),
        ("student_no_shows_90d", 2.0, "the student had 2 no-shows in the last 90 days"),
        ("pair_sessions_so_far", 0.0, "the two had no session together so far"),
    ],
)
def test_values_in_words(name, value, sentence):
    feature = next(f for f in features_of("reschedule") if f.name == name)
    assert feature.describe(value) == sentence


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("pace_mismatch", 0.0, "they prefer the same pace"),
        ("pace_mismatch", 1.0, "their preferred paces lie one point apart"),
        ("pace_mismatch", 3.0, "their preferred paces lie 3 points apart"),
        ("student_pace", 4.0, "the student's preferred pace is 4 out of 5"),
        ("student_satisfaction", 2.5, "the student's satisfaction with earlier tutoring is 2.5 out of 5"),
        ("student_experience", 3.0, "the student has had tutoring 3 times before"),
        ("compatibility_score", 0.625, "their compatibility score is 62%"),
    ],
)
def test_values_of_a_pair_in_words(name, value, sentence):
    feature = next(f for f in features_of("match") if f.name == name)
    assert feature.describe(value) == sentence


def test_a_default_is_not_told_as_a_value():
    age, rate = (
        next(f for f in features_of("match") if f.name == n) for n in ("student_age", "tutor_total_sessions_30d")
    )
    assert age.describe(15.0) == "the student is 15 years old"
    assert age.describe(15.0, known=False) == "the age of the student is not known"
    assert rate.describe(0.0, known=False) == "the tutor had no session in the last 30 days"


@pytest.mark.parametrize("target", TARGETS)
def test_no_phrase_leaves_a_brace(target):
    for feature in features_of(target):
        for value in (feature.default, feature.low, 0.5, 3.0):
            assert "{" not in feature.describe(value)
            assert "{" not in feature.describe(value, known=False)
