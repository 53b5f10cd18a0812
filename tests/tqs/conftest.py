"""Commands as a script calls them, on a database of the test's own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import URL

from tqs.cli import main

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def tqs(database_url: URL, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """A function that runs a command line in this process; returns exit status, stdout, stderr."""
    monkeypatch.setenv("TQS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("TQS_DATABASE_URL", database_url.render_as_string(hide_password=False))
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["tqs", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        told = capsys.readouterr()
        code = ended.value.code
        return (code if isinstance(code, int) else 0), told.out, told.err

    return run
