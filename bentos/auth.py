"""The layer around everything: who calls, how much they send, and how every error leaves the house.

It encloses BentoML's whole application (native endpoints, mounted routers, docs, metrics and BentoML's own middleware),
decides on the path as the server received it, and never raises: an exception that got past BentoML's timeout would
keep the client waiting for the whole of it.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from access.ring import ApiKey, KeyRing
from bentos.body import BodyError, ClientGone, Message, Receive, check_json, read_body, replay_body
from bentos.exchange import Exchange
from bentos.problems import Problem

log: Final = logging.getLogger("bentoml.tqs")

Scope = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

OPEN_PATHS: Final = frozenset({"/api/health", "/livez", "/readyz", "/healthz"})
OPEN_IN_DEVELOPMENT: Final = frozenset({"/", "/docs", "/docs.json", "/metrics"})
STATIC_FILES: Final = "/static_content/"
MODEL_PATHS: Final = frozenset({"/predict_match", "/predict_reschedule", "/predict_no_show", "/score_tutors"})
MIB: Final = 2**20
METHODS_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class Gatekeeper(Protocol):
    """What the layer asks of the worker."""

    @property
    def keys(self) -> KeyRing | None:
        """The keys as last read; None before the first time."""

    @property
    def open_docs(self) -> bool:
        """Whether docs and metrics need no key."""

    async def newer_keys(self) -> KeyRing | None:
        """The keys as the database has them by now."""

    def count_refusal(self, address: str) -> int:
        """Count a refused key; seconds for which the address is throttled, 0 where it is not."""


class Guard:
    """The ASGI layer. `worker` gives the gatekeeper once the application has started."""

    def __init__(self, app: App, worker: Callable[[], Gatekeeper]) -> None:
        self._app = app
        self._worker = worker

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection of any kind."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, Exchange(send, scope["path"]))
        else:  # nothing here speaks WebSocket
            await send({"type": "websocket.close", "code": 1008})

    async def _serve(self, scope: Scope, receive: Receive, exchange: Exchange) -> None:
        try:
            problem = await self._admit(scope)
            if problem is None:
                try:
                    receive = await _take_body(scope, receive)
                except BodyError as error:
                    problem = Problem(error.status, error.detail, headers={"connection": "close"})
            if problem is not None:
                await exchange.send_problem(problem)
            else:
                await self._app(scope, receive, exchange.send)
        except ClientGone:
            return
        except Exception:
            log.exception("%s %s failed", scope["method"], scope["path"])
            await exchange.fail()

    async def _admit(self, scope: Scope) -> Problem | None:
        """None where the call may go on; its key is then in scope["state"]["api_key"]."""
        path, worker = scope["path"], self._worker()
        if path in OPEN_PATHS or (worker.open_docs and (path in OPEN_IN_DEVELOPMENT or path.startswith(STATIC_FILES))):
            return None
        presented = [value for name, value in scope["headers"] if name == b"x-api-key"]
        text = presented[0].decode("latin-1") if len(presented) == 1 else ""
        keys = worker.keys
        key = None if keys is None else keys.verify(text, datetime.now(UTC))
        if key is None:
            wait = worker.count_refusal(_address(scope))
            if wait:
                return Problem(429, headers={"retry-after": str(wait)})
            # A key made within the last second is not in the ring yet.
            keys = await worker.newer_keys() if text else keys
            key = None if keys is None else keys.verify(text, datetime.now(UTC))
        if keys is None:
            return Problem(503, "The keys cannot be read at the moment.", headers={"retry-after": "2"})
        if key is None:
            log.warning("refused %s %s from %s: %s", scope["method"], path, _address(scope), _fault(presented))
            return Problem(401, _fault(presented), headers={"www-authenticate": "X-API-Key"})
        return _authorise(scope, key)


def required_scope(method: str, path: str) -> str:
    """The scope that a call needs: reading and the stateless model endpoints `read`, everything else `admin`."""
    return "read" if method in ("GET", "HEAD") or path in MODEL_PATHS else "admin"


def body_limit(path: str) -> int:
    """The largest body in bytes that a path takes."""
    return 16 * MIB if path in MODEL_PATHS else MIB


def _authorise(scope: Scope, key: ApiKey) -> Problem | None:
    needed = required_scope(scope["method"], scope["path"])
    if not key.allows(needed):
        return Problem(403, f"This call needs a key with the scope {needed}; make one with `tqs keys create`.")
    scope.setdefault("state", {})["api_key"] = key
    return None


async def _take_body(scope: Scope, receive: Receive) -> Receive:
    """A `receive` with the body in it, whole, no larger than the path takes, and JSON where it is not empty."""
    if scope["method"] not in METHODS_WITH_BODY:
        return receive
    headers = dict(scope["headers"])
    length = headers.get(b"content-length", b"")
    body = await read_body(receive, int(length) if length.isdigit() else None, body_limit(scope["path"]))
    if body:
        kind, _, parameters = headers.get(b"content-type", b"").lower().partition(b";")
        if kind.strip() != b"application/json" or parameters.strip() not in (b"", b"charset=utf-8"):
            raise BodyError(415)
        if headers.get(b"content-encoding", b"identity").lower() != b"identity":
            raise BodyError(415, "Send the body as it is, without a Content-Encoding.")
        check_json(body)
    return replay_body(body, receive)


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else "unknown"


def _fault(presented: list[bytes]) -> str:
    if len(presented) > 1:
        return "The header X-API-Key is there more than once; send one key."
    if not presented:
        return "The header X-API-Key is missing; an operator makes a key with `tqs keys create`."
    return "The key in the header X-API-Key is not valid: unknown, revoked or expired."
