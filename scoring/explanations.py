"""Why a prediction is what it is: the features that moved it most, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

import numpy as np
from numpy.typing import NDArray

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
    effects = predictor.contributions(X)[:, :-1]
    order = np.argsort(-np.abs(effects), axis=1, kind="stable")[:, :top]
    rows = np.arange(len(X))[:, np.newaxis]
    found = _describe_all(features_of(predictor.target), order, X, effects[rows, order], known)
    return [[one for one in row if one.effect != 0] for row in found]


def explain_risky(
    model: ServedModel, X: Float64, probabilities: Float64, known: Bool
) -> list[list[Contribution] | None]:
    """For each row as `explain_predictions`, None where the risk is low or the rule answers, a number on its own.

    Most rows are of low risk, and nobody is told why those are what they are unless it is asked for.

    probabilities: what the model says of the rows (n,).
    """
    risky = np.flatnonzero(model.risk_codes(probabilities))
    found: list[list[Contribution] | None] = [None] * len(X)
    if model.predictor is not None and len(risky):
        for row, why in zip(
            risky.tolist(), explain_predictions(model.predictor, X[risky], known=known[risky]), strict=True
        ):
            found[row] = why
    return found


def explain_match_rule(X: Float64, known: Bool | None = None) -> list[list[Contribution]]:
    """For each pair of a feature matrix (n, 17) the parts of the rule churn = 1 − compatibility, largest first.

    They sum to the probability. A mismatch of 0 is told as well: it is what speaks for the pair.
    """
    names = names_of("match")
    parts = incompatibility_parts({name: X[:, j] for j, name in enumerate(names)})
    places = np.array([names.index(name) for name in parts])
    effects = np.stack(list(parts.values()), axis=1)
    ranks = np.argsort(-effects, axis=1, kind="stable")
    rows = np.arange(len(X))[:, np.newaxis]
    return _describe_all(features_of("match"), places[ranks], X, effects[rows, ranks], known)


def _describe_all(
    features: Sequence[Feature], order: NDArray[np.intp], X: Float64, effects: Float64, known: Bool | None
) -> list[list[Contribution]]:
    """Contributions for (n, k) places in the catalogue with their effects, of a feature matrix (n, features)."""
    rows = np.arange(len(X))[:, np.newaxis]
    told = np.ones(order.shape, dtype=np.bool_) if known is None else known[rows, order]
    cells = zip(*(table.ravel().tolist() for table in (order, X[rows, order], effects, told)), strict=True)
    described = (
        Contribution(features[j].name, value, effect, features[j].describe(value, known=is_told))
        for j, value, effect, is_told in cells
    )
    return [list(islice(described, order.shape[1])) for _ in range(len(order))]
