"""Risk levels: where a probability lies against two thresholds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tqs.errors import ModelError

RISK_LEVELS: Final = ("low", "medium", "high")
_NAMES: Final = np.array(RISK_LEVELS)


@dataclass(frozen=True, slots=True)
class RiskThresholds:
    """Below `low` the risk is low, from `high` on it is high, between them medium.

    Raises ModelError unless 0 < low < high < 1.
    """

    low: float
    high: float

    def __post_init__(self) -> None:
        if not 0 < self.low < self.high < 1:
            raise ModelError(
                f"risk thresholds low={self.low}, high={self.high} cannot be used: they must satisfy "
                "0 < low < high < 1; correct the TQS_..._RISK_LOW and _HIGH settings"
            )


def risk_codes(probabilities: NDArray[np.floating], thresholds: RiskThresholds) -> NDArray[np.int8]:
    """Index into RISK_LEVELS for each of (n,) probabilities."""
    at_least_medium = probabilities >= thresholds.low
    return at_least_medium.astype(np.int8) + (probabilities >= thresholds.high)


def risk_level_sql(probability: str, low: str, high: str) -> str:
    """The same in SQL, of expressions: the name, null where `probability` is."""
    return (
        f"CASE WHEN {probability} < {low} THEN 'low' WHEN {probability} < {high} THEN 'medium' "
        f"WHEN {probability} >= {high} THEN 'high' END"
    )


def risk_levels(probabilities: NDArray[np.floating], thresholds: RiskThresholds) -> NDArray[np.str_]:
    """Name from RISK_LEVELS for each of (n,) probabilities."""
    return _NAMES[risk_codes(probabilities, thresholds)]
