"""The models that score, exchanged when another champion is named."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy import Engine

from modelling.artifact import Artifact
from modelling.canary import check_golden_rows
from modelling.store import champion_versions
from records.columns import TARGETS
from scoring.models import load_served_model
from scoring.sessions import Models
from tqs.settings import Settings

RECHECK_S: Final = 60.0  # before a model whose check took too long is tried again


class CurrentModels:
    """What answers for each of the targets. For one thread at a time."""

    def __init__(
        self,
        engine: Engine,
        settings: Settings,
        targets: Sequence[str] = TARGETS,
        *,
        check: Callable[[Artifact], None] = check_golden_rows,
    ) -> None:
        """check: raises ModelError for a champion that must not serve."""
        self._engine = engine
        self._settings = settings
        self._targets = targets
        self._check = check
        self._models: Models = {}
        self._champions: dict[str, str] | None = None
        self._until = float("inf")

    def current(self) -> Models:
        """By target: the champion of now, or what answers in its place."""
        champions = champion_versions(self._engine)
        if champions != self._champions or time.monotonic() > self._until:
            self._models = {
                target: load_served_model(self._engine, self._settings, target, check=self._check, threads=1)
                for target in self._targets
            }
            self._champions = champions
            unchecked = any(model.unchecked for model in self._models.values())
            self._until = time.monotonic() + RECHECK_S if unchecked else float("inf")
        return self._models
