from __future__ import annotations

import numpy as np
import pytest

from features.catalogue import features_of, names_of
from modelling.predictor import Predictor
from scoring.explanations import (
    Contribution,
    explain_match_rule,
    explain_matches,
    explain_predictions,
    explain_risky,
)
from tests.scoring.conftest import serve

NAMES = names_of("match")


def pair(**values: float) -> dict[str, float]:
    """Features of a pair that agrees in everything, with `values` instead."""
    told = {feature.name: feature.default for feature in features_of("match")}
    agrees = dict.fromkeys(("pace_mismatch", "style_mismatch", "communication_mismatch", "age_difference"), 0.0)
    return told | agrees | values


def matrix(*rows: dict[str, float]) -> np.ndarray:
    return np.array([[row[name] for name in NAMES] for row in rows])


def test_a_models_contributions_are_exact_and_the_largest_come_first() -> None:
    predictor = serve("match").predictor
    assert predictor is not None
    X = matrix(pair(pace_mismatch=3, student_age=9), pair(tutor_experience=20))

    found = explain_predictions(predictor, X)

    effects = predictor.contributions(X)[:, :-1]
    for i, row in enumerate(found):
        largest = sorted(effects[i].tolist(), key=abs, reverse=True)[:5]
        assert [c.effect for c in row] == [effect for effect in largest if effect]
        for c in row:
            assert c.effect == effects[i, NAMES.index(c.feature)]
            assert c.value == X[i, NAMES.index(c.feature)]
    everything = explain_predictions(predictor, X, top=17)
    bias = predictor.contributions(X)[:, -1]
    log_odds = [np.log(p / (1 - p)) for p in predictor.predict(X)]
    assert [sum(c.effect for c in row) + b for row, b in zip(everything, bias, strict=True)] == pytest.approx(
        log_odds, abs=1e-5
    )


def test_a_default_in_the_place_of_a_missing_value_is_told_as_missing() -> None:
    predictor = serve("match").predictor
    assert predictor is not None
    X = matrix(pair(), pair())
    known = np.ones(X.shape, dtype=np.bool_)
    known[1, NAMES.index("student_age")] = False

    told, untold = ({c.feature: c.phrase for c in row} for row in explain_predictions(predictor, X, 17, known=known))

    assert told["student_age"] == "the student is 15 years old"
    assert untold["student_age"] == "the age of the student is not known"
    assert {name for name in told if told[name] != untold[name]} == {"student_age"}


def test_of_many_those_of_low_risk_are_not_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    model, place = serve("reschedule"), names_of("reschedule").index("session_duration_minutes")
    monkeypatch.setattr(Predictor, "contributions", lambda _, X: np.eye(25)[[place] * len(X)])
    X = np.tile([feature.default for feature in features_of("reschedule")], (4, 1))
    X[:, place] = [30, 40, 50, 60]
    known = np.ones(X.shape, dtype=np.bool_)
    known[3, place] = False

    found = explain_risky(model, X, np.array([0.29, 0.3, 0.1, 0.9]), known)

    assert [row and [c.phrase for c in row] for row in found] == [
        None,
        ["the session is booked for 40 minutes"],
        None,
        ["the length of the session is not known"],
    ]
    assert explain_risky(serve("reschedule", rule=True), X, np.array([0.9] * 4), known) == [None] * 4


def test_the_rules_contributions_are_the_parts_of_its_probability() -> None:
    row = pair(pace_mismatch=2, style_mismatch=1, age_difference=5, compatibility_score=0.5)

    (found,) = explain_matches(serve("match", rule=True), matrix(row))

    # 0.3 · 2/4, 0.3 · 1, 0.2 · 0/4, 0.2 · 5/20
    assert found == [
        Contribution("style_mismatch", 1.0, 0.3, "their teaching styles differ"),
        Contribution("pace_mismatch", 2.0, 0.15, "their preferred paces lie 2 points apart"),
        Contribution("age_difference", 5.0, 0.05, "they are 5 years apart in age"),
        Contribution("communication_mismatch", 0.0, 0.0, "their communication styles agree"),
    ]
    assert sum(c.effect for c in found) == pytest.approx(1 - 0.5)


def test_the_rule_tells_what_it_does_not_know() -> None:
    X = matrix(pair(age_difference=10))
    known = np.ones(X.shape, dtype=np.bool_)
    known[0, NAMES.index("age_difference")] = False

    (found,) = explain_match_rule(X, known)

    assert found[0] == Contribution("age_difference", 10.0, 0.1, "the age of one of them is not known")


def test_no_rows_no_explanations() -> None:
    empty = np.empty((0, 17))
    assert explain_matches(serve("match"), empty) == []
    assert explain_matches(serve("match", rule=True), empty) == []
