"""The embedded server runs as long as somebody uses it, and no longer."""

import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

USER = """
import sys
from pathlib import Path
from sqlalchemy import create_engine, text
from records.engine import start_embedded_server
url = start_embedded_server(Path(sys.argv[1]))
with create_engine(url).connect() as connection:
    print(connection.scalar(text("SHOW shared_buffers")), flush=True)
sys.stdin.read()
"""


def use(folder: Path, buffers: str = "128MB") -> subprocess.Popen[str]:
    command = [sys.executable, "-c", USER, str(folder)]
    user = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert user.stdout is not None
    assert user.stdout.readline() == f"{buffers}\n"
    return user


def leave(user: subprocess.Popen[str]) -> None:
    user.communicate()
    assert user.returncode == 0


@pytest.fixture
def folder() -> Iterator[Path]:
    """Not below pytest's own, which the user that PostgreSQL runs as cannot enter where root runs the tests."""
    with tempfile.TemporaryDirectory(prefix="tqs-") as name:
        yield Path(name).resolve() / "pg"


def test_it_stops_with_its_last_user_also_where_another_was_killed(folder: Path) -> None:
    running = folder / "postmaster.pid"  # PostgreSQL removes it when it has stopped
    first, second, third = (use(folder) for _ in range(3))
    leave(first)
    assert running.exists()
    second.send_signal(signal.SIGKILL)
    second.communicate()
    leave(third)
    assert not running.exists()


def test_from_its_second_start_on_it_keeps_more_pages_in_memory_where_there_is_some(folder: Path) -> None:
    megabytes = psutil.virtual_memory().total / 2**20 / 16
    expected = "1GB" if megabytes >= 1024 else f"{max(128, int(megabytes))}MB"

    leave(use(folder))
    leave(use(folder, expected))

    assert (folder / "postgresql.conf").read_text().count("by tqs") == 1
