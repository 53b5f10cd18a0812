"""Reading what the API answers, as the service reads it: by asyncpg, without a service."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine

from bentos.answers import Answers
from tests.loops import run_coroutine


def fetch_answer(engine: Engine, sql: str, *parameters: Any) -> bytes | None:
    """The JSON that the statement gives for $1, $2, …; None where it gives none."""

    async def fetch() -> bytes | None:
        answers = Answers(engine.url)
        await answers.start()
        try:
            return await answers.fetch(sql, *parameters)
        finally:
            await answers.stop()

    return run_coroutine(fetch())
