"""What every page has around its content: bar, time of the last update, banner, and the refresh that keeps it live."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import panel as pn
import panel_material_ui as pmui
import param
from bokeh.events import ConnectionLost, DocumentReady
from bokeh.models import CustomJS
from markupsafe import Markup
from panel.util import edit_readonly
from sqlalchemy import Engine

from dashboards.aside import do_aside
from dashboards.bar import TITLE, render_bar
from dashboards.components.told import ToldLine
from dashboards.context import Context
from dashboards.formats import format_time
from dashboards.html import show_html, update_html
from dashboards.styles import read_style
from dashboards.theme import FAVICON, LOOK_SCRIPT, THEME
from dashboards.views.cards import spread
from dashboards.views.notices import NOT_MADE, show_notice
from dashboards.visitor import EndedLoginError, Visitor, leave_page, read_visitor, require_role
from records.engine import explain_outage
from tqs.errors import TqsError

_FOLDER: Final = Path(__file__).parent
# Until the browser has said so, Panel drops what a click changes: the page is shown from then on.
READY: Final = "document.documentElement.dataset.ready = ''"
LOST_CONNECTION: Final = _FOLDER / "components" / "lost_connection.js"

T = TypeVar("T")

_log = logging.getLogger(__name__)


class LivePage:
    """A page that reads the records when it opens, when it is used and when `live` says so.

    `load` reads and shows; where it fails the page keeps what it showed, says why in a banner, and takes the
    banner away when a later `load` succeeds. `refreshing` is true while it runs, and `visitor` is who it is for, as the
    records had them just before.
    """

    visitor: Visitor

    def __init__(self, context: Context, load: Callable[[], None]) -> None:
        self.refreshing = False
        self._received = False
        self._loaded = -1  # the rounds of `live` when it was last loaded; -1: not, or something was missed since
        self._load = load
        self._here = ""
        self._context = context
        self._kept: dict[Callable[[Engine], Any], Any] = {}
        self._forget()
        self._under_way = False  # an act aside
        self._bar = show_html(style="bar", sizing_mode="stretch_width")
        self._heading = show_html(style="page_head")
        self._told = ToldLine(sizing_mode="stretch_width", margin=0)
        self._updated = show_html(style="page_head", align="end")
        self._banner = pmui.Alert(
            severity="error",
            visible=False,
            sizing_mode="stretch_width",
            margin=0,
            title="The records cannot be reached",
            object="",
        )

    def show(self, heading: str, *content: Any, here: str = "") -> pmui.Page:
        """The whole page around `content`, loaded and kept up to date while its browser is open.

        here: the name of the page of PAGES that is marked in the navigation, if it is not the heading.
        """
        self._here = here or heading
        update_html(self._bar, render_bar(self._here))
        pn.state.curdoc.template_variables.update(look_script=LOOK_SCRIPT, product=TITLE)
        pn.state.curdoc.js_on_event(ConnectionLost, CustomJS(code=LOST_CONNECTION.read_text(encoding="utf-8")))
        pn.state.curdoc.js_on_event(DocumentReady, CustomJS(code=READY))
        pn.state.onload(self._follow)
        self.name(heading)
        self._refresh()
        page = pmui.Page(
            header=[self._bar],
            main=[
                pn.Column(
                    spread(self._heading, self._updated, sizing_mode="stretch_width"),
                    self._banner,
                    self._told,
                    *content,
                    sizing_mode="stretch_width",
                    stylesheets=[read_style("page")],
                )
            ],
            busy_indicator=None,
            favicon=FAVICON,
            main_width=1440,
            # Panel does not send the None above, so the indicator is there, full and without a name.
            sx={
                "& .main": {"backgroundColor": "background.default"},
                "& .main > div > .MuiToolbar-root": {"visibility": "hidden"},  # holds the bar's place by a heading
                "& .MuiLinearProgress-root": {"display": "none"},
            },
            template=_FOLDER / "pages" / "page.html",
            theme_toggle=False,
            theme_config=THEME,
        )
        # It would follow what any session does: each callback of one would be told to the browsers of all, and what all
        # sessions share would keep each page for ever.
        with edit_readonly(page):
            page.busy = _Idle().param.busy
        return page

    def name(self, heading: str) -> None:
        """Let the page be headed by something that `load` has read."""
        update_html(self._heading, Markup("<h1>{}</h1>").format(heading))

    def refresh(self, *_events: Any) -> None:
        """Load once, as the records may have changed; else as `ask`."""
        if not self.refreshing:
            self._forget()
        self.ask()

    def ask(self, *_events: Any) -> None:
        """Load once, as the visitor asked for something else: what `share` gave is taken to be the same.

        Never raises, since a callback of Panel's that did would be the last one. What a load itself changes on the page
        is part of it and sets off no other. Until the browser says that it has the page, nothing is loaded: Panel would
        drop what changes, and not send it again. It is made up for then.
        """
        if not self._received:
            self._loaded = -1
        elif not self.refreshing:
            self._refresh()

    def share(self, read: Callable[[Engine], T]) -> T:
        """What `read` gives, once for all pages that ask at the same time, and for this one until a change is told of.

        At `load` only, which one thread does.
        """
        if self._kept_of != self._context.live.rounds:
            self._forget()
        if read not in self._kept:
            self._kept[read] = self._context.live.share(read)
        kept: T = self._kept[read]
        return kept

    def _forget(self) -> None:
        self._kept.clear()
        self._kept_of, self._kept_since = self._context.live.rounds, datetime.now(UTC)

    def act(self, role: str, do: Callable[[str], str]) -> bool:
        """Let the visitor do something that takes `role`, say what came of it, and load; whether it was done.

        do: given what the audit log calls the visitor, does it and returns the sentence that says so. What it raises
        as a TqsError is said in its place. Never raises.
        """
        said, done = self._try(lambda: do(require_role(self._context.engine, role).actor))
        self._say_done(said, done)
        return done

    def act_aside(
        self, role: str, do: Callable[[str], str], saying: str, then: Callable[[], None] = lambda: None
    ) -> bool:
        """As `act`, for what takes longer than a tenth of a second: in a thread; whether it has begun.

        `do` touches nothing that is shown; `then`, which does, is called when it has been done. `saying` is shown until
        then: "Refreshing 50 sessions …". Another one is refused meanwhile.
        """
        if self._under_way:
            self.tell("Not done: what was begun before is still under way.", good=False)
            return False
        actor, allowed = self._try(lambda: require_role(self._context.engine, role).actor)
        if not allowed:
            self.tell(actor, good=False)
            return False
        self._under_way = True
        self._told.tell(saying, "busy")
        do_aside(lambda: self._try(lambda: do(actor)), lambda done: self._end_act(*done.result(), then))
        return True

    def attempt(self, do: Callable[[], None]) -> None:
        """Do what reads the records for a click, and say why where it cannot be done. Never raises."""

        def attempted() -> str:
            do()
            return ""

        said, done = self._try(attempted)
        if not done:
            self.tell(said, good=False)

    def tell(self, sentence: str, *, good: bool = True) -> None:
        """Say it at the top of the page, aloud to those who listen, until the next one or until it is closed."""
        self._told.tell(sentence, "good" if good else "bad")

    def _try(self, do: Callable[[], str]) -> tuple[str, bool]:
        """What `do` returns and True, or a sentence that says why it could not be done and False."""
        try:
            with explain_outage(self._context.engine):
                return do(), True
        except TqsError as error:
            return f"Not done: {error}.", False
        except Exception:  # noqa: BLE001  # a callback that raises would be the last one
            _log.exception("an act of a visitor failed")
            return "Not done: something went wrong here; the log of the dashboards says what.", False

    def _end_act(self, said: str, done: bool, then: Callable[[], None]) -> None:
        def finish() -> str:
            then()
            return said

        self._under_way = False
        self._say_done(*(self._try(finish) if done else (said, done)))

    def _say_done(self, said: str, done: bool) -> None:
        self.tell(said, good=done)
        self._context.live.forget()
        self.refresh()

    def _follow(self) -> None:
        self._received = True
        self._context.live.keep(self.refresh)
        if self._loaded != self._context.live.rounds:
            self.refresh()

    def _refresh(self) -> None:
        self.refreshing = True
        rounds, self._loaded = self._context.live.rounds, -1
        try:
            with explain_outage(self._context.engine):
                self.visitor = read_visitor(self._context.engine)
                update_html(self._bar, render_bar(self._here, self.visitor.name, self.visitor.role))
                self._load()
        except EndedLoginError:
            leave_page()
        except TqsError as error:
            _log.warning("%s", error)
            self._banner.param.update(object=f"{error}. What is below may be out of date.", visible=True)
        except Exception:  # noqa: BLE001  # whatever it was, the page must go on asking
            _log.exception("the page could not be refreshed")
            self._banner.param.update(
                object="Something went wrong here; the log of the dashboards says what.", visible=True
            )
        else:
            self._loaded = rounds
            self._banner.visible = False
            since = format_time(self._kept_since, self._context.zone, seconds=True)
            update_html(self._updated, Markup("<span>Updated {}</span>").format(since))
        finally:
            self.refreshing = False


class _Idle(param.Parameterized):  # type: ignore[misc]  # Panel is not typed for us
    busy = param.Boolean()


def show_failure(context: Context) -> pmui.Page:
    """A page in place of one that could not be made."""
    return LivePage(context, lambda: None).show("Something went wrong here", show_notice(NOT_MADE))
