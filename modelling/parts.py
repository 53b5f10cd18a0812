"""A part of a training table as what models are fitted and judged on: a matrix, labels, times and weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from modelling.weights import weights_of

Float64 = NDArray[np.float64]
Int8 = NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Part:
    """n rows of a table.

    rows: their times, label and weight. X: (n, features) row by row in memory, since sums over it follow its layout.
    y: labels (n,). weights: (n,), None where all are 1.
    """

    rows: pd.DataFrame
    X: Float64
    y: Int8
    weights: Float64 | None


def take_part(frame: pd.DataFrame, part: str, features: Sequence[str]) -> Part:
    """The rows of "development" or "test" of a table without rows that weigh nothing (`modelling.weights`)."""
    chosen = frame["part"].to_numpy() == part
    rows = frame.loc[chosen, ["scheduled_time", "as_of", "label_known", "label", "weight"]]
    X = np.ascontiguousarray(frame.loc[chosen, list(features)].to_numpy(dtype=np.float64))
    return Part(rows, X, rows["label"].to_numpy(dtype=np.int8), weights_of(rows))
