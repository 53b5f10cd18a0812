"""What the page of the models reads of a target when it loads: a few rows each, in milliseconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Final

from sqlalchemy import Engine

from dashboards.views.model_head import find_champion
from modelling.bands import Bands
from modelling.decisions import Decision, Metrics, find_last_change, find_test_part, list_decisions
from modelling.drift_store import read_newest_findings
from modelling.runs import TrainingRun, list_runs
from modelling.store import ModelRow, list_models, load_model
from records.columns import TARGETS
from tqs.errors import ModelError

FIRST_DECISIONS: Final = 5


@dataclass(frozen=True, slots=True)
class TargetModels:
    """Models and decisions, each the newest first, one decision more than FIRST_DECISIONS where there are more.

    change: by which the champion serves. test_part, bands: of the champion; trouble: why there are no bands of it.
    """

    models: Sequence[ModelRow]
    decisions: Sequence[Decision]
    change: Decision | None
    test_part: Metrics | None
    bands: Bands | None
    trouble: str
    findings: Sequence[Mapping[str, Any]]
    run: TrainingRun | None


def read_target(engine: Engine, *, target: str) -> TargetModels:
    """All of one target."""
    models = list_models(engine, target)
    champion, bands, trouble = find_champion(models), None, ""
    if champion is not None:
        try:
            bands = _read_bands(engine, target, champion.version, champion.sha256)
        except ModelError as error:
            trouble = f"{error}."
    return TargetModels(
        models=models,
        decisions=list_decisions(engine, target, limit=FIRST_DECISIONS + 1),
        change=find_last_change(engine, target),
        test_part=None if champion is None else find_test_part(engine, target, champion.version),
        bands=bands,
        trouble=trouble,
        findings=read_newest_findings(engine, target),
        run=next(iter(list_runs(engine, target, limit=1)), None),
    )


READS: Final = {target: partial(read_target, target=target) for target in TARGETS}  # pages share them


@lru_cache(maxsize=16)
def _read_bands(engine: Engine, target: str, version: str, _sha256: str) -> Bands | None:
    """Of a saved model, which never changes; it is read whole, since only then its hash vouches for it."""
    return load_model(engine, target, version).manifest.bands
