"""What the routes are measured against, behind the same layer: the service with a route that answers ready bytes."""

# mypy: disable-error-code="untyped-decorator, misc"
from __future__ import annotations

import bentoml
from starlette.responses import Response

from bentos.payloads import Predictions
from bentos.service import PREFIX, REQUEST_SECONDS, THREADS, WORKERS, GuardedService, TutorQuality, api
from bentos.worker import Worker
from records.engine import connect
from tqs.settings import load_settings

LARGEST = 4 * 2**20
READY = memoryview(b" " * LARGEST)

__all__ = ["Empty", "TutorQuality"]


@api.get("/benchmarks/ready", include_in_schema=False)
async def answer_ready_bytes(size: int) -> Response:
    """`size` bytes from memory."""
    return Response(READY[:size], media_type="application/json")


@bentoml.service(service_class=GuardedService, workers=WORKERS, threads=THREADS, traffic={"timeout": REQUEST_SECONDS})
@bentoml.asgi_app(api, path=PREFIX)
class Empty:
    """A service whose one native endpoint does nothing."""

    def __init__(self) -> None:
        settings = load_settings()
        self._worker = api.state.worker = Worker(settings, connect(settings))

    @bentoml.on_startup
    async def _start(self) -> None:
        await self._worker.start()

    @bentoml.on_shutdown
    async def _stop(self) -> None:
        await self._worker.stop()

    @bentoml.api(output_spec=Predictions)
    def predict_match(self) -> Response:
        """Nothing, at the path of an endpoint that takes a body as large as ours."""
        return Response(b"[]", media_type="application/json")
