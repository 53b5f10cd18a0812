"""Rows as the drift watch compares them, drawn from known distributions."""

from __future__ import annotations

import numpy as np
import pandas as pd

from modelling.drift import Window

THURSDAY = 20_468  # 2026-01-15 in days since 1970


def make_rows(first: int, days: int, a_day: int, seed: int, *, rate: float = 0.12, tutors: int = 150) -> pd.DataFrame:
    """Rows of two normal features and outcomes that come as predicted, each row of any tutor."""
    rng = np.random.default_rng(seed)
    n = days * a_day
    p = np.clip(rate * np.exp(0.4 * rng.normal(size=n) - 0.08), 0, 0.9)
    return pd.DataFrame(
        {
            "alpha": rng.normal(size=n),
            "beta": rng.normal(100, 20, size=n),
            "tutor": rng.integers(0, tutors, n),
            "day": np.repeat(np.arange(first, first + days), a_day),
            "label": (rng.random(n) < p).astype(np.int8),
            "told": True,
            "prediction": p,
        }
    )


def make_window(labels: list[int] | np.ndarray, reference: list[int] | np.ndarray, *, days: int = 7) -> Window:
    """A window of given labels, each of a tutor of its own."""
    return Window(days, _labelled(labels), _labelled(reference))


def _labelled(labels: list[int] | np.ndarray) -> pd.DataFrame:
    n = len(labels)
    return pd.DataFrame(
        {
            "tutor": np.arange(n),
            "day": THURSDAY,
            "label": np.asarray(labels, dtype=np.int8),
            "told": True,
            "prediction": float(np.mean(labels)),
        }
    )


def ones(count: int, rows: int) -> np.ndarray:
    """`count` ones among so many rows."""
    return np.arange(rows) < count
