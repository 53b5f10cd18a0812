"""Two runs of one job at once: the second waits."""

from __future__ import annotations

from sqlalchemy import Connection, text


def run_alone(connection: Connection, job: str) -> None:
    """Wait until no other transaction does `job`, and keep others waiting until this one ends."""
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(:job))"), {"job": f"tqs {job}"})
