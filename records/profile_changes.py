"""A change of a person's preferences as one statement: with its version, its row of the audit log, and the answer."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from records.json_sql import json_columns, json_object
from records.people import NEXT_CHANGE, Kind, check_names, insert_version
from records.people_answers import ANSWERED
from records.tables.people import PROFILE_COLUMNS
from tqs.errors import QueryError

NUMBERED: Final = ("$1", "$2", "$3")


def change_profile(kind: Kind, names: Collection[str], parameters: tuple[str, str, str] = NUMBERED) -> str:
    """SQL that sets these columns of a person's profile: whether anything was to change, and the person as JSON.

    No row where there is nobody of that id. Where nothing is to change, nothing is written. Of two changes at once the
    second waits for the first one's commit, then changes what that left, and its version is valid from a later moment.
    From then on, too, what match predictions rest on counts as changed.

    parameters: the person's id, who asks (as the audit log names them), and a JSON object of the values.

    Raises
    ------
    QueryError
        no column at all, or a name that is no column of the profile.
    """
    check_names(names, PROFILE_COLUMNS[kind])
    if not names:
        raise QueryError(f"there is nothing to change; name one of {', '.join(PROFILE_COLUMNS[kind])}")
    columns = sorted(names)
    # Compared is what the lock was granted on: the statement itself sees the row as it was when it began.
    old, new = (", ".join(f"{alias}.{name}" for name in columns) for alias in ("held", "a"))
    fields = ", ".join(f"'{name}'" for name in columns)
    person, actor, values = parameters
    return f"""
        WITH held AS (SELECT * FROM {kind} WHERE id = CAST({person} AS uuid) FOR NO KEY UPDATE),
        changed AS (
            UPDATE {kind} p SET ({", ".join(columns)}, updated_at, inputs_changed_at)
                = ROW ({new}, clock_timestamp(), {NEXT_CHANGE.format(person="p")})
            FROM held, jsonb_populate_record(CAST(null AS {kind}), CAST({values} AS jsonb)) a
            WHERE p.id = held.id AND ROW ({old}) IS DISTINCT FROM ROW ({new})
            RETURNING p.*
        ), version AS ({insert_version(kind, "changed")}
        ), noted AS (
            INSERT INTO audit_log (actor, action, subject, details)
            SELECT CAST({actor} AS text), 'change {kind.removesuffix("s")}', id::text,
                jsonb_build_object('fields', jsonb_build_array({fields}))
            FROM changed
        )
        SELECT changed, {json_object(json_columns(ANSWERED[kind], "p"))}::text AS person
        FROM (SELECT true AS changed, * FROM changed
            UNION ALL SELECT false, * FROM held WHERE NOT EXISTS (SELECT FROM changed)) p"""
