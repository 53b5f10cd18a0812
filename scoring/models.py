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
from modelling.canary import UncheckedModelError, check_golden_rows
from modelling.fallback import RULE_VERSION, predict_by_rule
from modelling.predictor import Predictor
from modelling.risk import RiskThresholds, risk_codes
from modelling.store import load_champion, load_previous
from records.columns import TARGETS, Float64
from tqs.errors import ModelError
from tqs.settings import Settings

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ServedModel:
    """What answers for a target: the champion's predictor, or the rule where `predictor` is None.

    refusal: why there is a champion that does not serve; None where it serves or where there is none.
    unchecked: whether it is refused only for a check that did not end in time, so that it may serve yet.
    """

    target: str
    thresholds: RiskThresholds
    predictor: Predictor | None = None
    refusal: str | None = None
    unchecked: bool = False

    @property
    def version(self) -> str:
        """The champion's version, such as "v3"; "rule" where the rule answers."""
        return RULE_VERSION if self.predictor is None else self.predictor.version

    @property
    def fallback(self) -> bool:
        """Whether the rule answers."""
        return self.predictor is None

    @property
    def terms(self) -> dict[str, str | float]:
        """What stored predictions of this target must agree with to be fresh: its version and thresholds, in order."""
        return {"version": self.version, "low": self.thresholds.low, "high": self.thresholds.high}

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
    """The champion of each target with the risk thresholds of the settings; else the previous one, else the rule.

    check: raises ModelError for a champion that must not serve; `modelling.canary.check_artifact` does it in a child
    process, for a server that must outlive a model that crashes.
    """
    return {target: load_served_model(engine, settings, target, check=check) for target in targets}


def load_served_model(
    engine: Engine,
    settings: Settings,
    target: str,
    *,
    check: Callable[[Artifact], None] = check_golden_rows,
    threads: int | None = None,
) -> ServedModel:
    """What answers for one target: the champion, where it is refused the one before it, else the rule.

    A refused champion is logged and told in `refusal`.

    threads: for one prediction of many rows; all usable cores where not given.
    """
    thresholds = RiskThresholds(*settings.risk_thresholds(target))
    try:
        return ServedModel(
            target, thresholds, _load_predictor(load_champion(engine, target), thresholds, check, threads)
        )
    except ModelError as error:
        refusal, unchecked = str(error), isinstance(error, UncheckedModelError)
    try:
        previous = _load_predictor(load_previous(engine, target), thresholds, check, threads)
    except ModelError as error:
        log.error("the model before the champion of %s does not serve either: %s", target, error)
        previous = None
    if previous is not None:
        refusal = f"{refusal}; {previous.version}, which served before it, answers"
    served = ServedModel(target, thresholds, previous, refusal, unchecked)
    log.error("the champion of %s does not serve, %s answers: %s", target, served.version, refusal)
    return served


def _load_predictor(
    artifact: Artifact | None, thresholds: RiskThresholds, check: Callable[[Artifact], None], threads: int | None
) -> Predictor | None:
    if artifact is None:
        return None
    check(artifact)
    return Predictor.from_artifact(artifact, thresholds, threads)
