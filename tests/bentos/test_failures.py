"""What the database's drivers raise, as answers."""

from __future__ import annotations

import asyncpg
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from bentos.failures import DATABASE_ERRORS, answer_database_error


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (asyncpg.DeadlockDetectedError, 503),
        (asyncpg.LockNotAvailableError, 503),
        (asyncpg.QueryCanceledError, 503),
        (asyncpg.SerializationError, 503),
        (asyncpg.ReadOnlySQLTransactionError, 503),
        (asyncpg.AdminShutdownError, 503),
        (asyncpg.UndefinedColumnError, 500),
        (asyncpg.UniqueViolationError, 500),
    ],
)
def test_errors_of_the_reading_driver_are_told_by_their_sqlstate(
    error: type[asyncpg.PostgresError], status: int
) -> None:
    app = FastAPI()
    for kind in DATABASE_ERRORS:
        app.add_exception_handler(kind, answer_database_error)

    @app.get("/")
    async def fail() -> None:
        raise error("secret")

    answer = TestClient(app, raise_server_exceptions=False).get("/")
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text
    assert ("retry-after" in answer.headers) == (status == 503)
