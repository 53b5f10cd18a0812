"""Our model on real bookings, beside the models that one would try first (`make test-long`)."""

import os

import pytest

from benchmarks import real_bookings


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.skipif(
    real_bookings.DATA_VARIABLE not in os.environ, reason=f"{real_bookings.DATA_VARIABLE} names no folder of bookings"
)
def test_our_model_holds_its_own_both_ways_round() -> None:
    results = real_bookings.run()
    assert len(results) == 6  # log loss beside the best, beside the seeds' recipe, and calibration; both ways round
    assert [row["name"] for row in results if not row["ok"]] == []
