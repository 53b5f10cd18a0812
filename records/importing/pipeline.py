"""One file's rows, chunk by chunk: read, checked, staged, and merged into the tables, all in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, text

from records.columns import Bool
from records.importing.check import check_columns
from records.importing.files import Chunk, Reject
from records.importing.form import Form
from records.importing.ids import make_uuids
from records.importing.parse import Problem, parse_columns
from records.importing.people import upsert_people
from records.importing.rejects import explain_problems
from records.importing.sessions import take_out_contradictions, upsert_sessions
from records.importing.stage import create_staging, stage_rows, take_out_duplicates
from records.locking import run_alone


@dataclass(frozen=True, slots=True)
class Loaded:
    """How many rows were read, and what became of them."""

    rows_read: int
    inserted: int
    updated: int
    unchanged: int
    rejected: int


def load_chunks(
    connection: Connection,
    form: Form,
    present: Sequence[str],
    chunks: Iterable[Chunk],
    source: str,
    *,
    reject: Callable[[list[Reject]], None],
    keep_outcomes: bool = True,
) -> Loaded:
    """Merge rows of one kind into the database inside the connection's transaction.

    `present` names the columns that the chunks have; `reject` is given the rows that do not enter. Other imports
    wait until this transaction ends.
    """
    run_alone(connection, "import")
    connection.execute(text("SET LOCAL work_mem = '128MB'"))
    create_staging(connection, form)
    tutors = _known_tutors(connection) if form.kind == "sessions" else None
    rows = rejected = 0
    for chunk in chunks:
        typed, problems = parse_columns(form, chunk.columns)
        problems += check_columns(form, typed)
        if tutors is not None:
            problems.append(_strangers(typed["tutor_id"], tutors))
        rejects, good = explain_problems(chunk, problems)
        rejects = chunk.broken + rejects
        rows += len(chunk.lines) + len(chunk.broken)
        rejected += len(rejects)
        if rejects:
            reject(rejects)
        if not good.all():
            typed = {name: column.filter(pa.array(good)) for name, column in typed.items()}
        stage_rows(connection, form, chunk.lines[good], typed)
    rejects = take_out_duplicates(connection, form)
    connection.execute(text("ANALYZE staged"))
    if form.kind == "sessions":
        rejects += take_out_contradictions(connection, present)
        counts = upsert_sessions(connection, present, source, keep_outcomes=keep_outcomes)
    else:
        counts = upsert_people(connection, form, present, source)
    if rejects:
        reject(rejects)
    return Loaded(rows, counts.inserted, counts.updated, counts.unchanged, rejected + len(rejects))


def _known_tutors(connection: Connection) -> pa.Array:
    ids = connection.execute(text("SELECT uuid_send(id) FROM tutors")).scalars()
    return pa.array([bytes(value) for value in ids], pa.binary(16))


def _strangers(tutor_ids: pa.Array, known: pa.Array) -> Problem:
    """Rows whose tutor is nobody here; each distinct id is looked up once."""
    encoded = pc.dictionary_encode(tutor_ids)
    ids = make_uuids(encoded.dictionary)
    found: Bool = pc.is_in(
        pa.FixedSizeBinaryArray.from_buffers(pa.binary(16), len(ids), [None, pa.py_buffer(np.ascontiguousarray(ids))]),
        known,
    ).to_numpy(zero_copy_only=False)
    codes = pc.fill_null(encoded.indices, -1).to_numpy()
    missing = codes < 0
    stranger = np.zeros(len(codes), dtype=bool)
    stranger[~missing] = ~found[codes[~missing]]
    return Problem(stranger, "tutor_id", "a tutor who is known here (import tutors first)")
