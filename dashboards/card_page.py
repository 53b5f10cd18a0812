"""The card of a model as a page, written anew for each who asks: it tells of decisions made since it was trained."""

from __future__ import annotations

from typing import Any

from markdown_it import MarkdownIt
from markupsafe import Markup
from sqlalchemy import Engine
from tornado.web import authenticated

from dashboards.plain_page import PlainHandler
from modelling.model_card import make_card
from modelling.store import list_models
from records.columns import TARGETS
from tqs.errors import NotFoundError


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
        await self.answer_aside(self.engine, lambda: _read_card(self.engine, target, version), depth=2, back="models")


def _read_card(engine: Engine, target: str, version: str) -> tuple[str, Markup]:
    if all(row.version != version for row in list_models(engine, target)):
        raise NotFoundError(f"There is no model {version} of {target}, or it is not kept any more")
    return f"Model card: {target} {version}", render_card(make_card(engine, target, version))
