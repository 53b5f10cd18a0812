from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from modelling.evaluation import evaluate
from modelling.gate import compare_losses, judge
from modelling.risk import RiskThresholds

THRESHOLDS = RiskThresholds(0.15, 0.35)


@pytest.fixture(scope="module")
def outcome():
    """4,000 rows, their true probabilities and labels drawn from them."""
    rng = np.random.default_rng(8)
    p = np.clip(rng.beta(1, 6, 4000), 0.002, 0.99)
    return p, (rng.random(4000) < p).astype(np.int8)


def ask(
    y,
    challenger,
    *,
    rule=None,
    champion=None,
    comparable=None,
    leakage=None,
    concepts=None,
    base_rate=0.14,
    weights=None,
):
    rule = np.full(len(y), 0.1) if rule is None else rule
    return judge(
        y,
        challenger,
        evaluate(y, challenger, THRESHOLDS, weights=weights),
        base_rate=base_rate,
        rule=rule,
        champion=champion,
        comparable=comparable,
        leakage=leakage or {"a": 0.7},
        concepts=concepts or {"tutor": 0.4, "time": 0.3, "lead": 0.3},
        weights=weights,
    )


def test_the_first_good_model_is_promoted_and_says_why(outcome):
    p, y = outcome
    verdict = ask(y, p)
    assert verdict.decision == "promote"
    assert "There was no champion." in verdict.reason
    assert verdict.warnings == ()


def test_rows_that_stand_for_others_compare_as_fewer(outcome):
    """600 rows compare, 60 of which weigh 20: they tell as much as (540 + 1200)² / (540 + 60 · 400) = 123."""
    p, y = outcome
    comparable = np.arange(4000) < 600
    weights = np.where(np.arange(4000) % 10 == 0, 20.0, 1.0)
    assert ask(y, p, champion=p.copy(), comparable=comparable).decision == "promote"
    verdict = ask(y, p, champion=p.copy(), comparable=comparable, weights=np.where(comparable, weights, 1.0))
    assert verdict.decision == "keep"
    assert "too few to compare the two on" in verdict.reason


def test_a_model_that_knows_only_the_base_rate_is_refused(outcome):
    _, y = outcome
    verdict = ask(y, np.full(len(y), y.mean()))
    assert verdict.decision == "refuse"
    assert any("base rate" in reason and "nothing was learned" in reason for reason in verdict.reasons)


def test_a_model_no_better_than_the_rule_is_refused(outcome):
    p, y = outcome
    verdict = ask(y, p, rule=p.copy())
    assert verdict.decision == "refuse"
    assert len(verdict.reasons) == 1
    assert "the fallback rule" in verdict.reason


def test_a_rule_that_is_once_certain_and_wrong_is_no_free_win(outcome):
    """Clipped at one in a thousand, a certain rule costs at most 6.9 a row."""
    p, y = outcome
    certain = p.copy()
    certain[np.flatnonzero(y)[0]] = 0.0
    verdict = ask(y, p, rule=certain)
    assert verdict.against_rule.mean == pytest.approx(
        (np.log(0.001) - np.log(p[np.flatnonzero(y)[0]])) / len(y), rel=1e-3
    )
    assert verdict.decision == "refuse"


def test_a_challenger_clearly_worse_than_the_champion_is_kept_out(outcome):
    p, y = outcome
    rough = np.clip(p + np.random.default_rng(1).normal(0, 0.08, len(p)), 0.02, 0.9)
    verdict = ask(y, rough, champion=p)
    assert verdict.decision == "keep"
    assert "it stays" in verdict.reason


def test_a_challenger_as_good_as_the_champion_serves(outcome):
    p, y = outcome
    assert ask(y, p, champion=p).decision == "promote"


