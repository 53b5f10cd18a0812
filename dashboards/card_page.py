"""The card of a model as a page, written anew for each who asks: it tells of decisions made since it was trained."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

from markdown_it import MarkdownIt
from markupsafe import Markup
from sqlalchemy import Engine
from tornado.web import authenticated

from dashboards.plain_page import PlainHandler, name_sender, render_error, render_plain_page
from modelling.model_card import make_card
from modelling.store import list_models
from records.columns import TARGETS
from records.engine import explain_outage
from tqs.errors import ModelError, RecordsError


def card_route(engine: Engine) -> Any:
    """What the server of the dashboards has to know in order to show the cards."""
    return (rf"/cards/({'|'.join(TARGETS)})/(v[0-9]{{1,9}})", _CardHandler, {"engine": engine})


def link_card(target: str, version: str) -> str:
    """The address of a card."""
    return f"cards/{target}/{version}"


def render_card(card: str) -> Markup:
    """The card, which is Markdown, as HTML. What is HTML in it is shown as text, and nothing in it is a link."""
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table").disable(["link", "image", "autolink"])
    # What is wider than a phone scrolls by itself, by keyboard too.
    body = markdown.render(card).replace("<table>", '<div class="wide-table" tabindex="0"><table>')
    body = body.replace("<pre>", '<pre tabindex="0">')
    return Markup(f"<article>{body.replace('</table>', '</table></div>')}</article>")  # noqa: S704  # markdown-it escapes


class _CardHandler(PlainHandler):
    def initialize(self, engine: Engine) -> None:
        self.engine = engine

    @authenticated
    async def get(self, target: str, version: str) -> None:
        name = name_sender(self)
        status, page = await asyncio.to_thread(_answer, self.engine, target, version, name)
        self.set_status(status)
        self.finish(page)


def _answer(engine: Engine, target: str, version: str, name: str) -> tuple[HTTPStatus, str]:
    """The page, or one that says why there is no card."""
    place: dict[str, Any] = {"depth": 2, "name": name, "back": "models"}
    try:
        with explain_outage(engine):
            if all(row.version != version for row in list_models(engine, target)):
                missing = f"There is no model {version} of {target}, or it is not kept any more."
                return HTTPStatus.NOT_FOUND, render_error(HTTPStatus.NOT_FOUND, missing, **place)
            card = make_card(engine, target, version)
    except RecordsError as error:
        return HTTPStatus.SERVICE_UNAVAILABLE, render_error(HTTPStatus.SERVICE_UNAVAILABLE, f"{error}.", **place)
    except ModelError as error:
        return HTTPStatus.CONFLICT, render_error(HTTPStatus.CONFLICT, f"{error}.", **place)
    return HTTPStatus.OK, render_plain_page(f"Model card: {target} {version}", render_card(card), **place)
