"""How the service is, for people and monitors."""

from __future__ import annotations

from importlib.metadata import version
from typing import Final, Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel

from bentos.routers import ThisWorker
from processing.upkeep import QueueCounts
from records.columns import TARGETS

router = APIRouter(tags=["Health"])
VERSION: Final = version("tqs")


class Health(BaseModel):
    """models: for each target the version that answers, or "fallback" where the documented rule does."""

    status: Literal["healthy", "unhealthy"]
    version: str
    database: Literal["connected", "unreachable"]
    queue: QueueCounts | None
    models: dict[str, str]


@router.get("/health", responses={503: {"model": Health}})
async def get_health(worker: ThisWorker, response: Response) -> Health:
    """Whether the service can do its work: 503 while the database does not answer. Needs no key."""
    connected, healthy = worker.is_connected, worker.is_healthy
    if not healthy:
        response.status_code = 503
        response.headers["Retry-After"] = "2"
    serving = worker.models.serving
    return Health(
        status="healthy" if healthy else "unhealthy",
        version=VERSION,
        database="connected" if connected else "unreachable",
        queue=worker.pulse.queue if connected else None,
        models={
            target: "fallback" if serving[target].model.fallback else serving[target].model.version
            for target in TARGETS
            if target in serving
        },
    )
