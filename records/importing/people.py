"""Staged tutors or students into the database: the person, the versions of the profile, and the profile as it is now.

A row without valid_from is the person's first version, valid from 1970-01-01 on, or, where the person is known, a
change that holds from now on, unless nothing changed. A column that the file does not have keeps its value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from records.importing.form import Form
from records.importing.stage import ALWAYS
from records.people import NEXT_CHANGE
from records.tables.people import PROFILE_COLUMNS


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows of a file by what became of them."""

    inserted: int
    updated: int
    unchanged: int


def upsert_people(connection: Connection, form: Form, present: Sequence[str], source: str) -> Counts:
    """Merge `staged` into tutors or students; a row counts as inserted where the person is new.

    Someone else's change of one of these people is waited for first: what the rows change, they change after that.
    """
    people, versions, key = _tables(form)
    profile = PROFILE_COLUMNS[form.kind]
    own = [name for name in ("name", "email", "is_active") if name in present]
    locked = f"SELECT FROM {people} WHERE id IN (SELECT id FROM staged) ORDER BY id FOR NO KEY UPDATE"
    connection.execute(text(f"SELECT count(*) FROM ({locked}) locked"))
    _resolve(connection, form, present)
    counts = connection.execute(
        text(f"""
        WITH person AS (
            INSERT INTO {people} (id, external_id, source, {", ".join(own)})
            SELECT id, external_id, :source, {", ".join(_given(name) for name in own)} FROM resolved WHERE is_newest
            ON CONFLICT (id) DO UPDATE SET (source, updated_at, {", ".join(own)})
                = ROW (excluded.source, now(), {_list("excluded", own)})
            WHERE ({people}.source, {_list(people, own)}) IS DISTINCT FROM (excluded.source, {_list("excluded", own)})
            RETURNING id
        ), version AS (
            INSERT INTO {versions} ({key}, valid_from, {", ".join(profile)})
            SELECT id, valid_from, {", ".join(profile)} FROM resolved
            ON CONFLICT ({key}, valid_from) DO UPDATE SET (recorded_at, {", ".join(profile)})
                = ROW (NULL, {_list("excluded", profile)})
            WHERE ({_list(versions, profile)}) IS DISTINCT FROM ({_list("excluded", profile)})
            RETURNING {key}, valid_from
        )
        SELECT count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE NOT is_new AND changed),
               count(*) FILTER (WHERE NOT is_new AND NOT changed)
        FROM (SELECT r.is_new, v.{key} IS NOT NULL OR (r.is_newest AND p.id IS NOT NULL) AS changed
              FROM resolved r LEFT JOIN version v ON v.{key} = r.id AND v.valid_from = r.valid_from
              LEFT JOIN person p ON p.id = r.id) rows
        """),
        {"source": source},
    ).one()
    if people == "students":
        _link_sessions(connection)
    show_current_profiles(connection, form, "SELECT id FROM resolved")
    return Counts(*counts)


def show_current_profiles(connection: Connection, form: Form, whose: str) -> None:
    """Copy the version that is valid now (else the next) to the rows of the people whom the SQL `whose` selects.

    Match predictions of those whom that changes rest on something else from then on.
    """
    people, versions, key = _tables(form)
    profile = PROFILE_COLUMNS[form.kind]
    connection.execute(
        text(f"""
        UPDATE {people} p SET (updated_at, inputs_changed_at, {", ".join(profile)})
            = ROW (now(), {NEXT_CHANGE.format(person="p")}, {_list("v", profile)})
        FROM (SELECT DISTINCT ON ({key}) * FROM {versions} WHERE {key} IN ({whose})
              ORDER BY {key}, valid_from <= :now DESC, abs(extract(epoch FROM valid_from - :now))) v
        WHERE v.{key} = p.id AND ({_list("p", profile)}) IS DISTINCT FROM ({_list("v", profile)})
        """),
        {"now": _read_clock(connection)},
    )


def _resolve(connection: Connection, form: Form, present: Sequence[str]) -> None:
    """Make `resolved` of `staged`: with whole profiles and with the moment from which each is valid."""
    people, versions, key = _tables(form)
    profile = PROFILE_COLUMNS[form.kind]
    whole = ", ".join(f"{'s' if name in present else 'v'}.{name}" for name in profile)
    others = ", ".join(f"s.{name}" for name in ("name", "email", "is_active") if name in present)
    connection.execute(text("DROP TABLE IF EXISTS resolved"))
    connection.execute(
        text(f"""
        CREATE TEMP TABLE resolved ON COMMIT DROP AS
        SELECT *, 1 = row_number()
            OVER (PARTITION BY id ORDER BY valid_from <= :now DESC, valid_from DESC) AS is_newest
        FROM (
            SELECT s.line, s.id, s.external_id, {others}, {whole}, p.id IS NULL AS is_new,
                CASE WHEN s.valid_from IS NOT NULL THEN s.valid_from
                     WHEN v.valid_from IS NULL OR count(*) OVER (PARTITION BY s.id) > 1 THEN {ALWAYS}
                     WHEN ({whole}) IS NOT DISTINCT FROM ({_list("v", profile)}) THEN v.valid_from
                     ELSE :now END AS valid_from
            FROM staged s LEFT JOIN {people} p ON p.id = s.id
            LEFT JOIN LATERAL (
                SELECT * FROM {versions} WHERE {key} = s.id AND valid_from <= coalesce(s.valid_from, :now)
                ORDER BY valid_from DESC LIMIT 1
            ) v ON true
        ) whole
        """),
        {"now": _read_clock(connection)},
    )
    connection.execute(text("ANALYZE resolved"))


def _link_sessions(connection: Connection) -> None:
    """Sessions that came before their student held the student's id as text."""
    connection.execute(
        text(
            "UPDATE sessions s SET student_id = r.id::text, updated_at = now() FROM resolved r "
            "WHERE s.student_id = r.external_id"
        )
    )


def _read_clock(connection: Connection) -> datetime:
    """The time now, which is later than that of all changes whose locks were waited for; now() may not be."""
    now: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    return now


def _tables(form: Form) -> tuple[str, str, str]:
    """The people's table, that of their versions, and the column there which names the person."""
    one = form.kind.removesuffix("s")
    return form.kind, f"{one}_profiles", f"{one}_id"


def _given(name: str) -> str:
    return "coalesce(is_active, true)" if name == "is_active" else name


def _list(table: str, columns: Sequence[str]) -> str:
    return ", ".join(f"{table}.{name}" for name in columns)
