from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from modelling.artifact import digest_artifact, read_artifact
from modelling.bands import FEWEST_ROWS, Bands, band_of, interval_of_share, measure_bands
from tqs.errors import ModelError

from .conftest import FEATURES

WEEK_US = 7 * 86_400_000_000
MONDAY = 2800 * WEEK_US


def in_one_week(rows: int) -> np.ndarray:
    return np.full(rows, MONDAY)


def in_weeks(rows: int, weeks: int) -> np.ndarray:
    """Rows dealt to the weeks in turn."""
    return MONDAY + WEEK_US * (np.arange(rows) % weeks)


def test_two_bins_by_hand():
    scores = np.repeat([0.1, 0.3], 200)
    labels = np.concatenate([np.arange(200) < 15, np.arange(200) < 70]).astype(np.int8)

    bands = measure_bands(labels, scores, in_one_week(400))

    assert bands.edges == (0.3,)
    assert bands.rows == (200, 200)
    assert bands.predicted == pytest.approx((0.1, 0.3))
    assert bands.happened == (0.075, 0.35)
    assert bands.dispersion == 1
    for k, low, high in zip((15, 70), bands.low, bands.high, strict=True):
        exact = binomtest(k, 200).proportion_ci(0.9, "exact")
        assert (low, high) == pytest.approx((exact.low, exact.high))


def test_weighted_bins_by_hand():
    """Of 100 rows of weight 1 happened 20, of 100 of weight 3 happened 40: 140 of 400, as of 400² / 1,000 rows."""
    scores = np.repeat([0.1, 0.3, 0.5], [100, 100, 200])
    labels = np.concatenate([np.arange(100) < 20, np.arange(100) < 40, np.arange(200) < 90]).astype(np.int8)
    weights = np.repeat([1.0, 3.0, 1.0], [100, 100, 200])

    bands = measure_bands(labels, scores, in_one_week(400), weights)

    assert bands.edges == (0.5,)
    assert bands.rows == (200, 200)
    assert bands.predicted == pytest.approx(((100 * 0.1 + 300 * 0.3) / 400, 0.5))
    assert bands.happened == pytest.approx((0.35, 0.45))
    for k, rows, low, high in zip((56, 90), (160, 200), bands.low, bands.high, strict=True):
        exact = binomtest(k, rows).proportion_ci(0.9, "exact")
        assert (low, high) == pytest.approx((exact.low, exact.high))


def test_weights_that_are_all_alike_change_no_number():
    rng = np.random.default_rng(6)
    scores = rng.random(3000)
    labels = (rng.random(3000) < scores).astype(np.int8)
    plain = measure_bands(labels, scores, in_weeks(3000, 7))
    assert measure_bands(labels, scores, in_weeks(3000, 7), np.ones(3000)) == plain
    assert measure_bands(labels, scores, in_weeks(3000, 7), np.full(3000, 4.0)) == plain


def test_a_score_has_the_band_of_its_bin_also_beyond_what_was_seen():
    bands = measure_bands(np.tile([0, 1], 300).astype(np.int8), np.repeat([0.1, 0.3, 0.6], 200), in_one_week(600))

    found = band_of(bands, np.array([0.0, 0.29999, 0.3, 0.5, 0.6, 1.0]))

    places = [0, 0, 1, 1, 2, 2]
    assert found.low.tolist() == [bands.low[i] for i in places]
    assert found.high.tolist() == [bands.high[i] for i in places]
    assert found.rows.tolist() == [200] * 6
    assert found.begins.tolist() == [0, 0, 0.3, 0.3, 0.6, 0.6]
    assert found.ends.tolist() == [0.3, 0.3, 0.6, 0.6, 1, 1]


