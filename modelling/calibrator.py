"""The map from a booster's log odds to a probability; what an artifact keeps of a calibration."""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, model_validator

Float64 = NDArray[np.float64]


class Calibrator(BaseModel):
    """A monotone map of log odds to probabilities within [lowest, highest].

    kind
        "none": the logistic function itself. "platt": the logistic function of slope × log odds + intercept
        (J. Platt, Probabilistic outputs for support vector machines, 1999). "isotonic": straight lines between
        the knots, flat outside them.
    knots_log_odds, knots_probability
        Ascending, equally long; only for "isotonic".
    lowest, highest
        No probability lies outside: a model that says 0 or 1 claims a certainty no sample can give.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    kind: Literal["none", "platt", "isotonic"]
    slope: float = 1.0
    intercept: float = 0.0
    knots_log_odds: tuple[float, ...] = ()
    knots_probability: tuple[float, ...] = ()
    lowest: float
    highest: float

    @model_validator(mode="after")
    def _check(self) -> Self:
        if not 0 < self.lowest < self.highest < 1:
            raise ValueError(f"bounds must satisfy 0 < lowest < highest < 1, got {self.lowest}, {self.highest}")
        if self.kind == "platt" and self.slope <= 0:
            raise ValueError(f"a Platt slope must be positive, got {self.slope}")
        if len(self.knots_log_odds) != len(self.knots_probability):
            raise ValueError("an isotonic calibrator needs as many probabilities as log odds")
        if self.kind == "isotonic":
            x, y = np.asarray(self.knots_log_odds), np.asarray(self.knots_probability)
            if len(x) == 0 or (np.diff(x) <= 0).any() or (np.diff(y) < 0).any() or y[0] < 0 or y[-1] > 1:
                raise ValueError("isotonic knots must ascend and their probabilities lie within 0 and 1")
        return self


def apply_calibrator(calibrator: Calibrator, log_odds: NDArray[np.floating]) -> Float64:
    """Probabilities (n,) for log odds (n,)."""
    margin = log_odds.astype(np.float64)
    if calibrator.kind == "isotonic":
        raw = np.interp(margin, calibrator.knots_log_odds, calibrator.knots_probability)
    else:
        raw = 1.0 / (1.0 + np.exp(-(calibrator.slope * margin + calibrator.intercept)))
    return np.clip(raw, calibrator.lowest, calibrator.highest)
