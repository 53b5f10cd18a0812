"""What every page is given: where the records are, what keeps it up to date, and the models that answer."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Engine

from dashboards.kept import Kept
from dashboards.live import Live
from modelling.canary import check_artifact
from scoring.current_models import CurrentModels
from scoring.review import Review
from scoring.sessions import Models
from tqs.settings import Settings


class KeptModels:
    """The models that pages answer by, renewed by the thread that listens: no page waits for one to be loaded."""

    def __init__(self, engine: Engine, settings: Settings) -> None:
        self._current = CurrentModels(engine, settings, check=check_artifact)
        self._models: Models = {}

    def renew(self) -> None:
        """Load what serves by now; from one thread."""
        self._models = self._current.current()

    @property
    def models(self) -> Models:
        """By target, as they were last renewed; empty until they first were."""
        return self._models


@dataclass(frozen=True, slots=True)
class Context:
    """One for all pages of a server."""

    engine: Engine
    settings: Settings
    live: Live
    kept_models: KeptModels
    kept_review: Kept[Review]

    @property
    def zone(self) -> str:
        """IANA name of the time zone that times are shown in."""
        return self.settings.timezone

    @property
    def models(self) -> Models:
        """What answers for each target; empty while the first are being loaded."""
        return self.kept_models.models
