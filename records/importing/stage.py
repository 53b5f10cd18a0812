"""The staging table: checked rows of one file, in a temporary table that ends with the transaction."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv
from sqlalchemy import Connection, text

from records.bulk import open_cursor
from records.columns import Int64
from records.importing.files import Reject
from records.importing.form import Form, Reading
from records.importing.ids import is_uuid, make_uuids, write_hex

SQL_TYPES: Final[dict[Reading, str]] = {
    "id": "uuid",
    "text": "text",
    "integer": "integer",
    "boolean": "boolean",
    "time": "timestamptz",
    "json": "jsonb",
}
ALWAYS: Final = "timestamptz '1970-01-01 00:00:00+00'"  # valid_from of a first version that has no date
_BUFFER_BYTES: Final = 1024 * 1024


def create_staging(connection: Connection, form: Form) -> None:
    """Create the empty temporary table `staged`: line, the form's columns, and external_id where id was no UUID."""
    columns = ", ".join(f"{name} {SQL_TYPES[reading]}" for name, reading in form.columns.items())
    connection.execute(text("DROP TABLE IF EXISTS staged"))
    connection.execute(text(f"CREATE TEMP TABLE staged (line bigint, external_id text, {columns}) ON COMMIT DROP"))


def stage_rows(connection: Connection, form: Form, lines: Int64, typed: Mapping[str, pa.Array]) -> None:
    """Append checked rows to `staged` by COPY."""
    if len(lines) == 0:
        return
    columns: dict[str, pa.Array] = {"line": pa.array(lines)}
    for name, column in typed.items():
        if form.columns[name] != "id":
            columns[name] = column
            continue
        columns[name] = write_hex(make_uuids(column))
        if name == "id":
            columns["external_id"] = pc.if_else(pa.array(is_uuid(column)), pa.scalar(None, pa.string()), column)
    if "student_id" in columns:
        columns["student_id"] = _write_uuids_alike(columns["student_id"])
    body = io.BytesIO()
    arrow_csv.write_csv(pa.table(columns), body, arrow_csv.WriteOptions(include_header=False))
    body.seek(0)
    with open_cursor(connection) as cursor:
        cursor.copy_expert(f"COPY staged ({', '.join(columns)}) FROM STDIN (FORMAT csv)", body, _BUFFER_BYTES)


def take_out_duplicates(connection: Connection, form: Form) -> list[Reject]:
    """Remove all but the first row of each id (of each id and valid_from, where there are versions)."""
    key = ["id"] if "valid_from" not in form.columns else ["id", f"coalesce(valid_from, {ALWAYS})"]
    return take_out(
        connection,
        f"""USING (SELECT {key[0]} AS key_id, {key[-1]} AS key_2, min(line) AS first
                   FROM staged GROUP BY 1, 2 HAVING count(*) > 1) twice
            WHERE s.id = key_id AND {key[-1]} = key_2 AND s.line > first""",
        "'id ' || coalesce(s.external_id, s.id::text) || ' stands on line ' || first || ' already; the first counts'",
    )


def take_out(connection: Connection, which: str, reason: str) -> list[Reject]:
    """DELETE FROM staged s `which`, with the SQL expression `reason` for each row."""
    row = (
        "jsonb_strip_nulls(to_jsonb(s)) - 'line' - 'external_id' "
        "|| jsonb_build_object('id', coalesce(s.external_id, s.id::text))"
    )
    found = connection.execute(text(f"DELETE FROM staged s {which} RETURNING s.line, {reason}, {row}"))
    return [Reject(line, why, row) for line, why, row in sorted(found.all())]


def _write_uuids_alike(texts: pa.Array) -> pa.Array:
    """UUIDs in lower case, as the database writes them; other texts as they are."""
    if not pc.any(pc.equal(pc.binary_length(texts), 36)).as_py():
        return texts
    return pc.if_else(pa.array(is_uuid(texts)), pc.ascii_lower(texts), texts)
