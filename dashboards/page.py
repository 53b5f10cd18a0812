"""What every page has around its content: bar, time of the last update, banner, and the refresh that keeps it live."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import panel as pn
import panel_material_ui as pmui
from bokeh.events import ConnectionLost
from bokeh.models import CustomJS
from markupsafe import Markup
from panel.util import edit_readonly

from dashboards.context import Context
from dashboards.formats import format_time
from dashboards.html import show_html, update_html
from dashboards.styles import read_style
from dashboards.theme import THEME
from dashboards.views.cards import spread
from dashboards.visitor import require_role
from records.engine import explain_outage
from tqs.errors import TqsError

TITLE: Final = "Tutor quality"
PAGES: Final = {
    "overview": "Overview",
    "sessions": "Sessions",
    "tutors": "Tutors",
    "matching": "Matching",
    "models": "Models",
}
FIRST_PAGE: Final = "overview"
LOST_CONNECTION: Final = Path(__file__).parent / "components" / "lost_connection.js"

_log = logging.getLogger(__name__)


class LivePage:
    """A page that reads the records when it opens, when it is used and when `live` says so.

    `load` reads and shows; where it fails the page keeps what it showed, says why in a banner, and takes the
    banner away when a later `load` succeeds. `refreshing` is true while it runs.
    """

    def __init__(self, context: Context, load: Callable[[], None]) -> None:
        self.refreshing = False
        self._received = False
        self._load = load
        self._context = context
        self._told = show_html(style="told", sizing_mode="stretch_width", visible=False)
        self._updated = show_html(style="page_head", align="end")
        self._banner = pmui.Alert(
            severity="error",
            visible=False,
            sizing_mode="stretch_width",
            margin=0,
            title="The records cannot be reached",
            object="",
        )

    def show(self, heading: str, *content: Any) -> pmui.Page:
        """The whole page around `content`, loaded and kept up to date while its browser is open.

        A heading that is the name of one of PAGES marks it in the navigation.
        """
        pn.state.curdoc.js_on_event(ConnectionLost, CustomJS(code=LOST_CONNECTION.read_text(encoding="utf-8")))
        pn.state.onload(self._follow)
        self._refresh()
        head = show_html(Markup("<h1>{}</h1>").format(heading), style="page_head")
        page = pmui.Page(
            title=TITLE,
            header=[_show_navigation(heading), pn.HSpacer(), _show_logout()],
            main=[
                pn.Column(
                    spread(head, self._updated, sizing_mode="stretch_width"),
                    self._banner,
                    self._told,
                    *content,
                    sizing_mode="stretch_width",
                    stylesheets=[read_style("page")],
                )
            ],
            busy_indicator=None,
            main_width=1440,
            sx={"& .main": {"backgroundColor": "background.default"}},
            theme_config=THEME,
        )
        # The indicator follows what any session does: each callback of one would be told to the browsers of all.
        with edit_readonly(page):
            page.busy = False
        return page

    def refresh(self, *_events: Any) -> None:
        """Load once; never raises, since a callback of Panel's that did would be the last one.

        What a load itself changes on the page is part of it and sets off no other. Until the browser says that it has
        the page, nothing is loaded: Panel would drop what changes, and not send it again. It is made up for then.
        """
        if self._received and not self.refreshing:
            self._refresh()

    def act(self, role: str, do: Callable[[str], str]) -> bool:
        """Let the visitor do something that takes `role`, say what came of it, and load; whether it was done.

        do: given what the audit log calls the visitor, does it and returns the sentence that says so. What it raises
        as a TqsError is said in its place. Never raises.
        """
        try:
            with explain_outage(self._context.engine):
                said, done = do(require_role(self._context.engine, role).actor), True
        except TqsError as error:
            said, done = f"Not done: {error}.", False
        except Exception:  # noqa: BLE001  # a callback that raises would be the last one
            _log.exception("an act of a visitor failed")
            said, done = "Not done: something went wrong here; the log of the dashboards says what.", False
        self.tell(said, good=done)
        self.refresh()
        return done

    def tell(self, sentence: str, *, good: bool = True) -> None:
        """Say it at the top of the page, aloud to those who listen, until the next one or until it is closed."""
        icon, tone, role = ("check_circle", "good", "status") if good else ("error", "bad", "alert")
        told = Markup("<p class={} role={}><span class=icon aria-hidden=true>{}</span>{}</p>")
        update_html(self._told, told.format(tone, role, icon, sentence))
        self._told.visible = True

    def _follow(self) -> None:
        self._received = True
        self._context.live.keep(self.refresh)
        self.refresh()

    def _refresh(self) -> None:
        self.refreshing = True
        try:
            with explain_outage(self._context.engine):
                self._load()
        except TqsError as error:
            _log.warning("%s", error)
            self._banner.param.update(object=f"{error}. What is below may be out of date.", visible=True)
        except Exception:  # noqa: BLE001  # whatever it was, the page must go on asking
            _log.exception("the page could not be refreshed")
            self._banner.param.update(
                object="Something went wrong here; the log of the dashboards says what.", visible=True
            )
        else:
            self._banner.visible = False
            now = format_time(datetime.now(UTC), self._context.zone, seconds=True)
            update_html(self._updated, Markup("<span>Updated {}</span>").format(now))
        finally:
            self.refreshing = False


def _show_navigation(heading: str) -> pn.pane.HTML:
    links = Markup("").join(
        Markup('<a href="./{}"{}>{}</a>').format(
            address, Markup(' aria-current="page"') if name == heading else Markup(""), name
        )
        for address, name in PAGES.items()
    )
    return show_html(Markup('<nav aria-label="Pages">{}</nav>').format(links), style="page_head", margin=(0, 8))


def _show_logout() -> pn.pane.HTML:
    return show_html(Markup('<a href="./logout">Log out</a>'), style="page_head", margin=(0, 8))