def test_with_too_few_rows_there_is_no_band_and_their_number_is_told():
    bands = measure_bands((np.arange(199) % 5 == 0).astype(np.int8), np.linspace(0.1, 0.4, 199), in_one_week(199))

    found = band_of(bands, np.array([0.2, 0.9]))

    assert (bands.low, bands.high) == ((None,), (None,))
    assert np.isnan(found.low).all()
    assert np.isnan(found.high).all()
    assert found.rows.tolist() == [199, 199]


def test_rows_of_one_score_share_a_bin_and_may_leave_another_too_small():
    scores = np.concatenate([np.full(350, 0.1), np.linspace(0.2, 0.3, 50)])

    bands = measure_bands((np.arange(400) % 4 == 0).astype(np.int8), scores, in_one_week(400))

    assert sum(bands.rows) == 400
    assert len(bands.rows) == 1  # the median is the score of the first 350


def test_none_and_all_of_a_bin():
    low, high = interval_of_share(np.array([0.0, 200.0]), np.array([200.0, 200.0]))
    for k, bounds in ((0, (low[0], high[0])), (200, (low[1], high[1]))):
        exact = binomtest(k, 200).proportion_ci(0.9, "exact")
        assert bounds == pytest.approx((exact.low, exact.high))


@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 3000),
    st.integers(1, 6),
    st.integers(1, 30),
)
@settings(max_examples=40, deadline=None)
def test_bins_hold_every_row_once_and_bands_hold_what_happened(seed: int, rows: int, decimals: int, weeks: int):
    rng = np.random.default_rng(seed)
    scores = rng.random(rows).round(decimals)
    labels = (rng.random(rows) < scores).astype(np.int8)

    bands = measure_bands(labels, scores, in_weeks(rows, weeks))

    assert sum(bands.rows) == rows
    assert np.dot(bands.rows, bands.happened) == pytest.approx(labels.sum())
    for size, low, happened, high in zip(bands.rows, bands.low, bands.happened, bands.high, strict=True):
        assert (low is None) == (size < FEWEST_ROWS)
        if low is not None and high is not None:
            assert low <= happened <= high
    found = band_of(bands, scores)
    for begin, end in zip((0.0, *bands.edges), (*bands.edges, 2.0), strict=True):
        inside = (scores >= begin) & (scores < end)
        assert set(found.rows[inside].tolist()) == {int(inside.sum())}


def test_bands_cover_the_true_rates_of_their_bins_in_nine_of_ten():
    rng = np.random.default_rng(4)
    truth = rng.beta(1.2, 8, 6000)
    scores = np.clip(truth * rng.lognormal(0, 0.3, 6000), 0, 0.99)  # that a model is not calibrated is no matter
    held = []
    for _ in range(150):
        bands = measure_bands((rng.random(6000) < truth).astype(np.int8), scores, in_weeks(6000, 13))
        rates = mean_in_bins(truth, scores, bands)
        held.append((np.array(bands.low) <= rates) & (rates <= np.array(bands.high)))
    assert 0.88 <= np.mean(held) <= 0.96


def test_weeks_that_move_together_widen_the_bands():
    rng = np.random.default_rng(5)
    p = rng.uniform(0.05, 0.4, 20_000)
    week = np.arange(20_000) % 13
    odds = np.log(p / (1 - p))
    shocks = rng.normal(0, 0.3, (4000, 1))
    truth_of = np.mean(1 / (1 + np.exp(-(np.linspace(odds.min(), odds.max(), 200) + shocks))), axis=0)
    truth = np.interp(odds, np.linspace(odds.min(), odds.max(), 200), truth_of)  # over all weeks there could be
    held, held_by_chance_alone = [], []
    for _ in range(60):
        moved = 1 / (1 + np.exp(-(odds + rng.normal(0, 0.3, 13)[week])))
        bands = measure_bands((rng.random(20_000) < moved).astype(np.int8), p, in_weeks(20_000, 13))
        rows, happened = np.array(bands.rows, dtype=float), np.array(bands.happened)
        rates = mean_in_bins(truth, p, bands)
        held.append((np.array(bands.low) <= rates) & (rates <= np.array(bands.high)))
        low, high = interval_of_share(rows * happened, rows)
        held_by_chance_alone.append((low <= rates) & (rates <= high))
    assert np.mean(held_by_chance_alone) < 0.82
    assert 0.86 < np.mean(held) < 0.97


