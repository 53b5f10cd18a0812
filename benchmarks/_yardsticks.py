"""What the routes are measured against, in the same service behind the same layer: ready bytes, nothing, an insert."""

# mypy: disable-error-code="untyped-decorator, misc"
from __future__ import annotations

import os
from typing import Any, Final

import bentoml
from fastapi import APIRouter
from sqlalchemy import text
from starlette.responses import Response

from bentos.answers import json_answer
from bentos.paths import RealPath
from bentos.payloads import Predictions
from bentos.routers import TheseAnswers, ThisEngine
from bentos.service import PREFIX, REQUEST_SECONDS, THREADS, WORKERS, GuardedService, TutorQuality, api

router = APIRouter(prefix="/benchmarks", include_in_schema=False)
LARGEST: Final = 4 * 2**20
READY: Final = memoryview(b" " * LARGEST)
_FETCHED: Final = "SELECT repeat(' ', $1)"
_INSERT: Final = text(
    """
    INSERT INTO sessions (id, tutor_id, student_id, scheduled_time, booked_at, completed_time, duration_minutes,
        subject, status, recorded_at, outcome_recorded_at, source)
    VALUES (CAST(:session_id AS uuid), CAST(:tutor_id AS uuid), :student_id, CAST(:scheduled_time AS timestamptz),
        CAST(:booked_at AS timestamptz), CAST(:completed_time AS timestamptz), :duration_minutes,
        :subject, :status, now(), now(), 'api')
    """
)


@router.get("/ready")
async def answer_ready_bytes(size: int) -> Response:
    """`size` bytes from memory."""
    return Response(READY[:size], media_type="application/json")


@router.get("/fetched")
async def answer_fetched_bytes(size: int, answers: TheseAnswers) -> Response:
    """`size` bytes that PostgreSQL is asked for each time, and need not look for."""
    return json_answer(await answers.fetch(_FETCHED, size, max_age_s=0) or b"")


@router.get("/worker")
async def answer_worker() -> int:
    """Which worker has this connection."""
    return os.getpid()


@router.post("/sessions", status_code=202)
def insert_session(session: dict[str, Any], engine: ThisEngine) -> Response:
    """A session into its table, unchecked, committed."""
    with engine.begin() as connection:
        connection.execute(_INSERT, session)
    return Response(b"{}", 202, media_type="application/json")


api.include_router(router)
# A request is matched with one router after the other: it comes to this one after half of ours.
api.router.routes.insert(len(api.router.routes) // 2, api.router.routes.pop())


@bentoml.service(service_class=GuardedService, workers=WORKERS, threads=THREADS, traffic={"timeout": REQUEST_SECONDS})
@bentoml.asgi_app(api, path=PREFIX)
class Yardsticks(TutorQuality.inner):  # type: ignore[name-defined]  # the decorator is not typed
    """The service with one more native endpoint, which does nothing."""

    @bentoml.api(output_spec=Predictions)
    async def do_nothing(self) -> Response:
        """Nothing, where the request arrived: no thread is woken. The body may be as large as that of one that does."""
        return Response(b"[]", media_type="application/json")


Yardsticks.add_asgi_middleware(RealPath)
