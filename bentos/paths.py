"""What is known of a path: the scope that it needs, the largest body, and the name by which logs and metrics call it.

All by the path as the router below gets it, decoded once. A spelling that is not exactly a path of these lists needs
the scope `admin` to write, so none reaches a route with less than the route's own spelling does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, Final

MIB: Final = 2**20
OPEN_PATHS: Final = frozenset({"/api/health", "/livez", "/readyz", "/healthz"})
OPEN_IN_DEVELOPMENT: Final = frozenset({"/", "/docs", "/docs.json", "/metrics"})
STATIC_FILES: Final = "/static_content/"
MODEL_PATHS: Final = frozenset({"/predict_match", "/predict_reschedule", "/predict_no_show", "/score_tutors"})
# An assignment is computed and not kept, as what the model endpoints answer.
READING_POSTS: Final = MODEL_PATHS | {"/api/matching/run-matching"}
SIGNED_PATHS: Final = frozenset({"/api/webhooks/sessions"})  # a signature takes the place of a key
INGEST_PATHS: Final = frozenset({"/api/sessions", "/api/sessions/batch"})
LARGE_PATHS: Final = SIGNED_PATHS | {"/api/sessions/batch"}
NOT_A_ROUTE: Final = "/{unknown}"
_REAL: Final = "tqs.path"


def required_scope(method: str, path: str) -> str:
    """The scope that a call needs: reading and computing `read`, sending sessions `ingest`, everything else `admin`."""
    if method in ("GET", "HEAD"):
        return "read"
    if method == "POST" and path in READING_POSTS:
        return "read"
    return "ingest" if method == "POST" and path in INGEST_PATHS else "admin"


def body_limit(path: str) -> int:
    """The largest body in bytes that a path takes."""
    if path in MODEL_PATHS:
        return 16 * MIB
    return 5 * MIB if path in LARGE_PATHS else MIB


class PathNames:
    """The name of a path: that of its route, with `{id}` in the place of what differs from call to call.

    There are as many names as routes. By their own paths, metrics would keep a series for each id, without end, and
    logs would hold whatever was called.
    """

    def __init__(self, templates: Iterable[str]) -> None:
        routes = [template.split("/") for template in templates]
        self._words = {part for parts in routes for part in parts if not part.startswith("{")}
        self._names = {"/".join("{id}" if part.startswith("{") else part for part in parts) for parts in routes}
        self._names |= OPEN_PATHS | OPEN_IN_DEVELOPMENT

    def name(self, path: str) -> str:
        """The name; `/{unknown}` for what is no route's."""
        if path in self._names:
            return path
        found = "/".join(part if part in self._words else "{id}" for part in path.split("/"))
        return found if found in self._names else NOT_A_ROUTE


def go_by(name: str, scope: MutableMapping[str, Any]) -> None:
    """Let what comes before `RealPath` see the name in the place of the path."""
    scope[_REAL], scope["path"] = scope["path"], name


class RealPath:
    """The ASGI layer below BentoML's metrics and access log: from here on a call has its own path again."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: MutableMapping[str, Any], receive: object, send: object) -> None:
        """Pass the call on."""
        if _REAL in scope:
            scope["path"] = scope.pop(_REAL)
        await self._app(scope, receive, send)
