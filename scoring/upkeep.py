"""What is kept for a while only: explanations by a language model, ended jobs, work done, former predictions."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Engine, text

EXPLANATION_DAYS: Final = 90  # one that is asked for later is written anew
JOB_DAYS: Final = 30
WORK_DAYS: Final = 30
FORMER_DAYS: Final = 30  # after the session


def remove_outdated(engine: Engine) -> int:
    """Remove explanations, ended jobs, processed work and former predictions older than that; how many rows."""
    with engine.begin() as connection:
        return sum(connection.execute(statement).rowcount for statement in _REMOVE)


_REMOVE: Final = (
    text(f"DELETE FROM explanations WHERE created_at < now() - interval '{EXPLANATION_DAYS} days'"),
    text(f"DELETE FROM jobs WHERE state IN ('done', 'failed') AND updated_at < now() - interval '{JOB_DAYS} days'"),
    text(f"DELETE FROM work_items WHERE state = 'done' AND updated_at < now() - interval '{WORK_DAYS} days'"),
    text(f"DELETE FROM former_predictions WHERE scheduled_time < now() - interval '{FORMER_DAYS} days'"),
)
