"""One answer on its way out: security headers on all of them, problem documents in the place of other errors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from bentos.body import Message
from bentos.problems import PROBLEM_JSON, Problem, translate_error

Headers = list[tuple[bytes, bytes]]

# The page of the docs needs scripts and styles that are served here; everything else is data.
PAGES: Final = frozenset({"/", "/docs"})
AS_THEY_ARE: Final = frozenset({"/api/health"})  # its 503 is a report on the service, not an error of the call
LARGEST_ERROR: Final = 4 * 2**20
KEPT: Final = frozenset({b"allow", b"retry-after", b"www-authenticate"})
DROPPED: Final = frozenset({b"server"})
_COMMON: Final[Headers] = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
]
_DATA: Final[Headers] = [*_COMMON, (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")]
_PAGE: Final[Headers] = [
    *_COMMON,
    (
        b"content-security-policy",
        b"default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
        b"frame-ancestors 'none'",
    ),
]


class Exchange:
    """The sending side of one request.

    status: what was answered, 0 before. cors: headers for scripts of other web pages, on all answers.
    """

    def __init__(self, send: Callable[[Message], Awaitable[None]], path: str) -> None:
        self._send = send
        self._as_it_is = path in AS_THEY_ARE
        self._security = _PAGE if path in PAGES else _DATA
        self._error: Message | None = None  # the start of an error whose body is being collected
        self._body = bytearray()
        self.status = 0
        self.cors: Headers = []

    async def send(self, message: Message) -> None:
        """What the application sends: an error is collected and leaves as a problem document, all else as it comes."""
        if message["type"] == "http.response.start":
            headers = message.get("headers", [])
            if message["status"] >= 400 and not self._as_it_is and not _is_problem(headers):
                self._error = message
                return
            kept = [(name, value) for name, value in headers if name.lower() not in DROPPED]
            await self._pass({**message, "headers": [*kept, *self._security, *self.cors]})
        elif self._error is None:
            await self._pass(message)
        else:
            self._body += message.get("body", b"")[: LARGEST_ERROR - len(self._body)]
            if not message.get("more_body", False):
                await self._send_translated(self._error)

    async def send_problem(self, problem: Problem) -> None:
        """Answer with a problem document."""
        body = problem.to_json()
        own = {"content-type": PROBLEM_JSON, "content-length": str(len(body)), **problem.headers}
        headers = [(name.encode(), value.encode()) for name, value in own.items()]
        await self._answer(problem.status, headers, body)

    async def send_empty(self, headers: Headers) -> None:
        """Answer that there is nothing to say, with `headers`."""
        await self._answer(204, headers, b"")

    async def fail(self) -> None:
        """Answer 500, unless an answer has begun: then there is nothing left to say."""
        if not self.status:
            await self.send_problem(Problem(500))

    async def _send_translated(self, start: Message) -> None:
        problem = translate_error(start["status"], bytes(self._body))
        for name, value in start.get("headers", []):
            if name.lower() in KEPT:
                problem.headers[name.decode("latin-1").lower()] = value.decode("latin-1")
        if problem.status in (429, 503):
            problem.headers.setdefault("retry-after", "2")
        await self.send_problem(problem)

    async def _answer(self, status: int, headers: Headers, body: bytes) -> None:
        whole = [*headers, *self._security, *self.cors]
        await self._pass({"type": "http.response.start", "status": status, "headers": whole})
        await self._pass({"type": "http.response.body", "body": body, "more_body": False})

    async def _pass(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)


def _is_problem(headers: Headers) -> bool:
    return any(name.lower() == b"content-type" and value.startswith(PROBLEM_JSON.encode()) for name, value in headers)
