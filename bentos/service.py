# mypy: disable-error-code="untyped-decorator, misc, import-untyped"
"""The BentoML service: native model endpoints, the REST routers under /api, the layer around both.

Start it with `bentoml serve bentos.service:TutorQuality --host 127.0.0.1`, or with `tqs up service`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

import bentoml
from _bentoml_sdk import Service
from anyio import CapacityLimiter, to_thread
from bentoml._internal.server.http.traffic import TimeoutMiddleware
from bentoml.exceptions import ServiceUnavailable
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.routing import Route

from bentos.app import PREFIX, build_app
from bentos.auth import App, Guard
from bentos.deadline import Deadline
from bentos.docs import show_docs
from bentos.openapi import Document, build_document
from bentos.paths import PathNames, RealPath
from bentos.payloads import (
    MatchBatch,
    Predictions,
    SessionBatch,
    TutorBatch,
    TutorScores,
    predictions_json,
    scores_json,
)
from bentos.preflight import check_start, leave_client_errors_unlogged
from bentos.together import Compute, Together
from bentos.worker import Worker
from records.engine import connect
from scoring.forms import MatchRecord, Refused, SessionRecord, TutorRecord
from scoring.models import ServedModel
from scoring.stateless import count_entries, predict_matches, predict_sessions, score_tutor_records
from tqs.settings import load_settings

WORKERS: Final = 2  # one that dies is missed for five seconds: never fewer than two
THREADS: Final = 4  # requests that one worker computes at a time
FEW_ENTRIES: Final = 8  # records and the sessions of their histories: at most 3 ms, contributions included
REQUEST_SECONDS: Final = 30

api = build_app()


class GuardedService(Service[Any]):
    """A BentoML service whose whole application stands behind the guard."""

    def to_asgi(self, is_main: bool = True) -> App:
        """BentoML's ASGI application, enclosed."""
        names = PathNames(self.openapi_spec.content["paths"])
        return Guard(self.to_open_asgi(is_main), lambda: api.state.worker, names)

    def to_open_asgi(self, is_main: bool = True) -> Starlette:
        """BentoML's ASGI application with our page of the docs and our deadline, without the guard."""
        app: Starlette = super().to_asgi(is_main=is_main)
        app.user_middleware = [
            Middleware(Deadline, seconds=REQUEST_SECONDS) if one.cls is TimeoutMiddleware else one
            for one in app.user_middleware
        ]
        app.router.redirect_slashes = False  # it redirects to whatever the header Host says
        for path in ("/", "/docs"):
            app.router.routes.insert(0, Route(path, show_docs))
        return app

    @property
    def openapi_spec(self) -> Document:
        """What is served at /docs.json."""
        return _document()


@cache
def _document() -> Document:
    return build_document(api, PREFIX)


@bentoml.service(
    service_class=GuardedService,
    workers=WORKERS,
    threads=THREADS,
    traffic={"timeout": REQUEST_SECONDS},
    http={"host": "127.0.0.1", "port": 3000},
    # Of a call the log tells only what no client writes: its paths are names of routes.
    logging={"access": {"enabled": True, "request_content_type": False, "request_content_length": False}},
)
@bentoml.asgi_app(api, path=PREFIX)
class TutorQuality:
    """Probabilities of churn, reschedules and no-shows, and tutor scores: records in, answers out, nothing stored."""

    def __init__(self) -> None:
        settings = load_settings()
        leave_client_errors_unlogged()
        self._worker = api.state.worker = Worker(settings, connect(settings))
        self._threads = CapacityLimiter(THREADS)
        self._together = Together()

    @bentoml.on_deployment
    def _check() -> None:  # BentoML calls it once, before any worker, without an instance
        check_start()

    @bentoml.on_startup
    async def _start(self) -> None:
        await self._worker.start()

    @bentoml.on_shutdown
    async def _stop(self) -> None:
        await self._worker.stop()

    async def __is_ready__(self) -> bool:
        return self._worker.is_healthy

    @bentoml.api(input_spec=MatchBatch, output_spec=Predictions)
    async def predict_match(self, records: Sequence[MatchRecord | Refused], contributions: bool) -> Response:
        """How probable it is that each student and tutor part after their first session (churn)."""
        model = self._model("match")
        return await self._answer(
            (model, contributions),
            records,
            lambda some: predict_matches(some, model, contributions=contributions),
            predictions_json,
        )

    @bentoml.api(input_spec=SessionBatch, output_spec=Predictions)
    async def predict_reschedule(self, records: Sequence[SessionRecord | Refused], contributions: bool) -> Response:
        """How probable it is that each session ahead will be rescheduled, by anyone."""
        return await self._predict_sessions("reschedule", records, contributions)

    @bentoml.api(input_spec=SessionBatch, output_spec=Predictions)
    async def predict_no_show(self, records: Sequence[SessionRecord | Refused], contributions: bool) -> Response:
        """How probable it is that nobody turns up to each session ahead, if it is not rescheduled."""
        return await self._predict_sessions("no_show", records, contributions)

    @bentoml.api(input_spec=TutorBatch, output_spec=TutorScores)
    async def score_tutors(self, records: Sequence[TutorRecord | Refused]) -> Response:
        """Each tutor's reschedule rates, counts, trend and high-risk flag, out of the tutor's sessions."""
        return await self._answer(
            "score_tutors", records, lambda some: score_tutor_records(some, datetime.now(UTC)), scores_json
        )

    async def _predict_sessions(
        self, target: str, records: Sequence[SessionRecord | Refused], contributions: bool
    ) -> Response:
        model, timezone = self._model(target), self._worker.settings.timezone
        return await self._answer(
            (model, contributions),
            records,
            lambda some: predict_sessions(
                some, model, datetime.now(UTC), timezone=timezone, contributions=contributions
            ),
            predictions_json,
        )

    async def _answer(
        self, kind: Hashable, records: Sequence[Any], compute: Compute, write: Callable[[Sequence[Any]], Response]
    ) -> Response:
        """A few records are scored where they arrived: that takes less time than to wake a thread."""
        if count_entries(records) <= FEW_ENTRIES:
            return write(await self._together.answer(kind, records, compute))
        return await to_thread.run_sync(lambda: write(compute(records)), limiter=self._threads)

    def _model(self, target: str) -> ServedModel:
        serving = self._worker.models.serving.get(target)
        if serving is None:
            raise ServiceUnavailable("the models are not loaded yet")
        return serving.model


TutorQuality.add_asgi_middleware(RealPath)  # type: ignore[attr-defined]  # the decorator is not typed
