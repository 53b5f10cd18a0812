"""The dashboards as a process of their own on a database of their own, and browsers that visit them."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import URL, Engine

from dashboards.password_file import PASSWORD_FILE
from records.engine import create_app_engine
from tests.conftest import temporary_database

SERVE = """
import sys
from tornado.ioloop import IOLoop
from dashboards.serve import serve
from records.engine import open_databases
from tqs.settings import load_settings

settings = load_settings()
IOLoop.current().add_callback(print, "ready", flush=True)
with open_databases(settings) as databases:
    serve(databases.app, settings, poll_s=float(sys.argv[1]))
"""
expect.set_options(timeout=60_000)  # a busy machine is slow, not wrong


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
    return {"executable_path": "/usr/bin/chromium", "args": ["--no-sandbox", "--disable-gpu", *quiet]}


@dataclass(frozen=True)
class Dashboards:
    address: str
    port: int
    password: str
    engine: Engine
    home: Path


@pytest.fixture(scope="module")
def further_settings() -> dict[str, str]:
    """What the dashboards of a module are set up with besides; an empty value unsets one of those below."""
    return {}


@pytest.fixture(scope="module")
def dashboards(
    request: pytest.FixtureRequest,
    embedded_url: URL,
    templates: Callable[[URL], URL],
    tmp_path_factory: pytest.TempPathFactory,
    further_settings: dict[str, str],
) -> Iterator[Dashboards]:
    """Their pages poll every three seconds, or every `POLL_S` of the module that asks.

    On the embedded server alone: what pages read is tested on both, and browsers are slow.
    """
    poll_s = getattr(request.module, "POLL_S", 3)
    template_url = templates(embedded_url)
    home, port = tmp_path_factory.mktemp("home"), free_port()
    with temporary_database(template_url, template=template_url.database) as url:
        environment = {
            **os.environ,
            "TQS_HOME": str(home),
            "TQS_DATABASE_URL": url.render_as_string(hide_password=False),
            "TQS_DASHBOARD_PORT": str(port),
            "TQS_DASHBOARD_URL": "https://Tutors.example.com",
            "TQS_TIMEZONE": "Europe/Berlin",
            **further_settings,
        }
        log = home / "log"
        with (
            log.open("w") as errors,
            subprocess.Popen(
                [sys.executable, "-c", SERVE, str(poll_s)],
                env=environment,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            ) as server,
        ):
            assert server.stdout is not None
            assert server.stdout.readline() == "ready\n", log.read_text()
            password = (home / PASSWORD_FILE).read_text().strip()
            engine = create_app_engine(url)
            yield Dashboards(f"http://127.0.0.1:{port}", port, password, engine, home)
            engine.dispose()
            server.send_signal(signal.SIGTERM)
            assert server.wait(timeout=20) == 0
        assert password not in log.read_text()


@pytest.fixture(scope="module")
def visitor(dashboards: Dashboards, browser: Browser) -> Iterator[BrowserContext]:
    """A browser that is logged in, and keeps its cache from test to test."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(dashboards.address)
    page.get_by_label("Name").fill("admin")
    page.get_by_label("Password").fill(dashboards.password)
    page.get_by_role("button", name="Log in").click()
    expect(page).to_have_url(dashboards.address + "/overview")
    page.close()
    yield context
    context.close()


@pytest.fixture
def stranger(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    yield context.new_page()
    context.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
