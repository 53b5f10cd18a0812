"""Import files: each in one transaction, so that a killed import leaves all rows of a file or none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID, uuid4

from sqlalchemy import Connection, Engine, delete, select

from records.engine import explain_outage
from records.importing.files import Chunk, ImportFile, find_files, read_chunks
from records.importing.pipeline import load_chunks
from records.importing.rejects import write_rejects
from records.tables import import_rejects, imports
from records.work import wake_processor

COUNTS = ("rows_read", "inserted", "updated", "unchanged", "rejected")
Progress = Callable[[Path, int, float], None]


@dataclass(frozen=True, slots=True)
class ImportResult:
    """What an import of one file did, in rows; `import_id` is that of the table `imports`."""

    file: Path
    kind: str
    rows_read: int
    inserted: int
    updated: int
    unchanged: int
    rejected: int
    import_id: UUID


def import_files(engine: Engine, paths: Sequence[Path], progress: Progress | None = None) -> list[ImportResult]:
    """Bring tutors, students and sessions from CSV or Parquet into the database; twice changes nothing.

    Parameters
    ----------
    paths
        files whose names begin with tutors, students or sessions, or folders that hold such; tutors are imported
        first, then students, then sessions
    progress
        called as the rows come with the file, the rows read so far and the share of the file read (0-1)

    Returns
    -------
    one result a file. Bad rows never stop the good ones: they are among `list_rejects` with line and reason.

    Raises
    ------
    RecordsError
        before anything is written: a path that does not exist, a file that is empty or has a wrong header. While a
        file is read: one that breaks off, or a database that fails; that file leaves nothing behind.
    """
    files = find_files(paths)
    with explain_outage(engine):
        return [_import_file(engine, file, progress) for file in files]


def _import_file(engine: Engine, file: ImportFile, progress: Progress | None) -> ImportResult:
    import_id = uuid4()
    name = str(file.path.resolve())
    with engine.begin() as connection:
        _forget_rejects(connection, name)
        connection.execute(
            imports.insert().values(id=import_id, file=name, kind=file.form.kind, **dict.fromkeys(COUNTS, 0))
        )
        loaded = load_chunks(
            connection,
            file.form,
            file.columns,
            _report(read_chunks(file), file.path, progress),
            "import",
            reject=lambda rejects: write_rejects(connection, import_id, rejects),
        )
        counts = {name: getattr(loaded, name) for name in COUNTS}
        connection.execute(imports.update().where(imports.c.id == import_id).values(counts))
    if file.form.kind == "sessions":
        with engine.connect() as connection:
            wake_processor(connection)
    return ImportResult(file=file.path, kind=file.form.kind, import_id=import_id, **counts)


def _forget_rejects(connection: Connection, file: str) -> None:
    """The rejects of a file are those of its last import."""
    earlier = select(imports.c.id).where(imports.c.file == file)
    connection.execute(delete(import_rejects).where(import_rejects.c.import_id.in_(earlier)))


def _report(chunks: Iterator[Chunk], file: Path, progress: Progress | None) -> Iterator[Chunk]:
    rows = 0
    for chunk in chunks:
        yield chunk
        rows += len(chunk.lines) + len(chunk.broken)
        if progress is not None:
            progress(file, rows, chunk.done)
