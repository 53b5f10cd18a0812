from __future__ import annotations

import numpy as np
import pytest

from modelling.risk import RiskThresholds, risk_codes, risk_levels
from tqs.errors import ModelError


def test_low_below_the_first_threshold_high_from_the_second_on():
    thresholds = RiskThresholds(0.15, 0.35)
    p = np.array([0.0, 0.1499, 0.15, 0.3499, 0.35, 1.0])
    assert risk_codes(p, thresholds).tolist() == [0, 0, 1, 1, 2, 2]
    assert risk_levels(p, thresholds).tolist() == ["low", "low", "medium", "medium", "high", "high"]


@pytest.mark.parametrize(("low", "high"), [(0.5, 0.5), (0.6, 0.3), (0, 0.5), (0.5, 1), (float("nan"), 0.5)])
def test_thresholds_out_of_order_are_refused(low, high):
    with pytest.raises(ModelError, match="0 < low < high < 1"):
        RiskThresholds(low, high)
