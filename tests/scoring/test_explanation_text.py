from __future__ import annotations

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from features.catalogue import features_of
from scoring.explanation_text import MatchFacts, write_explanation
from scoring.explanations import Contribution
from scoring.spoken_numbers import read_quantities


def because(feature: str, value: float, effect: float) -> Contribution:
    phrase = next(f for f in features_of("match") if f.name == feature).describe(value)
    return Contribution(feature, value, effect, phrase)


def facts(risk_level: str, *contributions: Contribution, **more: Any) -> MatchFacts:
    return MatchFacts(
        **{"fallback": False, "student": {}, "tutor": {}, **more}, risk_level=risk_level, contributions=contributions
    )


def test_a_high_risk_by_hand() -> None:
    assert write_explanation(
        facts(
            "high",
            because("tutor_reschedule_rate_30d", 0.25, 0.8),
            because("pace_mismatch", 3, 0.5),
            because("student_experience", 4, -0.4),
            because("style_mismatch", 1, 0.3),
            because("tutor_experience", 6, -0.1),
        )
    ) == (
        "There is a high risk that this student and this tutor will not continue together. "
        "What counts most against the match is that the tutor rescheduled 25% of the sessions of the last 30 days, "
        "that their preferred paces lie 3 points apart and that their teaching styles differ. "
        "What counts most in its favour is that the student has had tutoring 4 times before and that the tutor has 6 "
        "years of experience."
    )


def test_a_low_risk_starts_with_what_speaks_for_the_match() -> None:
    assert write_explanation(facts("low", because("age_difference", 30, 0.6), because("pace_mismatch", 0, -0.5))) == (
        "There is a low risk that this student and this tutor will not continue together. "
        "What counts most in favour of the match is that they prefer the same pace. "
        "What counts most against it is that they are 30 years apart in age."
    )


def test_the_rule_by_hand() -> None:
    assert write_explanation(
        facts(
            "medium",
            because("style_mismatch", 1, 0.3),
            because("pace_mismatch", 1, 0.075),
            because("communication_mismatch", 0, 0.0),
            fallback=True,
        )
    ) == (
        "Judged by their profiles alone, there is a medium risk that this student and this tutor will not continue "
        "together. What counts most against the match is that their teaching styles differ and that their preferred "
        "paces lie one point apart. What counts most in its favour is that their communication styles agree."
    )


def test_one_side_alone_and_none() -> None:
    assert write_explanation(facts("medium", because("pace_mismatch", 2, 0.5))).endswith(
        "together. What counts most against the match is that their preferred paces lie 2 points apart."
    )
    assert write_explanation(facts("medium")).endswith(
        "together. No single trait of the two stands out for or against the match."
    )


def test_what_two_features_say_is_said_once() -> None:
    text = write_explanation(
        facts("high", because("tutor_is_high_risk", 1, 0.5), because("tutor_reschedule_rate_30d", 0.25, -0.2))
    )
    assert "more than 15%" in text
    assert "25%" not in text


@given(
    st.sampled_from(("low", "medium", "high")),
    st.booleans(),
    st.lists(
        st.tuples(st.sampled_from(features_of("match")), st.floats(0, 1), st.floats(-2, 2), st.booleans()),
        max_size=5,
        unique_by=lambda drawn: drawn[0].name,
    ),
)
def test_two_or_three_plain_sentences_with_the_supplied_numbers_only(
    level: str, fallback: bool, drawn: list[tuple[Any, float, float, bool]]
) -> None:
    contributions = []
    for feature, place, effect, known in drawn:
        value = round(feature.low + place * (min(feature.high, 60.0) - feature.low), int(feature.unit != "0 or 1"))
        contributions.append(Contribution(feature.name, value, effect, feature.describe(value, known=known)))

    text = write_explanation(facts(level, *contributions, fallback=fallback))

    assert 2 <= len(re.findall(r"[.!?](?: |$)", text)) <= 3
    assert f"a {level} risk" in text
    assert text.endswith(".")
    assert len(text) < 1000
    assert re.fullmatch(r"[A-Za-z0-9 ,.'%]+", text)
    supplied = set().union(*(read_quantities(c.phrase) for c in contributions)) if contributions else set()
    assert read_quantities(text) <= supplied
