"""Two transactions that do one job at once: the second waits, whichever process it is in."""

from __future__ import annotations

from sqlalchemy import Connection, text


def run_alone(connection: Connection, job: str) -> None:
    """Wait until no other transaction does `job`, and keep others waiting until this one ends."""
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(:job))"), {"job": f"tqs {job}"})


def run_in_part(connection: Connection, job: str) -> None:
    """Wait until no other transaction does the whole of `job`; others that do a part of it may go on beside this one.

    What the parts share is for the caller to lock.
    """
    connection.execute(text("SELECT pg_advisory_xact_lock_shared(hashtext(:job))"), {"job": f"tqs {job}"})
