"""Process the sessions that wait and send the mails that are due: the net below the resident processor."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from prefect import flow, get_run_logger

from flows.environment import quiet_run_logs
from flows.lateness import comes_too_late
from processing.round import work_off
from records.engine import open_databases
from tqs.settings import load_settings

STALE: Final = timedelta(minutes=2)  # of runs that piled up while no worker ran, the newest is enough
LONGEST: Final = timedelta(minutes=4)  # then the next run goes on


@flow(name="process-sessions")
def process_sessions() -> dict[str, Any]:
    """Process all that is due and send what is due; a run that comes too late leaves it to the next one."""
    quiet_run_logs()
    started = datetime.now(UTC)
    if comes_too_late(STALE):
        get_run_logger().info("late by more than %s: left to the next run", STALE)
        return {"skipped": True}
    settings = load_settings()
    with open_databases(settings) as databases:
        sessions, mails = work_off(databases.app, settings, stop=lambda: is_over(started))
    for report in (sessions, mails):
        get_run_logger().info("%s", report)
    return {"sessions": asdict(sessions), "mails": asdict(mails)}


def is_over(started: datetime) -> bool:
    """Whether a run has had its time."""
    return datetime.now(UTC) - started > LONGEST
