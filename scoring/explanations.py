"""Why a prediction is what it is: the features that moved it most, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.catalogue import features_of, names_of
from features.feature import Feature
from features.pairing import incompatibility_parts
from modelling.predictor import Predictor
from records.columns import Bool, Float64
from scoring.models import ServedModel

TOP: Final = 5


@dataclass(frozen=True, slots=True)
class Contribution:
    """One feature's part in one prediction.

    effect: above 0 where it raises the risk. Of a model it is what the feature adds to the log odds before calibration
    (TreeSHAP), of the rule for matches the feature's part of the probability.
    """

    feature: str
    value: float
    effect: float
    phrase: str


def explain_matches(model: ServedModel, X: Float64, known: Bool | None = None) -> list[list[Contribution]]:
    """For each pair of a feature matrix (n, 17) what moved its churn probability most, by the model or by the rule.

    known: `features.pairing.known_features`, so that the default in the place of a missing value is not told as one.
    """
    if model.predictor is None:
        return explain_match_rule(X, known)
    return explain_predictions(model.predictor, X, known=known)


def explain_predictions(
    predictor: Predictor, X: Float64, top: int = TOP, *, known: Bool | None = None
) -> list[list[Contribution]]:
    """For each row of a feature matrix (n, features) the `top` features of the largest effect, largest first.

    A feature without any effect is left out. A tie goes to the one that comes first in the catalogue.

    known: where `X` holds a value that was told (n, features); everywhere if not given.
    """
    features = features_of(predictor.target)
    effects = predictor.contributions(X)[:, :-1]
    order = np.argsort(-np.abs(effects), axis=1, kind="stable")[:, :top]
    columns = order.tolist()
    told = _take(np.ones(X.shape, dtype=np.bool_) if known is None else known, order)
    return [
        [_describe(features[j], *row) for j, *row in zip(*rows, strict=True) if row[1] != 0]
        for rows in zip(columns, _take(X, order), _take(effects, order), told, strict=True)
    ]


def explain_match_rule(X: Float64, known: Bool | None = None) -> list[list[Contribution]]:
    """For each pair of a feature matrix (n, 17) the parts of the rule churn = 1 − compatibility, largest first.

    They sum to the probability. A mismatch of 0 is told as well: it is what speaks for the pair.
    """
    names, features = names_of("match"), features_of("match")
    parts = incompatibility_parts({name: X[:, j] for j, name in enumerate(names)})
    places = np.array([names.index(name) for name in parts])
    effects = np.stack(list(parts.values()), axis=1)
    order = np.argsort(-effects, axis=1, kind="stable")
    told = _take(np.ones((len(X), len(parts)), dtype=np.bool_) if known is None else known[:, places], order)
    return [
        [_describe(features[j], *row) for j, *row in zip(*rows, strict=True)]
        for rows in zip(places[order].tolist(), _take(X[:, places], order), _take(effects, order), told, strict=True)
    ]


def _take(values: Float64 | Bool, order: np.typing.NDArray[np.intp]) -> list[list[float]]:
    taken: list[list[float]] = np.take_along_axis(values, order, axis=1).tolist()
    return taken


def _describe(feature: Feature, value: float, effect: float, known: float) -> Contribution:
    return Contribution(feature.name, value, effect, feature.describe(value, known=bool(known)))
