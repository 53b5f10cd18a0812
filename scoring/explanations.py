"""Why a prediction is what it is: the features that moved it most, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.catalogue import features_of
from modelling.predictor import Predictor
from records.columns import Float64

TOP: Final = 5


@dataclass(frozen=True, slots=True)
class Contribution:
    """One feature's part in one prediction.

    effect: what it adds to the log odds before calibration (TreeSHAP), above 0 where it raises the risk.
    """

    feature: str
    value: float
    effect: float
    phrase: str


def explain_predictions(predictor: Predictor, X: Float64, top: int = TOP) -> list[list[Contribution]]:
    """For each row of a feature matrix (n, features) the `top` features of the largest effect, largest first.

    A feature without any effect is left out. A tie goes to the one that comes first in the catalogue.
    """
    features = features_of(predictor.target)
    effects = predictor.contributions(X)[:, :-1]
    order = np.argsort(-np.abs(effects), axis=1, kind="stable")[:, :top]
    values, sizes = np.take_along_axis(X, order, axis=1).tolist(), np.take_along_axis(effects, order, axis=1).tolist()
    return [
        [
            Contribution(features[j].name, value, effect, features[j].describe(value))
            for j, value, effect in zip(columns, row_values, row_effects, strict=True)
            if effect != 0
        ]
        for columns, row_values, row_effects in zip(order.tolist(), values, sizes, strict=True)
    ]
