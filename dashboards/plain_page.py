"""Pages that are HTML alone: what they have in common with each other, and how they look like all others."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final

from markupsafe import Markup
from panel.io.server import AuthenticatedStaticFileHandler
from sqlalchemy import Engine
from tornado.web import HTTPError, RequestHandler, authenticated

from dashboards.bar import FIRST_PAGE, PAGES, TITLE, render_bar
from dashboards.styles import read_style
from dashboards.theme import FAVICON, LOOK_SCRIPT
from records.engine import explain_outage
from tqs.errors import ModelError, NotFoundError, RecordsError, TqsError

_HASH: Final = base64.b64encode(hashlib.sha256(LOOK_SCRIPT.encode()).digest()).decode()
POLICY: Final = (
    f"default-src 'none'; script-src 'sha256-{_HASH}'; style-src 'unsafe-inline'; img-src data:; frame-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_PAGE: Final = Markup(
    "<!doctype html><html lang=en><head><meta charset=utf-8>"
    '<meta name=viewport content="width=device-width, initial-scale=1"><title>{title} · {product}</title>'
    '<link rel=icon href="{icon}"><style>{style}</style><script>{script}</script></head>'
    '<body><a class=skip href="#content" data-does=skip>Skip to the content</a><header>{bar}</header>'
    "<main id=content class={kind}>"
    '<p class=back><a href="{root}{address}"><span aria-hidden=true>←</span> {page}</a></p>{body}</main></body></html>'
)
# status: what it is called, and a sentence where nothing better is known
ERRORS: Final = {
    HTTPStatus.BAD_REQUEST: ("This address is not right", "Something in it cannot be read; go on from here."),
    HTTPStatus.FORBIDDEN: ("This is not for you", "Your login does not allow it, or the form was open for too long."),
    HTTPStatus.NOT_FOUND: (
        "There is nothing here",
        "The address may be mistyped, or what it led to is gone.",
    ),
    HTTPStatus.METHOD_NOT_ALLOWED: ("This cannot be done here", "Go on from here."),
    HTTPStatus.CONFLICT: ("This cannot be shown", "Go on from here."),
    HTTPStatus.SERVICE_UNAVAILABLE: ("The records cannot be reached", "Try again in a moment."),
}
_STATUS: Final[dict[type[TqsError], HTTPStatus]] = {
    RecordsError: HTTPStatus.SERVICE_UNAVAILABLE,
    NotFoundError: HTTPStatus.NOT_FOUND,
    ModelError: HTTPStatus.CONFLICT,
}
_OURS: Final = ("Something went wrong here", "The log of the dashboards says what. Try again in a moment.")


def render_plain_page(
    title: str, body: Markup, *, depth: int, name: str = "", back: str = FIRST_PAGE, kind: str = "text"
) -> str:
    """The whole page.

    depth: how many folders below the pages of PAGES its address is. name: of who is logged in. back: the address of
    that page of PAGES which leads to it. kind: `text`, or `wide` for what fills the window.
    """
    root = "../" * depth or "./"
    return _PAGE.format(
        title=title,
        product=TITLE,
        icon=FAVICON,
        style=Markup(read_style("bar") + read_style("plain_page")),  # noqa: S704  # ours
        script=Markup(LOOK_SCRIPT),  # noqa: S704  # ours
        bar=render_bar(PAGES[back] if back != FIRST_PAGE else "", name, root=root),
        kind=kind,
        root=root,
        address=back,
        page=PAGES[back],
        body=body,
    )


def render_error(status: int, said: str = "", **place: Any) -> str:
    """A page that says what is wrong and leads back; place: as for `render_plain_page`."""
    title, sentence = ERRORS.get(HTTPStatus(status), _OURS)
    body = Markup("<article><h1>{}</h1><p>{}</p><p class=status>{}</p></article>").format(
        title, said or sentence, f"Error {status}"
    )
    return render_plain_page(title, body, **place)


def write_error_page(handler: RequestHandler, status_code: int, **details: Any) -> None:
    """What Tornado calls where a handler has failed; the reason is told where we gave one."""
    handler.set_header("Content-Security-Policy", POLICY)
    handler.set_header("Content-Type", "text/html; charset=utf-8")
    error = details.get("exc_info", (None, None))[1]
    said = error.reason if isinstance(error, HTTPError) and error.reason else ""
    depth = handler.request.path.count("/") - 1
    handler.finish(render_error(status_code, f"{said}." if said else "", depth=depth, name=name_sender(handler)))


def name_sender(handler: RequestHandler) -> str:
    """Who is logged in, by a handler that asked; else nothing."""
    name = getattr(handler, "_current_user", None)
    return name if isinstance(name, str) else ""


class PlainHandler(RequestHandler):
    """Behind the login as the pages are."""

    get_login_url = AuthenticatedStaticFileHandler.get_login_url
    get_current_user = AuthenticatedStaticFileHandler.get_current_user
    prepare = AuthenticatedStaticFileHandler.prepare
    write_error = write_error_page

    def set_default_headers(self) -> None:  # noqa: D102
        self.set_header("Content-Security-Policy", POLICY)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "private, no-cache")

    async def answer_aside(self, engine: Engine, make_content: Callable[[], tuple[str, Markup]], **place: Any) -> None:
        """Answer as `make_answer` says, with the records read in a thread; place: but for the name."""
        status, page = await asyncio.to_thread(make_answer, engine, make_content, name=name_sender(self), **place)
        self.set_status(status)
        self.finish(page)


def make_answer(engine: Engine, make_content: Callable[[], tuple[str, Markup]], **place: Any) -> tuple[HTTPStatus, str]:
    """A page whose title and body are made from the records, or one that says why they cannot be.

    place: as for `render_plain_page`.
    """
    try:
        with explain_outage(engine):
            return HTTPStatus.OK, render_plain_page(*make_content(), **place)
    except tuple(_STATUS) as error:
        status = next(status for kind, status in _STATUS.items() if isinstance(error, kind))
        return status, render_error(status, f"{error}.", **place)


class NothingHere(PlainHandler):
    """The answer to addresses that lead nowhere: a page for who is logged in, the login for all others."""

    @authenticated
    async def get(self) -> None:  # noqa: D102
        raise HTTPError(HTTPStatus.NOT_FOUND)

    head = get
