"""Every feature of every target, in the order of the model's columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np

from features.catalogue_match import MATCH_FEATURES
from features.catalogue_session import SESSION_FEATURES
from features.feature import Feature
from records.columns import TARGETS, Float64

_ROWS_IN_CACHE: Final = 4096


def features_of(target: str) -> tuple[Feature, ...]:
    """The features of `match`, `reschedule` or `no_show`, in the order of the model's columns.

    Raises
    ------
    ValueError
        For any other target.
    """
    if target not in TARGETS:
        raise ValueError(f"no target is called {target!r}; the targets are {', '.join(TARGETS)}")
    return MATCH_FEATURES if target == "match" else SESSION_FEATURES


def names_of(target: str) -> tuple[str, ...]:
    """The names of `features_of(target)`."""
    return tuple(feature.name for feature in features_of(target))


def stack_columns(target: str, columns: Mapping[str, Float64]) -> Float64:
    """Feature matrix (n, number of features), C order, from one (n,) column a feature."""
    names = names_of(target)
    n = len(columns[names[0]])
    matrix = np.empty((n, len(names)))
    for start in range(0, n, _ROWS_IN_CACHE):
        rows = slice(start, start + _ROWS_IN_CACHE)
        for j, name in enumerate(names):
            matrix[rows, j] = columns[name][rows]
    return matrix
