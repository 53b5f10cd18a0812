"""What is kept for a while only: explanations by a language model, ended jobs, work done, former predictions, pages."""

from __future__ import annotations

import shutil
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, text

from records.columns import TARGETS
from tqs.errors import RecordsError

EXPLANATION_DAYS: Final = 90  # one that is asked for later is written anew
JOB_DAYS: Final = 30
WORK_DAYS: Final = 30
FORMER_DAYS: Final = 30  # after the session
DRIFT_DAYS: Final = 90  # of a watch's pages; what it found stays in the database


def remove_outdated(engine: Engine) -> int:
    """Remove explanations, ended jobs, processed work and former predictions older than that; how many rows."""
    with engine.begin() as connection:
        return sum(connection.execute(statement).rowcount for statement in _REMOVE)


def remove_old_pages(home: Path, today: date) -> int:
    """Remove the folders `drift/YYYY-MM-DD-target` of days more than 90 days before `today`; how many.

    Raises
    ------
    RecordsError
        one of them cannot be removed.
    """
    old = [folder for folder in (home / "drift").glob("*") if _is_before(folder, today - timedelta(days=DRIFT_DAYS))]
    for folder in old:
        try:
            shutil.rmtree(folder)
        except OSError as error:
            raise RecordsError(f"{folder} cannot be removed ({error}); remove it by hand") from error
    return len(old)


def _is_before(folder: Path, day: date) -> bool:
    """Whether this is a folder of a watch of a day before `day`."""
    written, target = folder.name[:10], folder.name[11:]
    if folder.name != f"{written}-{target}" or target not in TARGETS or folder.is_symlink() or not folder.is_dir():
        return False
    try:
        watched = date.fromisoformat(written)
    except ValueError:
        return False
    return watched.isoformat() == written and watched < day


_REMOVE: Final = (
    text(f"DELETE FROM explanations WHERE created_at < now() - interval '{EXPLANATION_DAYS} days'"),
    text(f"DELETE FROM jobs WHERE state IN ('done', 'failed') AND updated_at < now() - interval '{JOB_DAYS} days'"),
    text(f"DELETE FROM work_items WHERE state = 'done' AND updated_at < now() - interval '{WORK_DAYS} days'"),
    text(f"DELETE FROM former_predictions WHERE scheduled_time < now() - interval '{FORMER_DAYS} days'"),
)
