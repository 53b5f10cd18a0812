"""The models that a worker answers with, and their exchange: loaded aside, checked, then one reference is swapped."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Engine

from modelling.artifact import Artifact
from modelling.canary import check_artifact
from modelling.store import list_models
from records.columns import TARGETS
from scoring.models import ServedModel, load_served_model
from tqs.settings import Settings

log: Final = logging.getLogger("bentoml.tqs")

Champions = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Serving:
    """What answers for one target.

    champion: the version that the database names, None where there is none. It differs from `model.version` where
    that champion was refused; `model.refusal` or `refusal` then says why.
    source_run: the MLflow run that trained the model that answers.
    """

    model: ServedModel
    champion: str | None
    source_run: str | None = None
    refusal: str | None = None


class ServingModels:
    """The models of one worker.

    serving: what answers for each target, empty before the first load; replaced as a whole, so any thread may read it.
    `refresh` is for one thread at a time.
    """

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._engine = engine
        self._settings = settings
        self.serving: Mapping[str, Serving] = {}

    def needs_refresh(self, champions: Champions) -> bool:
        """Whether another champion is named than was looked at last."""
        return not self.serving or any(
            serving.champion != champions.get(target) for target, serving in self.serving.items()
        )

    def refresh(self, champions: Champions, check: Callable[[Artifact], None] = check_artifact) -> None:
        """Load the champions that are new. One that is refused leaves the model before it serving.

        check: raises ModelError for a model that must not serve; by default it asks a child process.
        """
        serving = dict(self.serving)
        for target in TARGETS:
            before = serving.get(target)
            if before is None or before.champion != champions.get(target):
                serving[target] = self._load(target, champions.get(target), before, check)
        self.serving = serving

    def _load(
        self, target: str, champion: str | None, before: Serving | None, check: Callable[[Artifact], None]
    ) -> Serving:
        model = load_served_model(self._engine, self._settings, target, check=check)
        if model.refusal is not None and before is not None and not before.model.fallback:
            log.error("%s goes on with %s: %s", target, before.model.version, model.refusal)
            return Serving(before.model, champion, before.source_run, model.refusal)
        runs = {row.version: row.mlflow_run_id for row in list_models(self._engine, target)}
        log.info("%s is answered by %s", target, model.version)
        return Serving(model, champion, runs.get(model.version), model.refusal)
