"""Requests from several connections at once, ours and what they are measured against in turns.

Turns are short and on the same open connections, of which each worker holds as many: whatever else happens on the
machine, and however the connections were dealt out, slows both sides alike. What counts is the median, over pairs of
neighbouring turns, of one side's p50 by the other's.
"""

from __future__ import annotations

import itertools
import selectors
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

CONNECTIONS: Final = 8
WORKERS: Final = 2
TURNS: Final = 16
TURN_S: Final = 0.25
WARM_UP_S: Final = 0.25
PATIENCE_S: Final = 30.0
_HEADER_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"content-length: "


@dataclass(frozen=True, slots=True)
class Request:
    """One request. path: with its query. body: JSON, empty for none."""

    path: str
    method: str = "GET"
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Measured:
    """Latencies in ms, and answers a second."""

    p50: float
    p99: float
    rate: float


@dataclass(frozen=True, slots=True)
class Compared:
    """Both sides; ratio: ours to theirs of p50, rate_ratio: of the answers a second, medians over the turns."""

    ours: Measured
    theirs: Measured
    ratio: float
    rate_ratio: float


class Connection:
    """One open connection, with the answer that it waits for."""

    def __init__(self, url: str, key: str) -> None:
        address = urlsplit(url)
        self.socket = socket.create_connection((address.hostname, address.port), PATIENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._head = f"Host: {address.netloc}\r\nX-API-Key: {key}\r\nContent-Type: application/json\r\n"
        self._seen = b""
        self._missing: int | None = None
        self.asked_at = 0.0

    def ask(self, request: Request) -> None:
        """Send a request."""
        lines = f"{request.method} {request.path} HTTP/1.1\r\n{self._head}Content-Length: {len(request.body)}"
        self.asked_at = time.perf_counter()
        self.socket.sendall(lines.encode() + _HEADER_END + request.body)

    def take(self) -> bool:
        """Read what has arrived; whether the answer is whole. It must be a success."""
        data = self.socket.recv(2**18)
        assert data, "the service closed a connection"
        if self._missing is None:
            self._seen += data
            end = self._seen.find(_HEADER_END)
            if end < 0:
                return False
            head = self._seen[:end].lower()
            assert head[9:10] == b"2", self._seen[:500]
            length = head[head.index(_LENGTH) + len(_LENGTH) :].partition(b"\r\n")[0]
            self._missing = int(length) + end + len(_HEADER_END) - len(self._seen)
        else:
            self._missing -= len(data)
        if self._missing > 0:
            return False
        self._missing, self._seen = None, b""
        return True

    def worker(self) -> bytes:
        """Which worker holds it."""
        self.ask(Request("/api/benchmarks/worker"))
        answer = b""
        while not (body := answer.partition(_HEADER_END)[2]):
            answer += self.socket.recv(2**16)
        return body


@contextmanager
def open_connections(
    url: str, key: str, connections: int = CONNECTIONS, kind: Callable[[str, str], Any] = Connection
) -> Iterator[list[Any]]:
    """Connections (of a `kind` of them) to a service of `_yardsticks`, as many to each of its workers.

    Raises
    ------
    TimeoutError
        one of the workers took too few within `PATIENCE_S`.
    """
    share = connections // WORKERS
    until = time.monotonic() + PATIENCE_S
    with ExitStack() as stack:
        held: dict[bytes, list[Any]] = {}
        while sum(map(len, held.values())) < connections:
            if time.monotonic() > until:
                dealt = {worker.decode(): len(mine) for worker, mine in held.items()}
                raise TimeoutError(
                    f"after {PATIENCE_S:.0f} s the workers (by process id) hold {dealt} connections; each of {WORKERS} "
                    f"should hold {share}: see in the service's log whether all of them run"
                )
            made = kind(url, key)
            mine = held.setdefault(made.worker(), [])
            if len(mine) < share:
                stack.callback(made.socket.close)
                mine.append(made)
            else:
                made.socket.close()
        yield [one for mine in held.values() for one in mine]


@contextmanager
def sending(url: str, key: str, requests: Iterator[Request], a_second: float) -> Iterator[None]:
    """Meanwhile one request after the other is sent on a connection of its own, at most so many a second."""
    ended = threading.Event()

    def send() -> None:
        connection = Connection(url, key)
        while not ended.wait(1 / a_second):
            connection.ask(next(requests))
            while not connection.take():
                pass
        connection.socket.close()

    with ThreadPoolExecutor(1) as thread:
        sender = thread.submit(send)
        try:
            yield
        finally:
            ended.set()
        sender.result()


def compare(
    connections: Sequence[Connection], ours: Iterator[Request], theirs: Iterator[Request], *, turns: int = TURNS
) -> Compared:
    """Ask for ours, one request after the other, and for theirs, in turns; both are endless."""
    sides = (ours, theirs)
    for side in sides:
        _take_turn(connections, side, WARM_UP_S)
    found: list[list[list[float]]] = [[], []]
    took: list[list[float]] = [[], []]
    for turn in range(turns):
        for side in (0, 1) if turn % 2 else (1, 0):
            started = time.perf_counter()
            found[side].append(_take_turn(connections, sides[side], TURN_S))
            took[side].append(time.perf_counter() - started)
    middles = [[statistics.median(one) for one in side] for side in found]
    rates = [[len(one) / s for one, s in zip(*side, strict=True)] for side in zip(found, took, strict=True)]
    mine, other = (
        Measured(1e3 * statistics.median(p50), 1e3 * _percentile(side, 0.99), statistics.median(rate))
        for p50, side, rate in zip(middles, found, rates, strict=True)
    )
    return Compared(mine, other, _median_ratio(*middles), _median_ratio(*rates))


def load(connections: Sequence[Connection], requests: Iterator[Request], seconds: float) -> Measured:
    """Ask for one request after the other, after a warm-up; they are endless."""
    _take_turn(connections, requests, WARM_UP_S)
    started = time.perf_counter()
    found = _take_turn(connections, requests, seconds)
    took = time.perf_counter() - started
    return Measured(1e3 * statistics.median(found), 1e3 * _percentile([found], 0.99), len(found) / took)


def _take_turn(connections: Sequence[Connection], requests: Iterator[Request], seconds: float) -> list[float]:
    """The seconds that each answer took. Ends when the last answer is there."""
    taken: list[float] = []
    until = time.perf_counter() + seconds
    with selectors.DefaultSelector() as selector:
        for one in connections:
            selector.register(one.socket, selectors.EVENT_READ, one)
            one.ask(next(requests))
        waiting = len(connections)
        while waiting:
            ready = selector.select(PATIENCE_S)
            assert ready, f"no answer within {PATIENCE_S:.0f} s"
            for key, _ in ready:
                one = key.data
                if not one.take():
                    continue
                now = time.perf_counter()
                taken.append(now - one.asked_at)
                if now < until:
                    one.ask(next(requests))
                else:
                    waiting -= 1
    return taken


def _percentile(turns: Sequence[Sequence[float]], share: float) -> float:
    ordered = sorted(itertools.chain.from_iterable(turns))
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def _median_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    return statistics.median(one / other for one, other in zip(ours, theirs, strict=True))
