from __future__ import annotations

import numpy as np
import pytest

from modelling.calibration import KINDS, choose_calibration, fit_calibrator
from modelling.calibrator import apply_calibrator
from modelling.evaluation import log_losses


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def folds_of(truth, n: int = 4000, folds: int = 4, seed: int = 2):
    """Log odds that a model said and labels drawn from truth(log odds, fold)."""
    rng = np.random.default_rng(seed)
    said = [rng.normal(-1, 1.5, n) for _ in range(folds)]
    return said, [(rng.random(n) < truth(z, k)).astype(np.int8) for k, z in enumerate(said)]


def test_platt_finds_the_line_that_the_labels_were_drawn_from():
    said, labels = folds_of(lambda z, _: sigmoid(0.6 * z - 0.4), n=20_000)
    fitted = fit_calibrator("platt", said, labels, [1] * 4)
    assert (fitted.slope, fitted.intercept) == (pytest.approx(0.6, abs=0.03), pytest.approx(-0.4, abs=0.05))


def test_labels_that_have_nothing_to_do_with_the_scores_give_the_base_rate():
    said, labels = folds_of(lambda z, _: np.where(z > -1, 0.05, 0.15))
    fitted = fit_calibrator("platt", said, labels, [1] * 4)
    got = apply_calibrator(fitted, np.array([-3.0, 0.0, 3.0]))
    np.testing.assert_allclose(got, np.concatenate(labels).mean(), rtol=0.01)
    assert (np.diff(got) > 0).all()


def test_isotonic_follows_a_bend_that_no_line_can():
    bend = lambda z, _: np.where(z < 0, 0.1, 0.5)  # noqa: E731
    said, labels = folds_of(bend)
    fitted = fit_calibrator("isotonic", said, labels, [1] * 4)
    np.testing.assert_allclose(apply_calibrator(fitted, np.array([-1.0, 2.0])), [0.1, 0.5], atol=0.05)
    chosen = choose_calibration(said, labels)
    assert chosen.chosen.kind == "isotonic"


def test_a_step_of_one_row_does_not_say_nought_or_one():
    said = [np.linspace(-3, 3, 40)] * 2
    labels = [(said[0] > 0).astype(np.int8)] * 2
    got = apply_calibrator(fit_calibrator("isotonic", said, labels, [1, 1]), np.array([-99.0, 99.0]))
    assert got[0] > 0.01
    assert got[1] < 0.99


@pytest.mark.parametrize("kind", KINDS)
def test_calibrated_scores_rank_as_before_and_stay_within_the_clip(kind):
    said, labels = folds_of(lambda z, _: sigmoid(z), n=300)
    fitted = fit_calibrator(kind, said, labels, [0.25, 0.5, 1, 1])
    got = apply_calibrator(fitted, np.sort(np.concatenate([*said, [-80, 80]])))
    assert (np.diff(got) >= 0).all()
    assert got[0] >= 1 / 1202 and got[-1] <= 1 - 1 / 1202  # noqa: PT018


def test_no_candidate_is_judged_on_rows_it_was_fitted_on():
    """Labels of pure noise: in-sample isotonic always wins, cross-fitted it loses to a constant."""
    said, labels = folds_of(lambda z, _: np.full(len(z), 0.3), n=1000)
    candidates = {(c.kind, c.fading): c for c in choose_calibration(said, labels).candidates}
    x, y = np.concatenate(said), np.concatenate(labels)
    in_sample = {k: log_losses(y, apply_calibrator(fit_calibrator(k, said, labels, [1] * 4), x)).mean() for k in KINDS}
    assert in_sample["isotonic"] < in_sample["platt"]
    assert candidates["isotonic", 1.0].log_loss > candidates["platt", 1.0].log_loss
    assert x.shape == y.shape


def test_recent_folds_weigh_more_where_the_base_rate_moves():
    said, labels = folds_of(lambda z, k: sigmoid(z - 0.8 * k), n=1500, folds=5)
    calibration = choose_calibration(said, labels)
    assert calibration.chosen.fading == 0.25
    alike, last = (fit_calibrator("platt", said, labels, weights) for weights in ([1] * 5, [0, 0, 0, 0, 1]))
    assert last.intercept < calibration.calibrator.intercept < alike.intercept - 0.5
    steady_said, steady_labels = folds_of(lambda z, _: sigmoid(z), n=1500, folds=5)
    steady = choose_calibration(steady_said, steady_labels)
    assert (steady.chosen.kind, steady.chosen.fading) == ("platt", 1.0)


def test_a_fold_without_weight_does_not_count():
    said, labels = folds_of(lambda z, k: sigmoid(z - 3 * (k == 0)))
    without = fit_calibrator("platt", said[1:], labels[1:], [1, 1, 1])
    weightless = fit_calibrator("platt", said, labels, [0, 1, 1, 1])
    assert weightless.intercept == pytest.approx(without.intercept, abs=1e-3)
