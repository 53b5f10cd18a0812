from __future__ import annotations

import math

import numpy as np
import pytest
from pydantic import ValidationError

from modelling.calibrator import Calibrator, apply_calibrator


def test_none_is_the_logistic_function():
    calibrator = Calibrator(kind="none", lowest=0.001, highest=0.999)
    got = apply_calibrator(calibrator, np.array([0.0, math.log(3), -50, 50], dtype=np.float32))
    np.testing.assert_allclose(got, [0.5, 0.75, 0.001, 0.999], rtol=1e-6)


def test_platt_moves_and_stretches_the_log_odds():
    calibrator = Calibrator(kind="platt", slope=2.0, intercept=-1.0, lowest=0.001, highest=0.999)
    np.testing.assert_allclose(apply_calibrator(calibrator, np.array([0.5, 1.0])), [0.5, 1 / (1 + math.exp(-1))])


def test_isotonic_is_straight_between_its_knots_and_flat_outside():
    calibrator = Calibrator(
        kind="isotonic",
        knots_log_odds=(-1.0, 1.0, 2.0),
        knots_probability=(0.1, 0.3, 0.9),
        lowest=0.15,
        highest=0.85,
    )
    got = apply_calibrator(calibrator, np.array([-9.0, 0.0, 1.5, 9.0]))
    np.testing.assert_allclose(got, [0.15, 0.2, 0.6, 0.85])


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "none", "lowest": 0.0},
        {"kind": "none", "highest": 1.0},
        {"kind": "platt", "slope": -1.0},
        {"kind": "platt", "slope": float("nan")},
        {"kind": "isotonic"},
        {"kind": "isotonic", "knots_log_odds": (0.0, 0.0), "knots_probability": (0.1, 0.2)},
        {"kind": "isotonic", "knots_log_odds": (0.0, 1.0), "knots_probability": (0.2, 0.1)},
        {"kind": "isotonic", "knots_log_odds": (0.0,), "knots_probability": (0.2, 0.3)},
        {"kind": "sigmoid"},
    ],
)
def test_a_map_that_is_none_is_refused(wrong):
    with pytest.raises(ValidationError):
        Calibrator(**{"lowest": 0.001, "highest": 0.999, **wrong})
