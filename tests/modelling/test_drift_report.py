"""Evidently's figures are those that thresholds are drawn for, and its page is kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from modelling.drift import Window
from modelling.drift_effect import normed_wasserstein
from modelling.drift_report import measure_effects

from .drift_rows import THURSDAY, make_rows


def test_evidently_gives_the_same_numbers_also_for_columns_of_few_values(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    current, reference = make_rows(THURSDAY, 7, 100, seed=1), make_rows(THURSDAY - 70, 70, 100, seed=2)
    for rows, often in ((current, 0.3), (reference, 0.1)):
        rows["flag"] = (rng.random(len(rows)) < often).astype(float)
    reference["flat"], current["flat"] = 2.0, 2.5
    window = Window(7, current, reference)
    page = tmp_path / "features.html"

    effects = measure_effects(window, {"beta": 0.1, "flag": 0.1, "flat": 0.1, "prediction": 0.1}, page)

    assert list(effects) == ["beta", "flag", "flat", "prediction"]
    for name, effect in effects.items():
        assert effect == pytest.approx(normed_wasserstein(reference[name].to_numpy(), current[name].to_numpy()))
    moved = current["flag"].mean() - reference["flag"].mean()
    assert effects["flag"] == pytest.approx(moved / reference["flag"].std(ddof=0))
    said = page.read_text()
    assert all(f"column={name}," in said or f"column {name}" in said for name in effects)
