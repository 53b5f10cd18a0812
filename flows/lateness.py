"""Runs that come too late: of those that piled up while no worker ran, the newest is enough."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from prefect.runtime import flow_run


def comes_too_late(interval: timedelta) -> bool:
    """Whether this run starts later than `interval` after it was to, so that its successor is due already."""
    scheduled: datetime = flow_run.scheduled_start_time
    return datetime.now(UTC) - scheduled > interval
