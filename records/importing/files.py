"""Find the files to import, check their headers, and read them piece by piece with the line of every row."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from records.columns import Int64
from records.importing.csv_rows import read_csv_chunks, read_csv_header
from records.importing.form import FORMS, IGNORED, Form
from tqs.errors import RecordsError

CHUNK_ROWS: Final = 65_536
_NAME = re.compile(r"(tutors|students|sessions)([-_. ].*)?\.(csv|parquet)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class ImportFile:
    """A file whose header has been found good."""

    path: Path
    form: Form
    header: list[str]

    @property
    def columns(self) -> list[str]:
        """The columns that the import takes, in the form's order."""
        return [name for name in self.form.columns if name in self.header]


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that does not enter: its line (the header is line 1), why, and the row as it came."""

    line: int
    reason: str
    row: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive rows of a file as they came, with their lines; rows that are no rows are among `broken`."""

    lines: Int64
    columns: dict[str, pa.Array]
    broken: list[Reject] = field(default_factory=list)
    done: float = 0.0  # how much of the file has been read, 0-1


def find_files(paths: Sequence[Path]) -> list[ImportFile]:
    """The files named by `paths` (files, or folders that hold some), tutors first, then students, then sessions.

    A file's kind is its name: `tutors.csv`, `sessions.parquet`, `sessions_2025.csv`; a folder's others are passed over.

    Raises
    ------
    RecordsError
        a path that does not exist or cannot be read, nothing to import, a name or a header that does not fit.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(entry for entry in path.iterdir() if _NAME.fullmatch(entry.name) and entry.is_file())
            if not inside:
                raise RecordsError(f"the folder {path} holds no tutors, students or sessions as .csv or .parquet")
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise RecordsError(f"{path} does not exist; name a folder, or files of tutors, students or sessions")
    kinds = list(FORMS)
    files = [_open(path) for path in dict.fromkeys(found)]
    return sorted(files, key=lambda file: kinds.index(file.form.kind))


def read_chunks(file: ImportFile) -> Iterator[Chunk]:
    """The file's rows, some ten thousand at a time.

    Raises
    ------
    RecordsError
        where the file breaks off being what it claims to be (a cut Parquet file, a row longer than memory allows).
    """
    try:
        if file.path.suffix.lower() == ".parquet":
            yield from _read_parquet(file)
            return
        for rows in read_csv_chunks(file.path, file.header):
            broken = [Reject(line, reason, {"text": text}) for line, reason, text in rows.broken]
            yield Chunk(rows.lines, {name: rows.columns[name] for name in file.columns}, broken, rows.done)
    except (pa.ArrowException, OSError) as error:
        raise RecordsError(
            f"{file.path} cannot be read to its end ({_first_line(error)}); nothing of it is in"
        ) from error


def _open(path: Path) -> ImportFile:
    name = _NAME.fullmatch(path.name)
    if name is None:
        raise RecordsError(
            f"{path} is none of tutors, students and sessions as .csv or .parquet; the name tells what a file holds, "
            "for example sessions.csv or sessions_2025.parquet"
        )
    form = FORMS[name[1].lower()]
    try:
        if path.stat().st_size == 0:
            raise RecordsError(f"{path} is empty; expected a header with {', '.join(sorted(form.required))}")
        header = pq.read_schema(path).names if name[3].lower() == "parquet" else read_csv_header(path)
    except (pa.ArrowException, OSError) as error:
        raise RecordsError(f"{path} cannot be read as {name[3].lower()} ({_first_line(error)})") from error
    form.check_header(header, str(path))
    return ImportFile(path, form, header)


def _read_parquet(file: ImportFile) -> Iterator[Chunk]:
    """A row's line is its number plus one, as if a header stood above."""
    wanted = [name for name in file.columns if name not in IGNORED]
    with pq.ParquetFile(file.path) as parquet:
        total = max(parquet.metadata.num_rows, 1)
        line = 2
        for batch in parquet.iter_batches(CHUNK_ROWS, columns=wanted):
            lines = np.arange(line, line + len(batch), dtype=np.int64)
            line += len(batch)
            yield Chunk(lines, {name: batch.column(name) for name in wanted}, [], (line - 2) / total)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
