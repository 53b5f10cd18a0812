"""The card of a model as a page, written anew for each who asks: it tells of decisions made since it was trained."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from markdown_it import MarkdownIt
from markupsafe import Markup
from panel.io.server import AuthenticatedStaticFileHandler
from sqlalchemy import Engine
from tornado.web import RequestHandler, authenticated

from dashboards.styles import read_style
from modelling.model_card import make_card
from records.columns import TARGETS
from tqs.errors import ModelError

POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; frame-ancestors 'none'"
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
    """The page of a card in Markdown. What is HTML in it is shown as text."""
    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(card)
    # A table that is wider than a phone scrolls by itself.
    body = body.replace("<table>", '<div class="wide" tabindex="0"><table>').replace("</table>", "</table></div>")
    return PAGE.format(
        title=f"Model card: {target} {version}",
        style=Markup(read_style("model_card_page")),  # noqa: S704  # ours
        body=Markup(body),  # noqa: S704  # markdown-it escapes
    )


class _CardHandler(RequestHandler):
    """Behind the login as the files of runs are."""

    get_login_url = AuthenticatedStaticFileHandler.get_login_url
    get_current_user = AuthenticatedStaticFileHandler.get_current_user
    prepare = AuthenticatedStaticFileHandler.prepare

    def initialize(self, engine: Engine) -> None:
        self.engine = engine

    @authenticated
    async def get(self, target: str, version: str) -> None:
        try:
            page = await asyncio.to_thread(make_card, self.engine, target, version)
        except ModelError as error:
            self.set_status(404)
            self.set_header("Content-Type", "text/plain; charset=utf-8")
            self.finish(str(error))
            return
        self.set_header("Content-Security-Policy", POLICY)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "private, no-cache")
        self.finish(render_card(target, version, page))
