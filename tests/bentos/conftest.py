"""The real service: `bentoml serve` with two workers on a free port, on a database of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import httpx
import pytest
from sqlalchemy import URL, Engine

from access.keys import create_key
from records.engine import create_app_engine
from tests.conftest import temporary_database

ROOT = Path(__file__).parents[2]
START_LIMIT_S = 120
WEBHOOK_SECRETS = ("old " + "o" * 32, "new " + "n" * 32)


@dataclass
class Service:
    """A running service. `client` sends a key that may read; `process` is the one that started the workers."""

    url: str
    key: str
    admin_key: str
    engine: Engine
    database: URL
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def client(self) -> httpx.Client:
        """A client with connections of its own, so that either worker may answer."""
        return self._client(self.key)

    @property
    def admin(self) -> httpx.Client:
        """As `client`, with a key of all scopes."""
        return self._client(self.admin_key)

    def _client(self, key: str) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers={"X-API-Key": key}, timeout=30)


@pytest.fixture(scope="session")
def services(
    templates: Callable[[URL], URL], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[URL], Service]]:
    """The service on a clone of a template, started when it is first asked for; of each server's there is one."""
    with ExitStack() as stack:

        @cache
        def start(template: URL) -> Service:
            return stack.enter_context(_run_service(template, tmp_path_factory.mktemp("service")))

        yield start


@pytest.fixture(scope="session")
def service(template_url: URL, services: Callable[[URL], Service]) -> Service:
    return services(template_url)


@contextmanager
def _run_service(template: URL, home: Path) -> Iterator[Service]:
    with temporary_database(template, template=template.database) as database:
        engine = create_app_engine(database)
        key = create_key(engine, "tests", scopes=["read"])
        admin_key = create_key(engine, "tests-admin", scopes=["admin"])
        try:
            with serving(database, home, TQS_WEBHOOK_SECRET=",".join(WEBHOOK_SECRETS)) as (url, process, log):
                yield Service(url, key, admin_key, engine, database, process, log)
        finally:
            engine.dispose()


@pytest.fixture
def client(service: Service) -> Iterator[httpx.Client]:
    with service.client as client:
        yield client


@pytest.fixture
def admin(service: Service) -> Iterator[httpx.Client]:
    with service.admin as admin:
        yield admin


@contextmanager
def serving(database: URL, home: Path, **more: str) -> Iterator[tuple[str, subprocess.Popen[bytes], Path]]:
    """The service, from its start until it has ended by SIGTERM."""
    process, port, log = start_service(database, home, **more)
    url = f"http://127.0.0.1:{port}"
    try:
        wait_until(lambda: is_ready(url, process, log), START_LIMIT_S)
        yield url, process, log
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def start_service(database: URL, home: Path, **more: str) -> tuple[subprocess.Popen[bytes], int, Path]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = {name: value for name, value in os.environ.items() if not name.startswith(("TQS_", "BENTOML_"))}
    env |= {
        "TQS_HOME": str(home),
        "TQS_DATABASE_URL": database.render_as_string(hide_password=False),
        "BENTOML_HOME": str(home / "bentoml"),
        "BENTOML_DO_NOT_TRACK": "True",
        **more,
    }
    bentoml = str(Path(sys.executable).parent / "bentoml")
    command = [bentoml, "serve", "bentos.service:TutorQuality", "--host", "127.0.0.1", "--port", str(port)]
    log = home / "service.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=output, stderr=subprocess.STDOUT)
    return process, port, log


def is_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> bool:
    if process.poll() is not None:
        raise AssertionError(f"the service ended with {process.returncode}:\n{log.read_text()}")
    try:
        return httpx.get(f"{url}/readyz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def wait_until(condition: Callable[[], bool], seconds: float) -> float:
    """Ask until it holds; returns after how many seconds it did, fails where it does not in time."""
    start = time.monotonic()
    while not condition():
        waited = time.monotonic() - start
        assert waited < seconds, f"not within {seconds} s"
        time.sleep(0.05)
    return time.monotonic() - start
