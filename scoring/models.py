"""The models that score: for each target its champion, or the documented rule where no champion can answer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Engine

from features.catalogue import names_of
from modelling.artifact import Artifact
from modelling.canary import check_golden_rows
from modelling.fallback import RULE_VERSION, predict_by_rule
from modelling.predictor import Predictor
from modelling.risk import RiskThresholds, risk_codes
from modelling.store import load_champion
from records.columns import TARGETS, Float64
from tqs.errors import ModelError
from tqs.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ServedModel:
    """What answers for a target: the champion's predictor, or the rule where `predictor` is None.

    refusal: why there is a champion that does not serve; None where it serves or where there is none.
    """

    target: str
    thresholds: RiskThresholds
    predictor: Predictor | None = None
    refusal: str | None = None

    @property
    def version(self) -> str:
        """The champion's version, such as "v3"; "rule" where the rule answers."""
        return RULE_VERSION if self.predictor is None else self.predictor.version

    @property
    def fallback(self) -> bool:
        """Whether the rule answers."""
        return self.predictor is None

    def predict(self, X: Float64) -> Float64:
        """Probabilities (n,) for a matrix (n, features) with the catalogue's columns."""
        if self.predictor is None:
            return predict_by_rule(self.target, X, names_of(self.target))
        return self.predictor.predict(X)

    def risk_codes(self, probabilities: Float64) -> NDArray[np.int8]:
        """Index into `modelling.risk.RISK_LEVELS` for each of (n,) probabilities."""
        return risk_codes(probabilities, self.thresholds)


def load_models(
    engine: Engine,
    settings: Settings,
    targets: Sequence[str] = TARGETS,
    *,
    check: Callable[[Artifact], None] = check_golden_rows,
) -> dict[str, ServedModel]:
    """The champion of each target with the risk thresholds of the settings; the rule where none can serve.

    check: raises ModelError for a champion that must not serve; `modelling.canary.check_artifact` does it in a child
    process, for a server that must outlive a model that crashes.
    """
    return {target: load_served_model(engine, settings, target, check=check) for target in targets}


def load_served_model(
    engine: Engine, settings: Settings, target: str, *, check: Callable[[Artifact], None] = check_golden_rows
) -> ServedModel:
    """What answers for one target. A champion that is refused is logged, and the rule answers with its `refusal`."""
    thresholds = RiskThresholds(*settings.risk_thresholds(target))
    try:
        artifact = load_champion(engine, target)
        if artifact is None:
            return ServedModel(target, thresholds)
        check(artifact)
        return ServedModel(target, thresholds, Predictor.from_artifact(artifact, thresholds))
    except ModelError as error:
        log.error("the champion of %s does not serve, the rule answers: %s", target, error)
        return ServedModel(target, thresholds, refusal=str(error))
