"""The REST routes under /api: parse, call a room, shape the answer."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import Depends, Request
from sqlalchemy import Engine

from bentos.answers import Answers
from bentos.worker import Worker
from scoring.models import ServedModel
from tqs.errors import DatabaseDownError, ModelError

Responses = dict[int | str, dict[str, Any]]
UNKNOWN: Final[Responses] = {404: {"description": "There is no such student, active tutor or job"}}
CONTESTED: Final[Responses] = {409: {"description": "Someone whom it is about was being changed; ask again"}}


async def get_worker(request: Request) -> Worker:
    """The state of the worker process that serves this request."""
    worker: Worker = request.app.state.worker
    return worker


ThisWorker = Annotated[Worker, Depends(get_worker)]


async def get_engine(worker: ThisWorker) -> Engine:
    """The engine for writing and computing, where the database answered a moment ago."""
    _require_database(worker)
    return worker.engine


async def get_answers(worker: ThisWorker) -> Answers:
    """What reads lists and details, where the database answered a moment ago."""
    _require_database(worker)
    return worker.answers


async def get_actor(request: Request) -> str:
    """Who calls, as the audit log names them: the name of the key."""
    key: Any = request.scope["state"]["api_key"]
    return str(key.name)


async def get_match_model(worker: ThisWorker) -> ServedModel:
    """What answers for matches."""
    model = worker.match_model
    if model is None:
        raise ModelError("the models are not loaded yet; try again in a few seconds")
    return model


ThisEngine = Annotated[Engine, Depends(get_engine)]
TheseAnswers = Annotated[Answers, Depends(get_answers)]
Actor = Annotated[str, Depends(get_actor)]
MatchModel = Annotated[ServedModel, Depends(get_match_model)]


def _require_database(worker: Worker) -> None:
    if not worker.is_connected:
        raise DatabaseDownError("the database does not answer at the moment; try again in a few seconds")
