"""Requests from several connections at once, by wrk, and what it measured."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CONNECTIONS: Final = 8
_UNITS: Final = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}


@dataclass(frozen=True, slots=True)
class Request:
    """One request. path: with its query. body: JSON, empty for none."""

    path: str
    method: str = "GET"
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Measured:
    """Latencies in ms, answers a second, and how many of them were no success."""

    p50: float
    p99: float
    rate: float
    failed: int


def is_there() -> bool:
    """Whether wrk is installed."""
    return shutil.which("wrk") is not None


def load(
    url: str, key: str, requests: Sequence[Request], *, seconds: float, connections: int = CONNECTIONS
) -> Measured:
    """Ask for one request after the other, over and over, from `connections` connections for `seconds`."""
    with tempfile.TemporaryDirectory(prefix="tqs-bench-") as folder:
        script = Path(folder) / "requests.lua"
        script.write_bytes(_SCRIPT % b",\n".join(map(_as_lua, requests)))
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:.0f}s", "--timeout", "30s", "--latency"]
        command += ["-H", f"X-API-Key: {key}", "-H", "Content-Type: application/json", "-s", str(script), url]
        found = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return Measured(_latency(found, "50%"), _latency(found, "99%"), _rate(found), _failures(found))


def _as_lua(request: Request) -> bytes:
    method, path, body = (_quote(part) for part in (request.method.encode(), request.path.encode(), request.body))
    return b"wrk.format(%s, %s, nil, %s)" % (method, path, body if request.body else b"nil")


def _quote(text: bytes) -> bytes:
    return b"[====[" + text + b"]====]"


# wrk copies the headers of its command line into wrk.headers only once it runs: so the requests are made in init.
_SCRIPT: Final = b"""
local ready, next_one = {}, 0
init = function(args)
  ready = {
%s
  }
end
request = function()
  next_one = next_one %% #ready + 1
  return ready[next_one]
end
"""


def _latency(found: str, percentile: str) -> float:
    match = re.search(rf"{percentile}\s+([\d.]+)(us|ms|s|m)\b", found)
    assert match is not None, found
    return float(match[1]) * _UNITS[match[2]]


def _rate(found: str) -> float:
    match = re.search(r"Requests/sec:\s+([\d.]+)", found)
    assert match is not None, found
    return float(match[1])


def _failures(found: str) -> int:
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", found)
    broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", found)
    return (int(refused[1]) if refused else 0) + (sum(map(int, broken.groups())) if broken else 0)
