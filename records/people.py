"""One tutor or student made, changed or removed: each change of the profile is a version, valid from when it was made.

Who writes commits, and records in the audit log who asked for it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import Connection, text

from records.tables.people import PROFILE_COLUMNS
from tqs.errors import QueryError

Kind = Literal["tutors", "students"]
SOURCE: Final = "api"
IDENTITY: Final[dict[Kind, tuple[str, ...]]] = {"tutors": ("name", "email"), "students": ("name",)}


def create_person(connection: Connection, kind: Kind, values: Mapping[str, Any]) -> UUID:
    """Insert a person with the first version of the profile; returns the new id.

    values: the name (of a tutor also the email) and any columns of the profile; what is not there is null.

    Raises
    ------
    QueryError
        a name that is no such column.
    """
    check_names(values, (*IDENTITY[kind], *PROFILE_COLUMNS[kind]))
    names = [*values, "source", "inputs_changed_at"]
    given = [*(_bound(name) for name in values), ":source", "clock_timestamp()"]
    statement = text(f"""
        WITH person AS (INSERT INTO {kind} ({", ".join(names)}) VALUES ({", ".join(given)}) RETURNING *)
        {insert_version(kind, "person")}
    """)
    made: UUID = connection.execute(statement, {**_written(values), "source": SOURCE}).scalar_one()
    return made


def deactivate_tutor(connection: Connection, tutor_id: UUID) -> bool | None:
    """Take a tutor off the lists, leaving all history; False where that was so already, None where there is no such."""
    found = connection.execute(_DEACTIVATE, {"id": tutor_id}).scalar_one_or_none()
    if found is not None:
        return True
    return False if connection.scalar(_EXISTS, {"id": tutor_id}) else None


def insert_version(kind: Kind, person: str) -> str:
    """SQL that adds the version of each profile in the subquery `person`, and gives their ids."""
    key = f"{kind.removesuffix('s')}_id"
    profile = ", ".join(PROFILE_COLUMNS[kind])
    return f"""
        INSERT INTO {kind.removesuffix("s")}_profiles ({key}, valid_from, recorded_at, {profile})
        SELECT id, inputs_changed_at, inputs_changed_at, {profile} FROM {person} RETURNING {key}"""


NEXT_CHANGE: Final = "greatest(clock_timestamp(), {person}.inputs_changed_at + interval '1 microsecond')"
"""When a person's inputs change: now, and after they last changed, also where the clock was set back."""

_DEACTIVATE: Final = text(
    "UPDATE tutors SET is_active = false, updated_at = clock_timestamp() WHERE id = :id AND is_active RETURNING id"
)
_EXISTS: Final = text("SELECT EXISTS (SELECT FROM tutors WHERE id = :id)")


def _bound(name: str) -> str:
    return "CAST(:preferences_json AS jsonb)" if name == "preferences_json" else f":{name}"


def _written(values: Mapping[str, Any]) -> dict[str, Any]:
    preferences = values.get("preferences_json")
    return {**values, "preferences_json": None if preferences is None else json.dumps(preferences)}


def check_names(names: Iterable[str], allowed: tuple[str, ...]) -> None:
    """Raise QueryError for a name that is not among the allowed ones."""
    if unknown := [name for name in names if name not in allowed]:
        raise QueryError(f"{unknown[0]!r} is nothing to set here; it can be {', '.join(allowed)}")
