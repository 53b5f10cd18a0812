"""Whether drift is to start a retraining: the brakes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Engine

from modelling.runs import list_runs

FEWEST_NEW_ROWS: Final = 500
NEW_SHARE: Final = 0.05  # of the rows that the champion learned from
COOL_DOWN: Final = timedelta(days=3)
MOST_A_WEEK: Final = 2
WEEK: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Brake:
    """Whether to retrain, and the sentence that says why or why not."""

    retrain: bool
    reason: str


def apply_brakes(
    target: str, *, new_rows: int, trained_rows: int, retrained_at: Sequence[datetime], running: bool, now: datetime
) -> Brake:
    """Decide on a retraining that drift asks for.

    new_rows: since the champion was trained, which learned from `trained_rows`. retrained_at: when the target was
    retrained lately, by schedule too. running: whether it is being retrained at this moment.
    """
    if running:
        return Brake(False, f"{target} is being retrained already")
    needed = max(FEWEST_NEW_ROWS, round(NEW_SHARE * trained_rows))
    if new_rows < needed:
        return Brake(
            False, f"{new_rows:,} rows are new since the champion was trained, a retraining needs at least {needed:,}"
        )
    recent = sorted(moment for moment in retrained_at if now - moment < WEEK)
    if recent and now - recent[-1] < COOL_DOWN:
        return Brake(
            False, f"the last retraining was {_ago(now - recent[-1])} ago, the next one waits for {COOL_DOWN.days} days"
        )
    if len(recent) >= MOST_A_WEEK:
        return Brake(False, f"{len(recent)} retrainings in the last 7 days, {MOST_A_WEEK} a week are the most")
    return Brake(True, f"{new_rows:,} rows are new since the champion was trained")


def recent_retrainings(engine: Engine, target: str) -> list[datetime]:
    """When the target's last retrainings began, whatever came of them, except of those that were lost."""
    return [run.started_at for run in list_runs(engine, target, limit=50) if run.state != "lost"]


def _ago(passed: timedelta) -> str:
    hours = passed / timedelta(hours=1)
    return f"{hours / 24:.1f} days" if hours >= 24 else f"{hours:.1f} hours"
