"""What the rooms raise, as answers of the REST routes."""

from __future__ import annotations

import logging
from typing import Final

import asyncpg
import psycopg2
from fastapi import Request, Response
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.routing import Match

from bentos.problems import PROBLEM_JSON, Problem
from records.engine import is_outage
from tqs.errors import ConflictError, DatabaseDownError, ModelError, NotFoundError, QueryError

log: Final = logging.getLogger("bentoml.tqs")

DATABASE_ERRORS: Final = (DBAPIError, psycopg2.Error, asyncpg.PostgresError, PoolTimeoutError)
RETRY_AFTER_S: Final = 2
METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
STATUSES: Final = {QueryError: 400, NotFoundError: 404, ConflictError: 409, DatabaseDownError: 503, ModelError: 503}
# SQLSTATEs of work that met other work, and may simply be done again: serialisation, deadlock, lock and time limits;
# and of a server that only reads, as one does that is about to take over.
_TO_BE_REPEATED: Final = frozenset({"40001", "40P01", "55P03", "57014", "25006"})
_GONE: Final = ("08", "57P")  # of a connection that is gone, or a server that stops


async def answer_error(_: Request, error: Exception) -> Response:
    """The sentence of a TqsError with the status that it stands for; 500 without a sentence for any other kind."""
    status = next((STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES), 500)
    if status == 500:
        log.error("a request failed", exc_info=error)
        return _answer(Problem(500))
    return _answer(Problem(status, str(error)[:1].upper() + str(error)[1:] + "."))


async def answer_database_error(_: Request, error: Exception) -> Response:
    """503 where the database is gone or too busy, else 500: then the statement is wrong."""
    assert isinstance(error, DATABASE_ERRORS)  # noqa: S101  # it is registered for these
    if isinstance(error, PoolTimeoutError) or _may_be_repeated(error):
        return _answer(Problem(503))
    log.error("a statement failed", exc_info=error)
    return _answer(Problem(500))


def _may_be_repeated(error: DBAPIError | psycopg2.Error | asyncpg.PostgresError) -> bool:
    if isinstance(error, asyncpg.PostgresError):
        code = error.sqlstate or ""
        return code in _TO_BE_REPEATED or code.startswith(_GONE)
    return is_outage(error) or getattr(getattr(error, "orig", error), "pgcode", None) in _TO_BE_REPEATED


async def answer_wrong_method(request: Request, _: Exception) -> Response:
    """405 with all methods that the address takes: Starlette's own names those of the first of its routes only."""
    scopes = ({**request.scope, "method": method} for method in METHODS)
    methods = [
        scope["method"]
        for scope in scopes
        if any(route.matches(scope)[0] is Match.FULL for route in request.app.routes)
    ]
    return _answer(Problem(405, headers={"allow": ", ".join(methods)}))


def _answer(problem: Problem) -> Response:
    retry = {"retry-after": str(RETRY_AFTER_S)} if problem.status == 503 else {}
    return Response(problem.to_json(), problem.status, {**retry, **problem.headers}, PROBLEM_JSON)
