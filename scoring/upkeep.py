"""What is kept for a while only: explanations that a language model wrote, jobs that have ended, work that is done."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Engine, text

EXPLANATION_DAYS: Final = 90  # one that is asked for later is written anew
JOB_DAYS: Final = 30
WORK_DAYS: Final = 30


def remove_outdated(engine: Engine) -> int:
    """Remove explanations, ended jobs and processed work that are older than that; how many rows those were."""
    with engine.begin() as connection:
        return sum(connection.execute(statement).rowcount for statement in _REMOVE)


_REMOVE: Final = (
    text(f"DELETE FROM explanations WHERE created_at < now() - interval '{EXPLANATION_DAYS} days'"),
    text(f"DELETE FROM jobs WHERE state IN ('done', 'failed') AND updated_at < now() - interval '{JOB_DAYS} days'"),
    text(f"DELETE FROM work_items WHERE state = 'done' AND updated_at < now() - interval '{WORK_DAYS} days'"),
)
