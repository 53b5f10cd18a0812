"""Rows that did not enter: why, on which line, and as they came, kept until the same file is imported again."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import numpy as np
import pyarrow as pa
from sqlalchemy import Connection, Engine, select

from records.bulk import open_cursor
from records.columns import Bool
from records.importing.csv_rows import DAMAGE
from records.importing.files import Chunk, Reject
from records.importing.parse import Problem
from records.tables import import_rejects, imports

LONGEST_VALUE: Final = 60  # characters of a value that a reason repeats


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A row in the rejects: where it stands, why it did not enter, and the row itself."""

    file: str
    line: int
    reason: str
    row: dict[str, Any]


def list_rejects(engine: Engine, file: str | None = None, limit: int | None = None) -> list[RejectedRow]:
    """What the last import of each file (or of the one named so) left out, by file and line."""
    query = (
        select(imports.c.file, import_rejects.c.line, import_rejects.c.reason, import_rejects.c.row)
        .join(imports, imports.c.id == import_rejects.c.import_id)
        .order_by(imports.c.file, import_rejects.c.line)
        .limit(limit)
    )
    if file is not None:
        query = query.where(imports.c.file == file)
    with engine.connect() as connection:
        return [RejectedRow(*row) for row in connection.execute(query)]


def write_rejects(connection: Connection, import_id: UUID, rejects: Iterable[Reject]) -> None:
    """Append to the import's rejects."""
    text = io.StringIO()
    for reject in rejects:
        fields = (str(import_id), str(reject.line), _clean(reject.reason), json.dumps(_clean(reject.row)))
        text.write(",".join('"' + field.replace('"', '""') + '"' for field in fields) + "\n")
    text.seek(0)
    with open_cursor(connection) as cursor:
        cursor.copy_expert('COPY import_rejects (import_id, line, reason, "row") FROM STDIN (FORMAT csv)', text)


def explain_problems(chunk: Chunk, problems: Sequence[Problem]) -> tuple[list[Reject], Bool]:
    """A reject for each row that has a problem, and which rows have none."""
    bad = np.zeros(len(chunk.lines), dtype=bool)
    for problem in problems:
        bad |= problem.rows
    rows = np.flatnonzero(bad)
    raw = {name: column.take(pa.array(rows)) for name, column in chunk.columns.items()} if len(rows) else {}
    blamed = [(problem, problem.rows[rows]) for problem in problems]
    rejects = []
    for position, row in enumerate(rows):
        values = {name: _show(column[position]) for name, column in raw.items()}
        reasons: dict[str, str] = {}
        for problem, hit in blamed:
            if hit[position]:
                key = problem.column or problem.expected
                reasons.setdefault(key, _sentence(problem, values))
        rejects.append(Reject(int(chunk.lines[row]), "; ".join(reasons.values()), values))
    return rejects, ~bad


def _sentence(problem: Problem, values: dict[str, Any]) -> str:
    if problem.column is None:
        return problem.expected
    value = values.get(problem.column)
    if value is None or str(value).strip() == "":
        return f"{problem.column} is missing; expected {problem.expected}"
    shown = str(value) if len(str(value)) <= LONGEST_VALUE else str(value)[:LONGEST_VALUE] + "…"
    return f"{problem.column} is {_clean(shown)!r}; expected {problem.expected}"


def _show(scalar: pa.Scalar) -> Any:
    try:
        value = scalar.as_py()
    except UnicodeDecodeError:
        value = scalar.cast(pa.binary()).as_py()
    if isinstance(value, bytes):
        value = value.decode(errors="backslashreplace")
    return value if value is None or isinstance(value, str | bool | int) else str(value)


def _clean(value: Any) -> Any:
    """Without what a database's text or JSON cannot hold."""
    if isinstance(value, dict):
        return {_clean(key): _clean(inner) for key, inner in value.items()}
    if not isinstance(value, str):
        return value
    kept = value.replace(DAMAGE, "").replace("\0", "\\x00")
    return kept.encode("utf-8", "backslashreplace").decode()
