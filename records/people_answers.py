"""Students and tutors with their preferences, as the API answers them: SQL that gives the JSON.

Lists are in the order of the names (by code point), then of the ids, and leave out tutors who are not active.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from records.json_sql import json_columns, json_list, json_object
from records.people import Kind
from records.tables.people import PROFILE_COLUMNS

LISTED_STUDENT: Final = ("id", "name", "age", "preferred_pace", "preferred_teaching_style")
LISTED_TUTOR: Final = ("id", "name", "email", *(n for n in PROFILE_COLUMNS["tutors"] if n != "preferences_json"))
ANSWERED: Final[dict[Kind, tuple[str, ...]]] = {
    "students": ("id", "name", *PROFILE_COLUMNS["students"]),
    "tutors": (*LISTED_TUTOR, "preferences_json"),
}


def _page(table: str, columns: Sequence[str], where: str) -> str:
    """A page as a JSON array; the index alone says who is on it, so that those before it are not read."""
    rows = f"""
        SELECT p.* FROM (SELECT id FROM {table} WHERE {where} ORDER BY name, id LIMIT $1 OFFSET $2) page
        JOIN {table} p USING (id) ORDER BY p.name, p.id"""
    return json_list(json_columns(columns, "r"), rows)


_STUDENT_LIST: Final = json_object(
    {
        "students": _page("students", LISTED_STUDENT, "true"),
        "total": "(SELECT count(*) FROM students)",
        "limit": "CAST($1 AS bigint)",
        "offset": "CAST($2 AS bigint)",
    }
)
STUDENT_LIST: Final = f"SELECT {_STUDENT_LIST}::text"
"""$1 limit, $2 offset."""

TUTOR_ARRAY: Final = f"SELECT {_page('tutors', LISTED_TUTOR, 'is_active')}::text"
"""$1 limit, $2 offset: without an envelope."""


def person_by_id(kind: Kind, parameter: str = "$1") -> str:
    """One person with the whole profile, active or not; no row where there is nobody of the id that is bound there."""
    return f"SELECT {json_object(json_columns(ANSWERED[kind], 'p'))}::text FROM {kind} p WHERE p.id = {parameter}"
