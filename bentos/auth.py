"""The layer around everything: who calls, how often, how much they send, and how every error leaves the house.

It encloses BentoML's whole application (native endpoints, mounted routers, docs, metrics and BentoML's own middleware),
decides on the path as the server received it, and never raises: an exception that got past BentoML's timeout would
keep the client waiting for the whole of it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import ip_address
from typing import Any, Final, Protocol

from access.audit import UNKNOWN
from access.ring import ApiKey, KeyRing
from bentos.body import (
    METHODS_WITH_BODY,
    BodyError,
    ClientGone,
    Message,
    Receive,
    check_body,
    read_body,
    read_length,
    replay_body,
)
from bentos.cors import PREFLIGHT, cors_headers
from bentos.credentials import Credential, find_credential, gather_headers
from bentos.exchange import Exchange
from bentos.gate import Gate
from bentos.paths import (
    OPEN_IN_DEVELOPMENT,
    OPEN_PATHS,
    SIGNED_PATHS,
    STATIC_FILES,
    PathNames,
    body_limit,
    go_by,
    required_scope,
)
from bentos.problems import Problem
from bentos.signature import CHALLENGE, NO_WEBHOOKS, NOT_SIGNED, SignedBody, find_fault

log: Final = logging.getLogger("bentoml.tqs")

Scope = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

NO_ADDRESS: Final = "unknown"
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Gatekeeper(Protocol):
    """What the layer asks of the worker."""

    @property
    def gate(self) -> Gate:
        """What the worker knows of those who call."""

    @property
    def keys(self) -> KeyRing | None:
        """The keys as last read; None before the first time."""

    async def newer_keys(self) -> KeyRing | None:
        """The keys as the database had them after this call; None where it does not say."""


class Guard:
    """The ASGI layer. `worker` gives the gatekeeper once the application has started."""

    def __init__(self, app: App, worker: Callable[[], Gatekeeper], names: PathNames) -> None:
        self._app = app
        self._worker = worker
        self._names = names

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection of any kind."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)
        else:  # nothing here speaks WebSocket
            await send({"type": "websocket.close", "code": 1008})

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, path, name = scope["method"], scope["path"], self._names.name(scope["path"])
        exchange = Exchange(send, path)
        try:
            worker = self._worker()
            headers, repeated = gather_headers(scope["headers"])
            exchange.cors = cors_headers(worker.gate.origins, headers.get(b"origin"))
            if method == "OPTIONS" and len(exchange.cors) > 1 and b"access-control-request-method" in headers:
                await exchange.send_empty(PREFLIGHT)
                return
            _know_address(scope)
            problem = await self._admit(scope, name, worker, find_credential(headers, repeated, worker.gate.tokens))
            if problem is None and method in METHODS_WITH_BODY:
                try:
                    if _is_signed(scope):
                        problem, body = await _read_signed(scope, headers, receive, worker.gate)
                    else:
                        body = await read_body(receive, read_length(headers), body_limit(path))
                    if problem is None:
                        await check_body(headers, repeated, body)
                        receive = replay_body(body, receive)
                except BodyError as error:
                    problem = Problem(error.status, error.detail, headers={"connection": "close"})
            if problem is not None:
                await exchange.send_problem(problem)
                return
            go_by(name, scope)
            await self._app(scope, receive, exchange.send)
        except ClientGone:
            return
        except Exception:
            log.exception("%s %s failed", _say_method(method), name)
            await exchange.fail()

    async def _admit(self, scope: Scope, name: str, worker: Gatekeeper, credential: Credential) -> Problem | None:
        """None where the call may go on; its key is then in scope["state"]["api_key"]."""
        path, gate = scope["path"], worker.gate
        if path in OPEN_PATHS or (gate.open_docs and (path in OPEN_IN_DEVELOPMENT or path.startswith(STATIC_FILES))):
            return None
        if _is_signed(scope):
            return None
        now, keys = datetime.now(UTC), worker.keys
        caller = credential.verify(keys, gate.tokens, now)
        if caller is None and credential.may_be_new:
            # A key made within the last second is not in the ring yet. Nothing is counted before the ring is read
            # anew: however many calls it makes at once, and whatever others of its address were refused.
            keys = await worker.newer_keys()
            caller = credential.verify(keys, gate.tokens, now)
        if caller is None:
            return self._refuse(scope, name, gate, credential, known=keys is not None)
        return _authorise(scope, gate, caller, now)

    def _refuse(self, scope: Scope, name: str, gate: Gate, credential: Credential, *, known: bool) -> Problem:
        if not known:  # it may be a good one, so this counts for nothing
            return Problem(503, "The keys cannot be read at the moment.", headers={"retry-after": "2"})
        address = _address(scope)
        wait = gate.refusals.take(address)
        gate.note_refusal(UNKNOWN, "refuse key", address, datetime.now(UTC), credential.key)
        if wait:
            return Problem(429, headers={"retry-after": str(wait)})
        log.warning("refused %s %s from %s: %s", _say_method(scope["method"]), name, address, credential.fault)
        challenge = "X-API-Key" if gate.tokens is None else "X-API-Key, Bearer"
        return Problem(401, credential.fault, headers={"www-authenticate": challenge})


def _authorise(scope: Scope, gate: Gate, caller: ApiKey, now: datetime) -> Problem | None:
    gate.use.note(caller.id, now)
    if gate.calls is not None and (wait := gate.calls.take(caller.counted_as)):
        gate.note_refusal(caller.name, "limit calls", _address(scope), now)
        return Problem(
            429, f"This key may make {gate.calls.limit} calls; wait as long as Retry-After says.",
            headers={"retry-after": str(wait)},
        )  # fmt: skip
    needed = required_scope(scope["method"], scope["path"])
    if not caller.allows(needed):
        gate.note_refusal(caller.name, "refuse call", _address(scope), now)
        return Problem(403, f"This call needs a key with the scope {needed}; make one with `tqs keys create`.")
    scope.setdefault("state", {})["api_key"] = caller
    return None


def _is_signed(scope: Scope) -> bool:
    return scope["path"] in SIGNED_PATHS and scope["method"] == "POST"


async def _read_signed(
    scope: Scope, headers: Mapping[bytes, bytes], receive: Receive, gate: Gate
) -> tuple[Problem | None, bytes]:
    """The body, or why it is not taken. Its sender has shown no key: what can be said without it is said before.

    However many others of the address were refused, one that is signed is taken.
    """
    if not gate.webhook_secrets:
        return Problem(404, NO_WEBHOOKS), b""
    sent, signature = (headers.get(name, b"").decode("latin-1") for name in (b"x-tqs-timestamp", b"x-tqs-signature"))
    if fault := find_fault(sent, signature, time.time()):
        return _refuse_unsigned(scope, gate, Problem(401, fault, headers=dict(CHALLENGE))), b""
    signed = SignedBody(gate.webhook_secrets, sent, signature)

    async def hash_and_receive() -> Message:
        message = await receive()
        signed.update(message.get("body", b""))
        return message

    try:
        body = await read_body(hash_and_receive, read_length(headers), body_limit(scope["path"]), gate.unproven)
    except BodyError:
        _refuse_unsigned(scope, gate, None)  # nobody knows who sent it
        raise
    if not signed.is_signed():
        return _refuse_unsigned(scope, gate, Problem(401, NOT_SIGNED, headers=dict(CHALLENGE))), b""
    return None, body


def _refuse_unsigned(scope: Scope, gate: Gate, problem: Problem | None) -> Problem | None:
    """Count it; the problem, or another one where its address was refused too often."""
    wait = gate.refusals.take(_address(scope))
    gate.note_refusal(UNKNOWN, "refuse signature", _address(scope), datetime.now(UTC))
    return Problem(429, headers={"retry-after": str(wait)}) if wait else problem


def _know_address(scope: Scope) -> None:
    """Leave only an IP address in the scope: a header that a proxy passed on may say anything."""
    client = scope.get("client")
    if client is not None and (address := _read_address(client[0])) != client[0]:
        scope["client"] = (address, client[1])


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else NO_ADDRESS


@lru_cache(maxsize=4_096)
def _read_address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        return NO_ADDRESS


def _say_method(method: str) -> str:
    return method if method in METHODS else "(unknown method)"
