"""Frames in the import form into the database: the synthetic world, or records that a program has at hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
import pandas as pd
import pyarrow as pa
from sqlalchemy import Connection, Engine, text

from records.engine import explain_outage
from records.importing.files import CHUNK_ROWS, Chunk, Reject
from records.importing.form import FORMS, IGNORED, STUDENTS, TUTORS, Form
from records.importing.people import show_current_profiles
from records.importing.pipeline import Loaded, load_chunks
from records.locking import run_alone
from tqs.errors import RecordsError


class WorldFrames(Protocol):
    """What `records.world.make_world` returns, as far as it is stored."""

    @property
    def tutors(self) -> pd.DataFrame: ...  # noqa: D102
    @property
    def students(self) -> pd.DataFrame: ...  # noqa: D102
    @property
    def sessions(self) -> pd.DataFrame: ...  # noqa: D102


def load_frames(
    connection: Connection,
    tutors: pd.DataFrame,
    students: pd.DataFrame,
    sessions: pd.DataFrame,
    source: str,
    *,
    keep_outcomes: bool = True,
) -> dict[str, Loaded]:
    """Merge frames with the columns of the import files into the database, in the connection's transaction.

    Raises
    ------
    RecordsError
        a wrong column, or any row that an import would reject: the caller made these rows.
    """
    loaded = {}
    for kind, frame in (("tutors", tutors), ("students", students), ("sessions", sessions)):
        form = FORMS[kind]
        form.check_header(list(frame.columns), f"the frame of {kind}")
        present = [name for name in form.columns if name in frame.columns]
        loaded[kind] = load_chunks(
            connection,
            form,
            present,
            _slices(frame, present),
            source,
            reject=_refuse(form),
            keep_outcomes=keep_outcomes,
        )
    return loaded


def write_world(engine: Engine, world: WorldFrames) -> dict[str, Loaded]:
    """Make `world` the synthetic world of this database; the same world again changes nothing, another replaces it.

    Raises
    ------
    RecordsError
        where the database holds tutors, students or sessions that are not of a synthetic world: nothing is touched.
    """
    with explain_outage(engine), engine.begin() as connection:
        _refuse_foreign_records(connection)
        loaded = load_frames(
            connection, world.tutors, world.students, world.sessions, source="world", keep_outcomes=False
        )
        _remove_other_worlds(connection, world)
    return loaded


def holds_records(engine: Engine) -> bool:
    """Whether there is any tutor, student or session, of whatever source."""
    found = " OR ".join(f"EXISTS (SELECT FROM {kind})" for kind in FORMS)
    with explain_outage(engine), engine.connect() as connection:
        return bool(connection.scalar(text(f"SELECT {found}")))


def _refuse_foreign_records(connection: Connection) -> None:
    run_alone(connection, "import")
    for kind in FORMS:
        count = connection.scalar(text(f"SELECT count(*) FROM {kind} WHERE source <> 'world'"))
        if count:
            raise RecordsError(
                f"the database holds {count} {kind} that are not of a synthetic world, and a demo never writes over "
                "records; name another database in TQS_DATABASE_URL or another folder in TQS_HOME"
            )


def _remove_other_worlds(connection: Connection, world: WorldFrames) -> None:
    """All rows of source world that this world does not have: sessions first, for they name tutors."""
    _keep_only(connection, "sessions", world.sessions["id"])
    for form, frame in ((TUTORS, world.tutors), (STUDENTS, world.students)):
        if "valid_from" in frame:
            _keep_only_versions(connection, form, frame)
        _keep_only(connection, form.kind, frame["id"].drop_duplicates())


def _keep_only(connection: Connection, table: str, ids: pd.Series[str]) -> None:
    connection.execute(
        text(
            f"DELETE FROM {table} t WHERE source = 'world' "
            "AND NOT EXISTS (SELECT FROM unnest(CAST(:ids AS uuid[])) AS k (id) WHERE k.id = t.id)"
        ),
        {"ids": ids.tolist()},
    )


def _keep_only_versions(connection: Connection, form: Form, frame: pd.DataFrame) -> None:
    one = form.kind.removesuffix("s")
    connection.execute(
        text(f"""
        DELETE FROM {one}_profiles v USING unnest(CAST(:ids AS uuid[])) AS mine (id)
        WHERE v.{one}_id = mine.id AND NOT EXISTS (
            SELECT FROM unnest(CAST(:ids AS uuid[]), CAST(:times AS timestamptz[])) AS k (id, valid_from)
            WHERE k.id = v.{one}_id AND k.valid_from = v.valid_from)
        """),
        {"ids": frame["id"].tolist(), "times": [time.isoformat() for time in frame["valid_from"]]},
    )
    show_current_profiles(connection, form, f"SELECT id FROM {form.kind} WHERE source = 'world'")


def _slices(frame: pd.DataFrame, present: list[str]) -> Iterator[Chunk]:
    for start in range(0, len(frame), CHUNK_ROWS):
        part = frame.iloc[start : start + CHUNK_ROWS]
        columns = {name: pa.array(part[name], from_pandas=True) for name in present if name not in IGNORED}
        yield Chunk(np.arange(start + 2, start + 2 + len(part), dtype=np.int64), columns)


def _refuse(form: Form) -> Callable[[list[Reject]], None]:
    def refuse(rejects: list[Reject]) -> None:
        first = rejects[0]
        raise RecordsError(
            f"{len(rejects)} rows of {form.kind} cannot enter, the first being row {first.line - 2}: {first.reason}"
        )

    return refuse
