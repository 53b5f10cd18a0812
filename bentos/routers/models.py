"""What answers for each target."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel, Field

from bentos.routers import ThisWorker
from bentos.serving import Serving

router = APIRouter(tags=["Models"])


class ServingModel(BaseModel):
    """A model that answers, or the rule where `fallback` is true; then all that only a model has is null.

    calibration: how log odds become probabilities: none, platt or isotonic. source_run: the run in MLflow.
    refusal: why the newest champion does not serve, null where it does.
    """

    target: str
    version: str
    fallback: bool
    trained_at: str | None
    metrics: dict[str, float] = Field(description="Measured on the untouched newest part of the records.")
    calibration: str | None
    source_run: str | None
    risk_thresholds: dict[str, float]
    refusal: str | None


class ServingModels(BaseModel):
    """One entry a target."""

    models: list[ServingModel]


@router.get("/models")
async def list_models(worker: ThisWorker) -> ServingModels:
    """What answers for each target: version, when it was trained, its metrics, its calibration and its source run."""
    return ServingModels(models=[_describe(target, serving) for target, serving in worker.models.serving.items()])


def _describe(target: str, serving: Serving) -> ServingModel:
    model = serving.model
    manifest = None if model.predictor is None else model.predictor.manifest
    return ServingModel(
        target=target,
        version=model.version,
        fallback=model.fallback,
        trained_at=None if manifest is None else manifest.created_at,
        metrics={} if manifest is None else manifest.metrics,
        calibration=None if manifest is None else manifest.calibrator.kind,
        source_run=serving.source_run,
        risk_thresholds={"low": model.thresholds.low, "high": model.thresholds.high},
        refusal=serving.refusal,
    )
