"""Why one prediction of a session differs from an earlier one, in parts that add up to the difference.

The parts are differences of log odds, which a model's contributions add up to. What the session's features did is told
by one model, that of the later prediction: the difference of their contributions (`Predictor.contributions`) between
the two moments. What another model makes of the earlier features than the earlier one did is a part of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import numpy as np

from features.catalogue import features_of, names_of
from records.columns import Float64
from scoring.models import ServedModel
from tqs.errors import ModelError

LEAST: Final = 1e-6  # a rule says 0 and 1, whose log odds are infinite: they count as this, and as 1 less this
_RULES_BY: Final = {"reschedule": "tutor_reschedule_rate_30d", "no_show": "tutor_no_show_rate_90d"}


@dataclass(frozen=True, slots=True)
class Prediction:
    """What was predicted of a session at a moment, and the features that it was made from."""

    probability: float
    model_version: str
    predicted_at: datetime
    scheduled_time: datetime
    features: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class FeatureChange:
    """A feature's part of a change. effect: log odds, above 0 where it raised the risk. phrase: the two in words."""

    feature: str
    before: float
    after: float
    effect: float
    phrase: str


@dataclass(frozen=True, slots=True)
class PredictionChange:
    """Log odds of `after` less those of `before`, and its parts, which add up to it.

    features: those with any effect, the largest first. model: what another model made of the same features; 0 for the
    same model. calibration: what the calibration added to or took from the effects of the features.
    """

    before: Prediction
    after: Prediction
    log_odds: float
    features: list[FeatureChange]
    model: float
    calibration: float

    @property
    def moved(self) -> bool:
        """Whether the session was given another time meanwhile."""
        return self.before.scheduled_time != self.after.scheduled_time


def explain_change(model: ServedModel, before: Prediction, after: Prediction) -> PredictionChange:
    """The parts of the change from one prediction of a session to a later one, which `model` made.

    Raises ModelError where another model made the later one: its trees are not there to ask.
    """
    if after.model_version != model.version:
        raise ModelError(
            f"the prediction was made by {after.model_version} and {model.version} serves now; "
            "predict the session anew to compare it: tqs score"
        )
    names = names_of(model.target)
    X = np.array([[one.features[name] for name in names] for one in (before, after)])
    then = float(model.predict(X[:1])[0])
    total = _log_odds(after.probability) - _log_odds(before.probability)
    of_model = 0.0 if before.model_version == model.version else _log_odds(then) - _log_odds(before.probability)
    effects = _change_effects(model, X, total - of_model)
    return PredictionChange(
        before,
        after,
        log_odds=total,
        features=_describe_changes(model.target, X, effects),
        model=of_model,
        calibration=total - of_model - float(effects.sum()),
    )


def _change_effects(model: ServedModel, X: Float64, of_features: float) -> Float64:
    """What each feature added (features,) between the two rows of X; the rule goes by one feature alone."""
    if model.predictor is not None:
        contributions = model.predictor.contributions(X)[:, :-1]
        changes: Float64 = contributions[1] - contributions[0]
        return changes
    effects = np.zeros(X.shape[1])
    effects[names_of(model.target).index(_RULES_BY[model.target])] = of_features
    return effects


def _describe_changes(target: str, X: Float64, effects: Float64) -> list[FeatureChange]:
    features = features_of(target)
    largest = np.argsort(-np.abs(effects), kind="stable")
    changes = []
    for place in largest[effects[largest] != 0].tolist():
        feature, before, after = features[place], float(X[0, place]), float(X[1, place])
        now, then = feature.describe(after), feature.describe(before)
        phrase = f"{now}, as before" if now == then else f"{now}; before: {then}"
        changes.append(FeatureChange(feature.name, before, after, float(effects[place]), phrase))
    return changes


def _log_odds(probability: float) -> float:
    p = min(max(probability, LEAST), 1 - LEAST)
    return float(np.log(p / (1 - p)))
