"""The models that a worker answers with, and their exchange: loaded aside, checked, then one reference is swapped."""

from __future__ import annotations

import logging
import time
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
FIRST_WAIT_S: Final = 10.0  # before a check that took too long is tried again; then twice as long each time
LONGEST_WAIT_S: Final = 600.0
# Requests already keep the cores busy: a second thread within one of them waits for a core, and spins while it waits
# (1,000 rows took ten times the processor's time).
THREADS_A_PREDICTION: Final = 1


@dataclass(frozen=True, slots=True)
class Retry:
    """When a champion whose check took too long is to be tried again: monotonic seconds, and how long that waits."""

    at: float
    wait_s: float


@dataclass(frozen=True, slots=True)
class Serving:
    """What answers for one target.

    champion: the version that the database names, None where there is none. It differs from `model.version` where
    that champion was refused; `refusal` then says why.
    source_run: the MLflow run that trained the model that answers.
    retry: None where the refusal stands.
    """

    model: ServedModel
    champion: str | None
    source_run: str | None = None
    refusal: str | None = None
    retry: Retry | None = None


class ServingModels:
    """The models of one worker.

    serving: what answers for each target, empty before the first load; replaced as a whole, so any thread may read it.
    `refresh` is for one thread at a time.
    """

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        *,
        check: Callable[[Artifact], None] = check_artifact,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """check: raises ModelError for a model that must not serve; by default it asks a child process."""
        self._engine = engine
        self._settings = settings
        self._check = check
        self._clock = clock
        self._passed: set[str] = set()
        self.serving: Mapping[str, Serving] = {}

    def needs_refresh(self, champions: Champions) -> bool:
        """Whether another champion is named than was looked at last, or one is to be tried again."""
        return any(self._is_due(self.serving.get(target), champions.get(target)) for target in TARGETS)

    def refresh(self, champions: Champions) -> None:
        """Load the champions that are new or to be tried again. One that is refused leaves the model before it."""
        serving = dict(self.serving)
        for target in TARGETS:
            before = serving.get(target)
            if self._is_due(before, champions.get(target)):
                serving[target] = self._load(target, champions.get(target), before)
        self.serving = serving

    def _is_due(self, serving: Serving | None, champion: str | None) -> bool:
        if serving is None or serving.champion != champion:
            return True
        return serving.retry is not None and serving.retry.at <= self._clock()

    def _load(self, target: str, champion: str | None, before: Serving | None) -> Serving:
        model = load_served_model(
            self._engine, self._settings, target, check=self._check_once, threads=THREADS_A_PREDICTION
        )
        retry = self._plan_retry(champion, before) if model.unchecked else None
        if model.refusal is not None and before is not None and not before.model.fallback:
            log.error("%s goes on with %s: %s", target, before.model.version, model.refusal)
            return Serving(before.model, champion, before.source_run, model.refusal, retry)
        runs = {row.version: row.mlflow_run_id for row in list_models(self._engine, target)}
        log.info("%s is answered by %s", target, model.version)
        return Serving(model, champion, runs.get(model.version), model.refusal, retry)

    def _check_once(self, artifact: Artifact) -> None:
        if artifact.sha256 not in self._passed:
            self._check(artifact)
            self._passed.add(artifact.sha256)

    def _plan_retry(self, champion: str | None, before: Serving | None) -> Retry:
        last = before.retry if before is not None and before.champion == champion else None
        wait_s = FIRST_WAIT_S if last is None else min(2 * last.wait_s, LONGEST_WAIT_S)
        return Retry(self._clock() + wait_s, wait_s)