def test_the_dispersion_of_weeks_by_hand():
    """Two weeks of 150 rows, of which 60 and 20 happened: 40 of 150 expected in each."""
    scores = np.full(300, 0.2)
    labels = np.concatenate([np.arange(150) < 60, np.arange(150) < 20]).astype(np.int8)

    bands = measure_bands(labels, scores, MONDAY + WEEK_US * np.repeat([0, 1], 150))

    rate = 80 / 300
    by_chance = 2 * rate * (1 - rate) * (150 - 150**2 / 300)
    assert bands.dispersion == pytest.approx((20**2 + 20**2) / by_chance)
    wide = measure_bands(labels, scores, in_one_week(300))
    assert bands.low[0] < wide.low[0] < wide.high[0] < bands.high[0]


def test_the_dispersion_of_weighted_weeks_by_hand():
    """A week of 100 rows of weight 1, of which 60 happened, and one of 200 of weight 2, of which 40 happened."""
    labels = np.concatenate([np.arange(100) < 60, np.arange(200) < 40]).astype(np.int8)
    weeks, weights = MONDAY + WEEK_US * np.repeat([0, 1], [100, 200]), np.repeat([1.0, 2.0], [100, 200])

    bands = measure_bands(labels, np.full(300, 0.2), weeks, weights)

    rate = (60 + 80) / 500  # 28 of the first 100 and 112 of the second 400 by weight: either is 32 away
    # Each distance is 4/5 of the first week's sum less 1/5 of the second's: (4/5)² · 100 + (1/5)² · 200 · 2² = 96
    assert bands.dispersion == pytest.approx(2 * 32**2 / (2 * rate * (1 - rate) * 96))
    few = 500**2 / 900 / bands.dispersion
    low, high = interval_of_share(np.array([rate * few]), np.array([few]))
    assert (bands.low[0], bands.high[0]) == pytest.approx((low[0], high[0]))


def test_the_hash_of_a_model_covers_its_bands_and_models_without_any_are_read(artifact):
    assert artifact.manifest.bands is None
    older = json.loads(artifact.manifest_bytes)
    del older["bands"]
    bands = measure_bands(np.tile([0, 1], 200).astype(np.int8), np.linspace(0.1, 0.9, 400), in_one_week(400))
    newer = older | {"bands": bands.model_dump()}
    hashes = set()
    for manifest, expected in ((older, None), (newer, bands)):
        data = json.dumps(manifest).encode()
        hashes.add(sha256 := digest_artifact(data, artifact.booster))
        again = read_artifact(data, artifact.booster, sha256=sha256, features=FEATURES)
        assert again.manifest.bands == expected
        with pytest.raises(ModelError, match="is damaged"):
            read_artifact(data.replace(b"0.9", b"0.8"), artifact.booster, sha256=sha256, features=FEATURES)
    assert len(hashes) == 2


@pytest.mark.parametrize(
    "change",
    [
        {"edges": ()},
        {"edges": (0.5, 0.5)},
        {"low": (0.1, None)},
        {"low": (0.4, 0.9)},
        {"happened": (0.1,)},
        {"dispersion": 0.5},
    ],
)
def test_bands_that_cannot_be_are_refused(change):
    bands = measure_bands(np.tile([0, 1], 200).astype(np.int8), np.repeat([0.1, 0.6], 200), in_one_week(400))
    with pytest.raises(ValueError, match="validation error"):
        Bands(**bands.model_dump() | change)


def mean_in_bins(values: np.ndarray, scores: np.ndarray, bands: Bands) -> np.ndarray:
    member = np.digitize(scores, bands.edges)
    return np.array([values[member == number].mean() for number in range(len(bands.rows))])
