"""The card of a model as a page, written anew for each who asks: it tells of decisions made since it was trained."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any, Final

from markdown_it import MarkdownIt
from markupsafe import Markup
from panel.io.server import AuthenticatedStaticFileHandler
from sqlalchemy import Engine
from tornado.web import RequestHandler, authenticated

from dashboards.styles import read_style
from modelling.model_card import make_card
from modelling.store import list_models
from records.columns import TARGETS
from records.engine import explain_outage
from tqs.errors import ModelError, RecordsError

POLICY: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
PAGE: Final = Markup(
    "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>"
    "<title>{title}</title><style>{style}</style><main>{body}</main></html>"
)


def card_route(engine: Engine) -> Any:
    """What the server of the dashboards has to know in order to show the cards."""
    return (rf"/cards/({'|'.join(TARGETS)})/(v[0-9]{{1,9}})", _CardHandler, {"engine": engine})


def link_card(target: str, version: str) -> str:
    """The address of a card."""
    return f"cards/{target}/{version}"


def render_card(target: str, version: str, card: str) -> str:
    """The page of a card in Markdown. What is HTML in it is shown as text, and nothing in it is a link."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table").disable(["link", "image", "autolink"])
    # A table that is wider than a phone scrolls by itself.
    body = markdown.render(card).replace("<table>", '<div class="wide" tabindex="0"><table>')
    return PAGE.format(
        title=f"Model card: {target} {version}",
        style=Markup(read_style("model_card_page")),  # noqa: S704  # ours
        body=Markup(body.replace("</table>", "</table></div>")),  # noqa: S704  # markdown-it escapes
    )


class _CardHandler(RequestHandler):
    """Behind the login as the files of runs are."""

    get_login_url = AuthenticatedStaticFileHandler.get_login_url
    get_current_user = AuthenticatedStaticFileHandler.get_current_user
    prepare = AuthenticatedStaticFileHandler.prepare

    def initialize(self, engine: Engine) -> None:
        self.engine = engine

    def set_default_headers(self) -> None:
        self.set_header("Content-Security-Policy", POLICY)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "private, no-cache")

    @authenticated
    async def get(self, target: str, version: str) -> None:
        status, page = await asyncio.to_thread(_answer, self.engine, target, version)
        self.set_status(status)
        if status != HTTPStatus.OK:
            self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.finish(page)


def _answer(engine: Engine, target: str, version: str) -> tuple[HTTPStatus, str]:
    """The page, or a sentence why there is none."""
    try:
        with explain_outage(engine):
            if all(row.version != version for row in list_models(engine, target)):
                return HTTPStatus.NOT_FOUND, f"there is no model {version} of {target}, or it is not kept any more"
            return HTTPStatus.OK, render_card(target, version, make_card(engine, target, version))
    except RecordsError as error:
        return HTTPStatus.SERVICE_UNAVAILABLE, str(error)
    except ModelError as error:
        return HTTPStatus.CONFLICT, str(error)
