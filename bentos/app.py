"""The REST side: a FastAPI app mounted under /api, one router a file."""

from __future__ import annotations

from typing import Final

from fastapi import FastAPI

from bentos.failures import DATABASE_ERRORS, answer_database_error, answer_error, answer_wrong_method
from bentos.routers import (
    assignment,
    explanations,
    health,
    interventions,
    match_jobs,
    match_predictions,
    matching_people,
    models,
    sessions,
    tutors,
    upcoming_sessions,
    webhooks,
)
from tqs.errors import TqsError

PREFIX: Final = "/api"


def build_app() -> FastAPI:
    """The app without docs of its own: its routes are in the service's one OpenAPI document."""
    app = FastAPI(
        title="Tutor Quality Scoring", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False
    )
    for part in (
        health,
        models,
        sessions,
        webhooks,
        tutors,
        matching_people,
        match_predictions,
        explanations,
        match_jobs,
        assignment,
        upcoming_sessions,
        interventions,
    ):
        app.include_router(part.router)
    app.add_exception_handler(405, answer_wrong_method)
    app.add_exception_handler(TqsError, answer_error)
    for kind in DATABASE_ERRORS:
        app.add_exception_handler(kind, answer_database_error)
    return app
