"""`tqs up`: parts start together and stop together, and a taken port is named."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tqs.cli.up import HOST, Part, parts_of, require_free, run_parts
from tqs.errors import TqsError, UsageError
from tqs.settings import load_settings

SERVE = "import http.server; http.server.HTTPServer(('127.0.0.1', {port}), http.server.SimpleHTTPRequestHandler).{end}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def test_unknown_parts_are_refused_and_known_ones_keep_their_order() -> None:
    settings = load_settings()
    with pytest.raises(UsageError, match=r"'web' is no part of tqs; the parts are service, dashboards"):
        parts_of(settings, ["web"])
    assert [part.name for part in parts_of(settings, ["prefect", "service"])] == [
        "prefect",
        "prefect-worker",
        "service",
    ]


def test_every_part_listens_on_loopback_only() -> None:
    for part in parts_of(load_settings(), []):
        assert "0.0.0.0" not in " ".join(part.command)  # noqa: S104  # what must not be there
        assert part.ready_url is None or part.ready_url.startswith("http://127.0.0.1:")


def test_a_taken_port_is_named_with_the_way_out() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        part = Part("service", ["true"], "", taken.getsockname()[1])
        with pytest.raises(TqsError, match=rf"port {part.port} for service is taken .*TQS_API_PORT"):
            require_free(part)


def test_a_part_that_ends_takes_the_others_with_it_and_its_words_are_shown(tmp_path: Path) -> None:
    nowhere = f"http://{HOST}:{free_port()}"
    lasting = Part("lasting", [sys.executable, "-c", SERVE.format(port=free_port(), end="serve_forever()")], nowhere)
    failing = Part("failing", [sys.executable, "-c", "print('no such thing'); raise SystemExit(3)"], nowhere)
    log = tmp_path / "logs" / "up.log"
    log.parent.mkdir()
    log.write_text("told by another run\n")
    with pytest.raises(TqsError, match="no such thing") as caught:
        run_parts([lasting, failing], {}, log)
    assert "another run" not in str(caught.value)
    assert log.read_text().startswith("told by another run\n")


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_every_part(tmp_path: Path, signum: signal.Signals) -> None:
    port = free_port()
    server = SERVE.format(port=port, end="serve_forever()")
    script = (
        "import sys; from pathlib import Path; from tqs.cli.up import Part, run_parts;"
        f"part = Part('web', [sys.executable, '-c', {server!r}], 'http://{HOST}:{port}', {port});"
        f"run_parts([part], {{}}, Path({str(tmp_path / 'log')!r}))"
    )
    process = subprocess.Popen([sys.executable, "-u", "-c", script], stdout=subprocess.PIPE, text=True, env=os.environ)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("ready"):
            break
    process.send_signal(signum)
    assert process.wait(timeout=20) == 0
    assert process.stdout.read().strip() == "stopped"
    with socket.socket() as probe:
        assert probe.connect_ex((HOST, port)) != 0
