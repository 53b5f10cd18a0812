"""The snapshot: the table that a model is trained on, as one Parquet file that is known by its SHA-256."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Engine

from features.catalogue import names_of
from features.sample import SampleCounts
from features.table import training_table
from records.columns import NEVER, History
from records.interference import read_interference
from records.reading import read_history
from tqs.errors import RecordsError

METADATA_KEY: Final = b"tqs"
FORM: Final = "tqs-snapshot/1"
ID_COLUMNS: Final = ("session_id", "student_id", "tutor_id")  # a tenth of the memory


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A written table: where, what it holds and how it came about (`features.table.TrainingTable`).

    cut_off, horizon and gap are µs; counts says how many rows left for which reason.
    """

    file: Path
    target: str
    sha256: str
    cut_off: int
    horizon: int
    gap: int
    counts: SampleCounts


def write_snapshot(
    engine: Engine, target: str, file: Path, *, timezone: str = "UTC", cut_off: int | None = None
) -> Snapshot:
    """Compute the training table of `target` from what was known before `cut_off` (µs) and write it to `file`.

    Without a cut-off facts count up to the newest outcome that was told: sessions after it are not over as far as
    anybody knows, and would pass for sessions that took place. The file appears whole or not at all. The same records
    and cut-off give the same bytes. What was done about tutors by now decides how much rows count.
    """
    history = read_history(engine, until=time.time_ns() // 1000 if cut_off is None else cut_off)
    moment = _newest_outcome(history) + 1 if cut_off is None else cut_off
    table = training_table(history, target, moment, timezone, read_interference(engine, history.directory))
    about = {
        "form": FORM,
        "target": target,
        "cut_off": moment,
        "horizon": table.horizon,
        "gap": table.gap,
        "counts": asdict(table.counts),
    }
    arrow = pa.Table.from_pandas(table.frame, preserve_index=False)
    arrow = arrow.replace_schema_metadata({METADATA_KEY: json.dumps(about).encode()})
    unfinished = file.with_name(f".{file.name}.part")
    try:
        pq.write_table(arrow, unfinished, compression="zstd")
        sha256 = hash_file(unfinished)
        unfinished.replace(file)
    except OSError as error:
        raise RecordsError(f"{file} cannot be written ({error}); free some disk or name another place") from error
    finally:
        unfinished.unlink(missing_ok=True)
    return Snapshot(file, target, sha256, moment, table.horizon, table.gap, table.counts)


def read_snapshot(
    file: Path, *, target: str | None = None, sha256: str | None = None, ids: bool = True
) -> tuple[pd.DataFrame, Snapshot]:
    """The table and what is known of it; without `ids` not of whom each row is, which no model learns from.

    `reschedule` and `no_show` have the same features, so only the file itself tells whose labels it holds.

    Raises
    ------
    RecordsError
        the file cannot be read, is no snapshot, has another hash than `sha256`, is of another target than `target`, or
        holds other columns than this release.
    """
    try:
        found = hash_file(file)
        named = pq.read_schema(file).names
        arrow = pq.read_table(file, columns=[name for name in named if ids or name not in ID_COLUMNS])
        about = json.loads((arrow.schema.metadata or {})[METADATA_KEY])
    except (OSError, pa.ArrowInvalid, KeyError, ValueError) as error:
        raise RecordsError(f"{file} is no table that `tqs features` wrote ({error})") from error
    if sha256 is not None and found != sha256:
        raise RecordsError(f"{file} has the SHA-256 {found}, expected {sha256}: it was changed; write it anew")
    if target is not None and about["target"] != target:
        raise RecordsError(
            f"{file} is the table of {about['target']}, asked was {target}: "
            f"name its file, or write one with tqs features --target {target}"
        )
    wanted = names_of(about["target"])
    if tuple(arrow.schema.names[: len(wanted)]) != tuple(wanted) or "weight" not in arrow.schema.names:
        raise RecordsError(f"{file} holds the features of another release; write it anew with tqs features")
    counts = SampleCounts(**about["counts"])
    snapshot = Snapshot(file, about["target"], found, about["cut_off"], about["horizon"], about["gap"], counts)
    return arrow.to_pandas(), snapshot


def _newest_outcome(history: History) -> int:
    known = history.sessions.outcome_known
    return int(known[known < NEVER].max(initial=0))


def hash_file(file: Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
