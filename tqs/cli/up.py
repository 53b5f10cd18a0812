"""Every part of the product as processes under honcho: started together, stopped together.

The parts write to `TQS_HOME/logs/up.log`; the terminal shows each address as soon as it answers.
"""

from __future__ import annotations

import os
import shlex
import signal
import socket
import sys
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from honcho.manager import SYSTEM_PRINTER_NAME, Manager
from honcho.printer import Message, Printer

from tqs.errors import TqsError, UsageError
from tqs.loopback import answers
from tqs.settings import Settings

HOST = "127.0.0.1"
POLL_INTERVAL_S = 0.25
LAST_DEPLOYMENT = "deployments/name/refresh-matches/nightly"  # of prefect.yaml: with it the worker has registered all
LOG_TAIL_LINES = 15
NO_TRACKING = {"BENTOML_DO_NOT_TRACK": "True", "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "1"}


@dataclass(frozen=True)
class Part:
    """A process of `tqs up`: its command, the address that answers once it is ready, and the port that it opens.

    ready_url: None for one that has no address; what it is to do waits for it until it is ready.
    """

    name: str
    command: Sequence[str]
    ready_url: str | None
    port: int | None = None

    @property
    def address(self) -> str:
        """Where people and services find it; "" for one that only works for others."""
        return f"http://{HOST}:{self.port}" if self.port is not None else ""


def parts_of(settings: Settings, names: Iterable[str]) -> list[Part]:
    """The processes behind the parts named (all where none is).

    Raises
    ------
    UsageError
        for a name that is no part.
    """
    python = sys.executable
    tool = str(Path(python).parent)
    port = {name: str(getattr(settings, f"{name}_port")) for name in ("api", "dashboard", "mlflow", "prefect")}
    serve = [f"{tool}/bentoml", "serve", "bentos.service:TutorQuality", "--host", HOST, "--port", port["api"]]
    mlflow = [f"{tool}/mlflow", "server", "--host", HOST, "--port", port["mlflow"], "--workers", "1"]
    prefect = [f"{tool}/prefect", "server", "start", "--host", HOST, "--port", port["prefect"]]
    url = {name: f"http://{HOST}:{number}" for name, number in port.items()}
    pages = [python, "-m", "dashboards.serve"]
    known = {
        "service": [Part("service", serve, f"{url['api']}/readyz", settings.api_port)],
        "dashboards": [Part("dashboards", pages, f"{url['dashboard']}/login", settings.dashboard_port)],
        "processor": [Part("processor", [python, "-m", "processing.processor"], None)],
        "mlflow": [Part("mlflow", mlflow, f"{url['mlflow']}/health", settings.mlflow_port)],
        "prefect": [
            Part("prefect", prefect, f"{url['prefect']}/api/health", settings.prefect_port),
            Part("prefect-worker", [python, "-m", "flows.worker"], f"{url['prefect']}/api/{LAST_DEPLOYMENT}"),
        ],
    }
    chosen = list(names) or list(known)
    if unknown := [name for name in chosen if name not in known]:
        raise UsageError(f"{unknown[0]!r} is no part of tqs; the parts are {', '.join(known)}")
    return [part for name in dict.fromkeys(chosen) for part in known[name]]


def run_parts(parts: Sequence[Part], env: Mapping[str, str], log: Path) -> None:
    """Run `parts` until SIGINT or SIGTERM, which stop all of them; returns when they have stopped.

    Raises
    ------
    TqsError
        where a port is taken, or a part stops by itself (the others are then stopped too).
    """
    for part in parts:
        require_free(part)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a", encoding="utf-8") as output:
        start = log.stat().st_size
        printer = _Log(output)
        manager = Manager(printer)
        for part in parts:
            manager.add_process(part.name, shlex.join(part.command), env={**os.environ, **NO_TRACKING, **env})
        done = threading.Event()
        watcher = threading.Thread(target=_announce, args=(parts, done, log), daemon=True)
        watcher.start()
        # A terminal that is closed stops all as Ctrl-C does; the parts are in sessions of their own and would go on.
        signal.signal(signal.SIGHUP, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
        try:
            manager.loop()
        finally:
            done.set()
            watcher.join()
    if not printer.signalled:
        told = log.read_bytes()[start:].decode(errors="replace")  # what was told before is of other parts
        tail = "\n".join(told.splitlines()[-LOG_TAIL_LINES:])
        raise TqsError(f"a part stopped by itself, so all were stopped; the end of {log}:\n{tail}")
    print("stopped", flush=True)


def require_free(part: Part) -> None:
    """Refuse a port that somebody else listens on."""
    if part.port is None:
        return
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, part.port))
        except OSError as error:
            variable = {"service": "API", "dashboards": "DASHBOARD"}.get(part.name, part.name.upper())
            raise TqsError(
                f"port {part.port} for {part.name} is taken ({error.strerror}); stop what uses it, "
                f"or choose another with TQS_{variable}_PORT"
            ) from error


class _Log(Printer):  # type: ignore[misc]  # honcho is not typed
    """Writes to the log, and notes when honcho says that it received a signal: then nothing failed."""

    signalled = False

    def write(self, message: Message) -> None:
        if message.name == SYSTEM_PRINTER_NAME and str(message.data).endswith("received\n"):
            self.signalled = True
        super().write(message)


def _announce(parts: Sequence[Part], done: threading.Event, log: Path) -> None:
    waiting = list(parts)
    print(f"starting {', '.join(part.name for part in parts)} (log: {log})", flush=True)
    while waiting and not done.is_set():
        for part in [part for part in waiting if part.ready_url is None or answers(part.ready_url)]:
            waiting.remove(part)
            print(f"  {part.name:<14} {part.address or 'working'}", flush=True)
        done.wait(POLL_INTERVAL_S)
    if not done.is_set():
        print("ready; Ctrl-C stops everything", flush=True)