def test_the_mean_prediction_may_not_stray_by_more_than_a_third(outcome):
    p, y = outcome
    assert ask(y, np.clip(p * 1.5, 0.001, 0.95)).decision == "refuse"
    verdict = ask(y, np.clip(p * 1.25 * y.mean() / p.mean(), 0.001, 0.95))
    assert verdict.decision == "promote"
    assert any("the base rate moves" in warning for warning in verdict.warnings)


def test_calibration_error_is_limited_by_the_base_rate_or_by_chance(outcome):
    p, y = outcome
    good = evaluate(y, p, THRESHOLDS)
    given = {
        "base_rate": 0.14,
        "rule": np.full(len(y), 0.1),
        "champion": None,
        "leakage": {},
        "concepts": {"tutor": 0.2},
    }

    def decide(ece: float, floor: float):
        return judge(y, p, replace(good, base_rate=0.1, mean_prediction=0.1, ece=ece, ece_noise_floor=floor), **given)

    assert decide(0.034, 0.01).decision == "promote"
    assert decide(0.036, 0.01).decision == "refuse"
    assert decide(0.036, 0.04).decision == "promote"
    assert [len(decide(ece, 0.01).warnings) for ece in (0.017, 0.018)] == [0, 1]


def test_a_leak_is_refused_however_good_the_model(outcome):
    p, y = outcome
    verdict = ask(y, p, leakage={"session_duration_minutes": 0.99, "a": 0.95})
    assert verdict.decision == "refuse"
    assert len(verdict.reasons) == 1
    assert "session_duration_minutes separates the target alone (ROC AUC 0.990" in verdict.reason


def test_a_concept_above_half_of_the_gain_is_a_warning(outcome):
    p, y = outcome
    verdict = ask(y, p, concepts={"tutor": 0.51, "time": 0.49})
    assert verdict.decision == "promote"
    assert [("tutor" in warning, "51%" in warning) for warning in verdict.warnings] == [(True, True)]


def test_the_paired_difference_of_three_rows_by_hand():
    got = compare_losses(np.array([1.0, 2.0, 3.0]), np.array([2.0, 2.0, 5.0]))
    assert got.mean == -1.0
    assert got.standard_error == pytest.approx(1 / np.sqrt(3))  # deviation of (−1, 0, −2) is 1
    assert not got.clearly_better
    assert compare_losses(np.array([1.0, 2.0, 3.0]), np.array([3.0, 4.0, 5.1])).clearly_better


def first_rows(n, rows):
    return np.arange(n) < rows


def test_a_champion_is_compared_only_on_rows_that_it_did_not_learn_from(outcome):
    """It knows the labels of the older rows by heart; on the others it knows no more than the base rate."""
    p, y = outcome
    champion = np.where(first_rows(len(y), 2000), np.where(y == 1, 0.99, 0.01), 0.14)
    assert ask(y, p, champion=champion).decision == "keep"
    verdict = ask(y, p, champion=champion, comparable=~first_rows(len(y), 2000))
    assert verdict.decision == "promote"
    assert verdict.against_champion.clearly_better


@pytest.mark.parametrize("rows", [0, 1, 30, 499])
def test_where_too_few_rows_are_new_to_the_champion_it_stays(outcome, rows):
    p, y = outcome
    verdict = ask(y, p, champion=p.copy(), comparable=first_rows(len(y), rows))
    assert verdict.decision == "keep"
    assert f"Only {rows} rows of the test part" in verdict.reason
    assert ask(y, p, champion=p.copy(), comparable=first_rows(len(y), 500)).decision == "promote"


def test_fifty_of_a_class_are_needed_too(outcome):
    p, y = outcome
    few = first_rows(len(y), len(y)) & ((y == 0) | (np.cumsum(y) <= 49))
    assert ask(y, p, champion=p.copy(), comparable=few).decision == "keep"


def test_a_champion_that_is_clearly_beaten_on_the_few_rows_goes(outcome):
    p, y = outcome
    poor = np.full(len(y), 0.6)
    assert ask(y, p, champion=poor, comparable=first_rows(len(y), 300)).decision == "promote"
