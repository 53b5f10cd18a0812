"""Predict the rows of a feature table (Parquet in, Parquet out), block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from features.catalogue import names_of
from modelling.risk import RISK_LEVELS
from scoring.models import ServedModel
from tqs.errors import RecordsError

BLOCK_ROWS: Final = 100_000
ID_COLUMNS: Final = {
    "match": ("student_id", "tutor_id"),
    "reschedule": ("session_id",),
    "no_show": ("session_id",),
}


@dataclass(frozen=True, slots=True)
class TablePrediction:
    """What was written: rows, and who answered for them."""

    file: Path
    rows: int
    model_version: str
    fallback: bool


def predict_table(
    model: ServedModel,
    source: Path,
    destination: Path,
    progress: Callable[[str, int, int], None] | None = None,
) -> TablePrediction:
    """Write the ids and as_of of each row of `source`, in its order, with the model's probability and risk level.

    The file appears whole or not at all.

    Raises
    ------
    RecordsError
        the table cannot be read, lacks a column, or holds a value that is no finite number.
    """
    ids = (*ID_COLUMNS[model.target], "as_of")
    table = _open_table(source, model.target, ids)
    unfinished = destination.with_name(f".{destination.name}.part")
    rows = 0
    try:
        with pq.ParquetWriter(unfinished, _schema(table.schema_arrow, ids)) as writer:
            for batch in _batches(table, [*ids, *names_of(model.target)], source):
                writer.write_batch(_predict_batch(model, batch, ids, source, rows))
                rows += len(batch)
                if progress is not None:
                    progress("rows", rows, table.metadata.num_rows)
        unfinished.replace(destination)
    except OSError as error:
        raise RecordsError(
            f"{destination} cannot be written ({error}); free some disk or name another place"
        ) from error
    finally:
        unfinished.unlink(missing_ok=True)
    return TablePrediction(destination, rows, model.version, model.fallback)


def _open_table(source: Path, target: str, ids: tuple[str, ...]) -> pq.ParquetFile:
    try:
        table = pq.ParquetFile(source)
    except (OSError, pa.ArrowException) as error:
        raise RecordsError(f"{source} is no Parquet file that can be read ({error})") from error
    wanted = (*ids, *names_of(target))
    if missing := [name for name in wanted if name not in table.schema_arrow.names]:
        raise RecordsError(
            f"{source} lacks the column {missing[0]!r} ({len(missing)} of {len(wanted)} are missing); "
            f"write it with: tqs features --target {target} --out {source.name}"
        )
    return table


def _batches(table: pq.ParquetFile, columns: list[str], source: Path) -> Iterator[pa.RecordBatch]:
    try:
        yield from table.iter_batches(BLOCK_ROWS, columns=columns)
    except (OSError, pa.ArrowException) as error:
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise RecordsError(f"{source} cannot be read to its end ({said}); nothing has been written") from error


def _schema(source: pa.Schema, ids: tuple[str, ...]) -> pa.Schema:
    return pa.schema(
        [
            *(source.field(name) for name in ids),
            pa.field("probability", pa.float64()),
            pa.field("risk_level", pa.string()),
            pa.field("model_version", pa.string()),
            pa.field("fallback", pa.bool_()),
        ]
    )


def _predict_batch(
    model: ServedModel, batch: pa.RecordBatch, ids: tuple[str, ...], source: Path, before: int
) -> pa.RecordBatch:
    matrix = _matrix(batch, model.target, source, before)
    probability = model.predict(matrix)
    levels = np.array(RISK_LEVELS, dtype=object)[model.risk_codes(probability)]
    return pa.record_batch(
        [
            *(batch.column(name) for name in ids),
            pa.array(probability),
            pa.array(levels, pa.string()),
            pa.repeat(model.version, len(batch)),
            pa.repeat(model.fallback, len(batch)),
        ],
        schema=_schema(batch.schema, ids),
    )


def _matrix(batch: pa.RecordBatch, target: str, source: Path, before: int) -> NDArray[np.float64]:
    columns = []
    for name in names_of(target):
        try:
            column = batch.column(name).cast(pa.float64()).to_numpy(zero_copy_only=False)
        except pa.ArrowException as error:
            raise RecordsError(
                f"the column {name!r} of {source} holds something that is no number ({error})"
            ) from error
        if not np.isfinite(column).all():
            row = int(np.flatnonzero(~np.isfinite(column))[0])
            raise RecordsError(
                f"row {before + row} of {source} has {column[row]} for {name!r}, expected a finite number; "
                f"write the table anew with: tqs features --target {target} --out {source.name}"
            )
        columns.append(column)
    return np.column_stack(columns) if columns else np.empty((len(batch), 0))
