"""Runs that come too late: of those that piled up while no worker ran, the newest is enough."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from prefect.runtime import flow_run


def comes_too_late(longest: timedelta) -> bool:
    """Whether it is later than `longest` after this run was to start, so that a successor is due already."""
    scheduled: datetime = flow_run.scheduled_start_time
    return datetime.now(UTC) - scheduled > longest
